"""The command `graph-crm`."""
