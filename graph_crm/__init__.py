"""graph_crm: a bank's customer-relationship platform on a Neo4j graph, exposed through GraphQL."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("graph-crm")
except PackageNotFoundError:  # a bare checkout that was never installed
    __version__ = "0.0.0"
