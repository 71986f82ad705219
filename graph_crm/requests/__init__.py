"""Service requests and complaints: numbered, owned, answered in time."""
