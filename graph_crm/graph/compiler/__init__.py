"""The compiler: a GraphQL selection and its arguments become one Cypher statement and the shape of its answer."""

from graph_crm.graph.compiler.place import Limits
from graph_crm.graph.compiler.sight import EVERYTHING, Sight
from graph_crm.graph.compiler.statement import Compiler, Statement

__all__ = ["EVERYTHING", "Compiler", "Limits", "Sight", "Statement"]
