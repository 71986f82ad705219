"""What `graph-crm demo` prints once everything is up: addresses, a token a role, three queries."""
