"""What stands before every request: how connections are kept, who asks from where, how often, with which headers."""
