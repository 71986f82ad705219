"""The knowledge base: typical problems and their remedies, suggested while somebody types; what each of them solved."""
