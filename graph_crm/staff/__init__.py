"""Staff: the employees of the bank, what they can do and when they are away."""
