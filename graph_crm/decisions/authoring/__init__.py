"""Rules at work: tried on the past, switched, counted, reported."""
