"""What a plugin author imports, and only that."""
