"""What commands show: by the matrix of permissions, as the role that is named sees it.

On the machine of the bank a command acts as the administrator. What is made for others, a list or a report, is made as
they may see it: ``--as-role``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph_crm.errors import InvalidInput, NotFound
from graph_crm.security.roles import Caller, Role

if TYPE_CHECKING:
    from graph_crm.graph.database import Database

AsRole = Annotated[
    Role, typer.Option("--as-role", help="Show it as this role sees it; not those that see their own customers only.")
]


class Seeing:
    """What a role sees of what a command shows. Raises InvalidInput for a role that sees only customers of its own."""

    def __init__(self, role: Role) -> None:
        from graph_crm.api.schema import platform_schema
        from graph_crm.security.matrix import Rows
        from graph_crm.security.sight import Sights

        platform_schema()  # the types that the matrix speaks of
        self.caller = Caller("command", role)
        self.sight = Sights().of(self.caller)
        if self.sight.rows not in {Rows.ALL, Rows.UNPROTECTED}:
            raise InvalidInput(
                f"--as-role {role}: it sees only the customers of who asks.",
                hint=f"Name one of {', '.join(self._for_all())}; or ask the API with a token of the employee.",
            )

    @staticmethod
    def _for_all() -> list[str]:
        """The roles that see the same customers, whoever asks."""
        from graph_crm.security.matrix import Rows, matrix

        return [role.value for role, rows in matrix().rows.items() if rows in {Rows.ALL, Rows.UNPROTECTED}]

    async def records(self, database: Database, type_name: str, prop: str, keys: Iterable[str]) -> set[str]:
        """Those of the records whose customers the role sees."""
        from graph_crm.security.matrix import Rows
        from graph_crm.security.touching import visible

        if self.sight.rows is Rows.ALL:
            return set(keys)
        return await visible(database, self.sight, self.caller, type_name, prop, keys)

    async def customers(self, database: Database, keys: Iterable[str]) -> set[str]:
        """Those of the customers by whom numbers about requests may be named; nobody for who may not read requests."""
        return await self.records(database, "Party", "id", keys) if self._sees("ServiceRequest", "rootCause") else set()

    async def require(self, database: Database, type_name: str, prop: str, key: str) -> None:
        """Raise NotFound for a record that the role does not see."""
        if not await self.records(database, type_name, prop, [key]):
            raise NotFound(f"There is no such {type_name} that {self.caller.role} may see.", hint="Name another role.")

    def shown(self, type_name: str, values: Mapping[str, Any], **called: str) -> dict[str, Any]:
        """The values, null for fields that the role does not see as they are; ``called``: key -> name of its field."""
        return {
            name: value if self._sees(type_name, called.get(name, name)) else None for name, value in values.items()
        }

    def _sees(self, type_name: str, field: str) -> bool:
        from graph_crm.security.matrix import Cell, matrix

        return matrix().cell(self.caller.role, type_name, field) is Cell.SEE
