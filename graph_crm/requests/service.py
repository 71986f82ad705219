"""The use cases of service requests and complaints."""

from __future__ import annotations

from collections.abc import Sequence

from graph_crm.graph.database import Database
from graph_crm.requests.commands import Changed, Effect, NewRequest, Opened, Sorter
from graph_crm.requests.kinds import RequestOutcome
from graph_crm.security.roles import Caller


class RequestService:
    """Opens requests and leads them to their end; every method is one transaction and names its request by number.

    ``sorter`` finds the category of a text; ``effects`` follow in the same transaction. ``by`` is the subject of the
    token of whoever acts, ``key`` makes a repeated call the same one, ``version`` is the one that the caller has seen.
    """

    def __init__(self, database: Database, *, sorter: Sorter | None = None, effects: Sequence[Effect] = ()) -> None:
        self._database = database
        self._sorter = sorter
        self._effects = tuple(effects)

    async def open(self, request: NewRequest, *, key: str | None = None, by: str | None = None) -> Opened:
        """Take a request in: number, owner, due dates, acknowledgement, all in one transaction."""
        raise NotImplementedError

    async def customer_wrote(
        self, number: str, text: str, *, attachments: Sequence[str] = (), key: str | None = None, by: str | None = None
    ) -> Changed:
        """Add what the customer wrote. Raises RequestClosed where it was closed too long ago: open a new one then."""
        raise NotImplementedError

    async def answer(
        self,
        number: str,
        text: str,
        *,
        by: str,
        attachments: Sequence[str] = (),
        articles: Sequence[str] = (),
        close: bool = False,
        outcome: RequestOutcome | None = None,
        root_cause: str | None = None,
        version: int | None = None,
        key: str | None = None,
    ) -> Changed:
        """Answer the customer, who is told by the preferred channel; with ``close`` the request is done."""
        raise NotImplementedError

    async def note(self, number: str, text: str, *, by: str, key: str | None = None) -> Changed:
        """Write something down that the customer does not see."""
        raise NotImplementedError

    async def assign(
        self, number: str, employee_id: str | None, *, by: str, reason: str | None = None, version: int | None = None
    ) -> Changed:
        """Make somebody responsible; None: whom routing finds. Reassigning is the same."""
        raise NotImplementedError

    async def escalate(self, number: str, reason: str, *, by: str, version: int | None = None) -> Changed:
        """Put a request before the supervisor of its team."""
        raise NotImplementedError

    async def wait_for_customer(
        self, number: str, question: str, *, by: str, version: int | None = None, key: str | None = None
    ) -> Changed:
        """Ask the customer something: the clocks stand still until an answer comes."""
        raise NotImplementedError

    async def resume(self, number: str, *, by: str, version: int | None = None) -> Changed:
        """Let the clocks run again though the customer did not write."""
        raise NotImplementedError

    async def close(
        self,
        number: str,
        outcome: RequestOutcome,
        *,
        by: str,
        root_cause: str | None = None,
        text: str | None = None,
        articles: Sequence[str] = (),
        version: int | None = None,
    ) -> Changed:
        """Close a request."""
        raise NotImplementedError

    async def reopen(self, number: str, reason: str, *, by: str, version: int | None = None) -> Changed:
        """Open a closed request again: the resolution begins anew."""
        raise NotImplementedError

    async def sort(self, number: str, category: str, *, by: str, version: int | None = None) -> Changed:
        """Put a request into a category: its targets hold from here on, and routing finds an owner."""
        raise NotImplementedError

    async def allowed(self, number: str, caller: Caller) -> str:
        """The id of the request, for staff or for the customer whose it is; NotFound for everybody else."""
        raise NotImplementedError
