"""Calls: the list of those to be called, and the customers who call."""
