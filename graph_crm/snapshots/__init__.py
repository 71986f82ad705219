"""Customers as rules and the contact policy see them: read from the graph a whole batch at a time."""

from graph_crm.snapshots.loading import Memory, Reader, load, load_event, load_events

__all__ = ["Memory", "Reader", "load", "load_event", "load_events"]
