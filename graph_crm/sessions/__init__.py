"""Sessions of customers: online bank, cash machine, branch and call centre, with what was done in them in order."""
