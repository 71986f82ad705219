"""Interest: which customers looked at which products, how often and how lately."""
