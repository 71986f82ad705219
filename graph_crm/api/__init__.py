"""The GraphQL edge: schema assembly, execution, errors and the HTTP app."""
