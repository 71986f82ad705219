"""The life of an offer: its states, what customers say to it, what time does to it."""
