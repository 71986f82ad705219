"""People, organisations, households, their contact points and the ties between them."""
