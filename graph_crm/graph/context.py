"""What a resolver gets: the database, the caller, the services, and the way to answer with a node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from graph_crm.graph.database import Database

S = TypeVar("S")


class Fetch(Protocol):
    """Compiles the selection of a running field to one statement and reads the node with it."""

    async def __call__(self, type_name: str, key: str, info: Any) -> Any:
        """The node of type ``type_name`` with the key, shaped for the response; raises `NotFound`."""


class RequestContext:
    """The context of one GraphQL request (``info.context``)."""

    def __init__(
        self,
        database: Database,
        *,
        caller: Any = None,
        fetch: Fetch,
        root: Callable[[Any], Awaitable[Any]],
        services: Callable[[type[Any]], Any],
        audit: Any = None,
    ) -> None:
        self.database = database
        self.caller = caller
        self.audit = audit
        """What writes down what is shown (`graph_crm.audit.service.Audit`); None: nobody does."""
        self._fetch = fetch
        self.root = root
        """Answers a root field over the mapping from its ``info``."""
        self._services = services

    async def fetch(self, type_name: str, key: str, info: Any) -> Any:
        """Answer a mutation with a node: one statement for the whole selection."""
        return await self._fetch(type_name, key, info)

    def service(self, service: type[S]) -> S:
        """The use cases of a slice, for example ``context.service(PartyService)``."""
        found: S = self._services(service)
        return found
