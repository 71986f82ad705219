"""Interactions: every contact the bank had with a party."""
