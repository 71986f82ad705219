"""The compiler: a GraphQL selection and its arguments become one Cypher statement and the shape of its answer."""

from graph_crm.graph.compiler.statement import Compiler, Limits, Statement

__all__ = ["Compiler", "Limits", "Statement"]
