"""The channels that the platform brings along; plugins add more."""
