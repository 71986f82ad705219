"""Delivery: every message that the bank sends, by whatever channel, tracked to its end."""
