"""Products, families, the cross-sell ladder, and the agreements that customers hold."""
