"""Merging two parties that are one person, and taking it back."""
