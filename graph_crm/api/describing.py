"""The schema's own description (introspection): made beside the others, one at a time, and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, cast

from graphql import ExecutionResult, execute

from graph_crm.api.documents import Operation, shown
from graph_crm.api.keeping import Kept
from graph_crm.api.schema import MappedSchema
from graph_crm.errors import InvalidInput

KEPT: Final = 30
"""Sum of the weights of what is kept: three descriptions, each of some megabytes."""
HEAVY: Final = 10
"""Weight of one description; only those without variables are kept: tools ask for the whole."""


class Descriptions:
    """Answers operations that ask for the description of the schema alone.

    A whole one takes the better part of a second of computing, in which nobody else would be served: so it is made in a
    thread, and no two at the same time.
    """

    def __init__(self, schema: MappedSchema) -> None:
        self._schema = schema
        self._kept: Kept[dict[str, Any]] = Kept(KEPT, share=0.5)
        self._one = asyncio.Lock()

    async def answer(self, operation: Operation, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The response, without extensions."""
        found = None if variables else self._kept.get(operation)
        if found is None:
            async with self._one:
                found = await asyncio.to_thread(self._made, operation, dict(variables))
            if not variables:
                self._kept.keep(operation, found, HEAVY)
        return dict(found)

    def _made(self, operation: Operation, variables: dict[str, Any]) -> dict[str, Any]:
        result = execute(
            self._schema.core,
            operation.document,
            root_value={},
            variable_values=variables,
            operation_name=operation.node.name.value if operation.node.name else None,
        )
        done = cast(ExecutionResult, result)  # nothing of the description has to be waited for
        response: dict[str, Any] = {"data": done.data}
        if done.errors:
            response["errors"] = [shown(error, InvalidInput.code) for error in done.errors]
        return response
