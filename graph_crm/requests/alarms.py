"""What time does to requests: warnings before a target, breaches, closing what nobody wrote to any more.

Each open request has one entry in the outbox with the instant at which it must be looked at next; its key stands on the
request. A change of the request plans it anew. An entry whose key is no longer the request's does nothing, so a look is
taken exactly once, whatever is delivered twice or too late.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graph_crm import logs
from graph_crm.errors import CrmError, DatabaseUnavailable
from graph_crm.events.worker import Handler
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.outbox import OutboxEntry
from graph_crm.graph.timers import Work
from graph_crm.parties import checks
from graph_crm.requests import cypher
from graph_crm.requests.closing import close_draft
from graph_crm.requests.draft import ALARM, Draft, plan
from graph_crm.requests.kinds import ClockKind, EntryKind, RequestOutcome, RequestPriority, RequestStatus
from graph_crm.requests.messages import Recipient
from graph_crm.requests.service import RequestService
from graph_crm.requests.standing import lock_by_id
from graph_crm.rules.booked import Named
from graph_crm.rules.request_hooks import breach_actions
from graph_crm.rules.requests import Breach, BreachAction

UNOWNED_EVERY = 30.0
"""Seconds between two looks for requests that nobody answers for."""
MOST = 200
"""So many of them are given out at a time."""

log = logs.get(__name__)


class RequestAlarms:
    """Looks at requests when a target is near, missed, or nobody wrote for long. Everything goes by the log."""

    def __init__(self, database: Database, service: RequestService) -> None:
        self._database = database
        self._service = service

    def topics(self) -> Mapping[str, Handler]:
        """What the worker hands over here."""
        return {ALARM: self.look}

    def timers(self) -> Mapping[str, tuple[float, Work]]:
        """What `graph_crm.graph.timers.Timers` is to do, and how often."""
        return {"requests.unowned": (UNOWNED_EVERY, self.give_out)}

    async def look(self, tx: Transaction, entry: OutboxEntry) -> None:
        """Warn, or put before the supervisor, or close, whatever the clocks say now; and plan the next look."""
        service = self._service
        standing = await lock_by_id(tx, entry.payload["requestId"], service.clock() if service.clock else None)
        if standing is None or standing.request["clockKey"] != entry.id:
            return
        draft = Draft(standing, service.desk, service.messages)
        for kind, entry_id, data, _due in draft.alarms():
            if kind is EntryKind.WARNED:
                self._warn(draft, entry_id, data)
            else:
                await self._breached(draft, entry_id, data)
        ends = draft.ends_at()
        if ends is not None and draft.now >= ends:
            answered = draft.status is RequestStatus.ANSWERED
            close_draft(draft, RequestOutcome.SOLVED if answered else RequestOutcome.NO_ANSWER, by=None)
        if draft.changed:
            await draft.finish(tx, service.effects)
        else:  # a clock of another machine was a little ahead
            key = await plan(tx, standing.id, None, draft.next_look(draft.clocks()))
            await tx.run(cypher.REPLAN, {"id": standing.id, "clockKey": key})

    async def give_out(self) -> int:
        """Find owners for requests that came when nobody was at work; how many have one now."""
        given = 0
        rows = await self._database.read(cypher.UNOWNED, {"most": MOST})
        people = await self._service.roster.people()
        if not rows or all(one.away(self._now()) for one in people):
            return 0
        for row in rows:
            try:
                changed = await self._service.assign(row["number"], None, by="platform")
            except DatabaseUnavailable:
                raise
            except CrmError as error:  # closed meanwhile, or whatever it is: the others are not to wait for it
                log.warning("request_not_given_out", number=row["number"], code=error.code, problem=error.message)
            else:
                given += not changed.repeated
        return given

    def _now(self) -> Any:
        return (self._service.clock or checks.utc_now)()

    def _warn(self, draft: Draft, entry_id: str, data: Mapping[str, Any]) -> None:
        if draft.owner is None:
            return
        due = _due(draft, data)
        draft.tell(
            self._service.messages.warning(
                f"{entry_id}:owner", draft.standing.about(), draft.owner, due, breached=False, owner=draft.owner.name
            )
        )

    async def _breached(self, draft: Draft, entry_id: str, data: Mapping[str, Any]) -> None:
        """Put the request before the supervisor, and do what plugins want done about it."""
        service, standing = self._service, draft.standing
        owner = draft.owner.name if draft.owner else None
        why = f"{data['clock']} was due {data['due']}"
        to = await service.put_before_supervisor(draft, by=None, reason=why, data_why="BREACHED")
        due = _due(draft, data)
        told = {to.email} if to is not None else set()
        if to is not None:
            recipient = Recipient(id=to.id, name=to.name, email=to.email, language=next(iter(to.languages), None))
            message = service.messages.warning(
                f"{entry_id}:supervisor", standing.about(), recipient, due, breached=True, owner=owner
            )
            draft.tell(message)
        draft.happened(EntryKind.BREACHED, entry_id, by=None, data=dict(data))
        if service.book is None:
            return
        breach = Breach(
            request=standing.facts(service.desk, owner=draft.value("ownerId"), priority=draft.value("priority")),
            number=standing.number,
            clock=data["clock"],
            due=due,
            at=draft.now,
        )
        for place, named in enumerate(breach_actions(service.book, [breach])):
            self._act(draft, named, f"{entry_id}:{place}", due, told)

    def _act(self, draft: Draft, named: Named[BreachAction], key: str, due: Any, told: set[str | None]) -> None:
        """Do one thing that a plugin wants done about a breach; nobody is told of it twice."""
        action = named.value
        if action.note:
            draft.log(EntryKind.NOTE, by=f"plugin:{named.plugin}", text=action.note)
        if action.priority is not None:
            draft.raise_to(RequestPriority(action.priority))
        for address in action.tell:
            if address in told:
                continue
            told.add(address)
            owner = draft.owner
            to = Recipient(id=None, name=address, email=address, language=None)
            message = self._service.messages.warning(
                f"{key}:{address}",
                draft.standing.about(),
                to,
                due,
                breached=True,
                owner=owner.name if owner else None,
            )
            draft.tell(message)


def _due(draft: Draft, data: Mapping[str, Any]) -> Any:
    clocks = draft.clocks()
    return (clocks.first_response if data["clock"] == ClockKind.FIRST_RESPONSE.value else clocks.resolution).due
