"""Service accounts: other systems of the bank, which sign short-lived tokens with keys of their own."""
