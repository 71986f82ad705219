"""Errors as they stand in a response: a stable code and what to do, never a stack trace."""

from __future__ import annotations

import uuid
from typing import Any

from graphql import GraphQLError

from graph_crm import logs
from graph_crm.api.documents import shown
from graph_crm.errors import CrmError, InvalidInput

log = logs.get(__name__)


def shown_error(error: CrmError) -> dict[str, Any]:
    """An error of ours as it stands in a response."""
    return {"message": error.message, "extensions": error.extensions()}


def incident(error: Exception) -> dict[str, Any]:
    """An unexpected error: the caller gets a number, the log gets the error."""
    number = uuid.uuid4().hex[:12]
    log.error("internal_error", incident=number, exc_info=error)
    return {
        "message": "Something went wrong inside the platform.",
        "extensions": {
            "code": CrmError.code,
            "incident": number,
            "hint": "Tell the operator the incident number; it is in the log.",
        },
    }


def resolver_error(error: GraphQLError) -> dict[str, Any]:
    """What went wrong while a field was resolved, with its path."""
    original = error.original_error
    while isinstance(original, GraphQLError) and original.original_error:
        original = original.original_error
    if isinstance(original, CrmError):
        return {**shown_error(original), "path": error.path or []}
    if original is None or isinstance(original, GraphQLError):
        return shown(error, InvalidInput.code)
    return {**incident(original), "path": error.path or []}
