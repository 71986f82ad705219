"""What customers do, recorded together with its outbox entry."""
