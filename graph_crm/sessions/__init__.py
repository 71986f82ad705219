"""Sessions: visits to the online bank, an ATM, a branch, the call centre."""
