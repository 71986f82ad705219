"""Decisions: which offer for whom, and why."""
