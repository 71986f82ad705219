"""How likely a customer takes an offer, learned from what customers answered: counts, and nothing that is fitted."""
