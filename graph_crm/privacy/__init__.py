"""What the bank holds on one person: shown, corrected, restricted, erased, and let go when its time is over."""
