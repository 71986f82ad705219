"""What the HTTP edge is given: the wired platform. `graph_crm.bootstrap` builds it, nobody else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from graph_crm.graph.database import Database
from graph_crm.rules.manager import RuleBook
from graph_crm.security.sight import Sights
from graph_crm.security.tokens import Verifier
from graph_crm.settings import Settings


class Service(Protocol):
    """A use-case class of a slice."""

    def __init__(self, database: Database) -> None: ...


S = TypeVar("S", bound=Service)


@dataclass
class Platform:
    """Database, rules and token check of one running process."""

    settings: Settings
    database: Database
    verifier: Verifier
    rules: RuleBook
    sights: Sights | None = None
    """What each role sees; None: cursors are sealed for this process only."""
    _services: dict[type[Any], Any] = field(default_factory=dict, repr=False)

    def provide(self, service: object) -> None:
        """Keep the one instance of a service that needs more than the database to be built."""
        self._services[type(service)] = service

    def service(self, kind: type[S]) -> S:
        """The one instance of the service ``kind`` in this process, built from the database where none was provided."""
        found: S | None = self._services.get(kind)
        if found is None:
            found = self._services[kind] = kind(self.database)
        return found
