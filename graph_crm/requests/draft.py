"""A change of a request that is being made: log entries, new values, messages, and the next alarm, written at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from graph_crm.delivery.queueing import Message, queue_many
from graph_crm.graph import outbox
from graph_crm.graph.database import Transaction
from graph_crm.parties.service import new_id
from graph_crm.requests import cypher
from graph_crm.requests.attachments.service import carry
from graph_crm.requests.clocks import Clocks, LogEntry, alarm_data, measure, targets_data
from graph_crm.requests.commands import Changed, Effect, Happening
from graph_crm.requests.desk import Category, Desk, Targets
from graph_crm.requests.kinds import EntryKind, RequestKind, RequestOutcome, RequestPriority, RequestStatus
from graph_crm.requests.messages import Messages, Recipient
from graph_crm.requests.routing import Choice
from graph_crm.requests.standing import Standing
from graph_crm.staff.roster import Colleague

ALARM = "request.alarm"
"""The topic of the outbox under which a request is looked at when a target is near; its payload is ``{requestId}``."""

_WORKED_ON = frozenset(
    {RequestStatus.NEW, RequestStatus.ASSIGNED, RequestStatus.REOPENED, RequestStatus.WAITING_FOR_CUSTOMER}
)
"""In these states a request is on its owner's desk."""
_RANKS = tuple(RequestPriority)


def entry_row(
    entry_id: str,
    seq: int,
    kind: EntryKind,
    at: dt.datetime,
    *,
    by: str | None = None,
    text: str | None = None,
    data: Mapping[str, Any] | None = None,
    visible: bool = False,
) -> dict[str, Any]:
    """An entry of a log as the statements take it."""
    return {
        "id": entry_id,
        "properties": {
            "seq": seq,
            "kind": kind.value,
            "at": at,
            "by": by,
            "text": text,
            "data": orjson.dumps(data, option=orjson.OPT_SORT_KEYS).decode() if data else None,
            "visible": visible,
        },
    }


def opening_data(desk: Desk, category: Category | None, country: str) -> dict[str, Any]:
    """What the first entry of a log carries for the clocks."""
    return {"country": country, "category": category.code if category else None, **category_data(desk, category)}


def category_data(desk: Desk, category: Category | None) -> dict[str, Any]:
    """The targets of a category as an entry of the log carries them."""
    targets: Targets = category or desk.unsorted
    always = category is not None and category.round_the_clock
    return targets_data(targets.first_response, targets.resolution, always=always)


class Draft:
    """What is to become of one request; `finish` writes it in the transaction that holds the lock."""

    def __init__(self, standing: Standing, desk: Desk, messages: Messages) -> None:
        self.standing = standing
        self.desk = desk
        self.now = max(standing.now, *(one.at for one in standing.log))
        self.owner: Recipient | None = standing.recipient()
        self._messages = messages
        self._entries: list[dict[str, Any]] = []
        self._log = list(standing.log)
        self._changes: dict[str, Any] = {}
        self._queue: list[Message] = []
        self._carried: list[tuple[str, Sequence[str], str | None]] = []
        self._happenings: list[Happening] = []
        self._owner_changed = False

    @property
    def status(self) -> RequestStatus:
        """The status that it will have."""
        return RequestStatus(self._changes.get("status", self.standing.request["status"]))

    def value(self, name: str) -> Any:
        """A property as it will be."""
        return self._changes[name] if name in self._changes else self.standing.request[name]

    def set(self, **changes: Any) -> None:
        """Change properties; None removes one."""
        self._changes |= changes

    def log(
        self,
        kind: EntryKind,
        *,
        by: str | None,
        text: str | None = None,
        data: Mapping[str, Any] | None = None,
        visible: bool = False,
        attachments: Sequence[str] = (),
    ) -> str:
        """Add an entry to the log and return its id. ``attachments`` must be of ``by``."""
        identifier = new_id("entry")
        seq = self.standing.request["seq"] + len(self._entries) + 1
        self._entries.append(entry_row(identifier, seq, kind, self.now, by=by, text=text, data=data, visible=visible))
        self._log.append(LogEntry(kind=kind, at=self.now, data=data or {}))
        if attachments:
            self._carried.append((identifier, attachments, by))
        return identifier

    def tell(self, message: Message | None) -> None:
        """Queue a message with the change; None: there is no way to tell."""
        if message is not None:
            self._queue.append(message)

    def happened(
        self,
        entry: EntryKind,
        entry_id: str,
        *,
        by: str | None,
        text: str | None = None,
        outcome: RequestOutcome | None = None,
        articles: Sequence[str] = (),
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Tell those who follow, after the change is written and before it is committed."""
        self._happenings.append(
            Happening(
                entry=entry,
                entry_id=entry_id,
                request_id=self.standing.id,
                number=self.standing.number,
                kind=RequestKind(self.value("kind")),
                at=self.now,
                party_id=self.value("partyId"),
                category=self.value("category"),
                owner_id=self.value("ownerId"),
                product_code=self.standing.product,
                subject=self.value("subject"),
                text=text,
                language=self.value("language"),
                by=by,
                outcome=outcome,
                articles=tuple(articles),
                data=data or {},
            )
        )

    def resume(self, *, by: str | None) -> None:
        """Let the clocks run again, where they stand still."""
        if self.status in {RequestStatus.WAITING_FOR_CUSTOMER, RequestStatus.ANSWERED}:
            self.log(EntryKind.RESUMED, by=by)
            self.set(status=self._working(), waitingSince=None)

    def reopen(self, *, by: str | None, text: str | None) -> str:
        """Open it again: the resolution begins anew."""
        identifier = self.log(EntryKind.REOPENED, by=by, text=text)
        self.set(status=RequestStatus.REOPENED.value, closedAt=None, waitingSince=None, outcome=None, rootCause=None)
        return identifier

    def raise_to(self, priority: RequestPriority) -> None:
        """Make it at least so pressing."""
        if _RANKS.index(RequestPriority(self.value("priority"))) < _RANKS.index(priority):
            self.set(priority=priority.value)

    def give(self, choice: Choice, *, by: str | None, why: str | None = None) -> None:
        """Make the chosen one responsible; told by mail, unless the request is theirs already."""
        if (choice.team, choice.priority) != (self.value("team"), self.value("priority")):
            self.set(team=choice.team, priority=choice.priority)
        self.hand_to(choice.owner, by=by, why=why or choice.why, reason=choice.reason, plugin=choice.plugin)

    def hand_to(
        self,
        to: Colleague | None,
        *,
        by: str | None,
        why: str,
        reason: str | None = None,
        plugin: str | None = None,
        entry: EntryKind = EntryKind.ASSIGNED,
    ) -> str | None:
        """Log who answers from now on, and tell them; None and nothing done where it is theirs already."""
        before = self.value("ownerId")
        if to is None:
            self._own(None)
            return None
        if before == to.id and entry is EntryKind.ASSIGNED:
            return None
        data = {"from": before, "to": to.id, "why": why, "plugin": plugin}
        identifier = self.log(entry, by=by, text=reason, data={key: one for key, one in data.items() if one})
        self._own(to)
        if self.status is RequestStatus.NEW and self.value("category") is not None:
            self.set(status=RequestStatus.ASSIGNED.value)
        return identifier

    def _own(self, to: Colleague | None) -> None:
        self.set(ownerId=to.id if to else None, unowned=None if to else True)
        self._owner_changed = True
        self.owner = (
            None
            if to is None
            else Recipient(id=to.id, name=to.name, email=to.email, language=next(iter(to.languages), None))
        )

    def _working(self) -> str:
        new = self.value("category") is None or self.value("ownerId") is None
        return (RequestStatus.NEW if new else RequestStatus.ASSIGNED).value

    def clocks(self) -> Clocks:
        """Both clocks as they stand with what is logged here."""
        return measure(self._log, self.desk, self.now)

    def alarms(self) -> list[tuple[EntryKind, str, dict[str, Any], dt.datetime]]:
        """Log what the clocks call for now: WARNED or BREACHED, each with its entry, data and due time."""
        found = []
        for kind, clock in self.clocks().alarms(self.now):
            data = alarm_data(clock)
            found.append((kind, self.log(kind, by=None, data=data), data, clock.due))
        return found

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._entries or self._changes)

    async def finish(self, tx: Transaction, effects: Sequence[Effect]) -> Changed:
        """Write the change, its messages and its next alarm, and let those who follow do their part."""
        request = self.standing.request
        clocks = self.clocks()
        on_desk = self.status in _WORKED_ON
        changes = {
            **self._changes,
            "seq": request["seq"] + len(self._entries),
            "openOwnerId": self.value("ownerId") if on_desk else None,
            # A clock that stands still is due at no time: what it would be moves on with every minute.
            "resolutionDueAt": clocks.resolution.due if clocks.resolution.running else None,
            "unowned": True if on_desk and self.value("ownerId") is None else None,
        }
        if clocks.first_response.running:
            changes["firstResponseDueAt"] = clocks.first_response.due
        key = await plan(tx, self.standing.id, request["clockKey"], self.next_look(clocks))
        applied = {"id": self.standing.id, "changes": {**changes, "clockKey": key}, "entries": self._entries}
        version: int = (await tx.run(cypher.APPLY, applied))[0]["version"]
        if self._owner_changed:
            await tx.run(cypher.OWN, {"id": self.standing.id, "owner": self.value("ownerId")})
            self._tell_owner(clocks, version)
        for entry_id, attachments, by in self._carried:
            await carry(tx, entry_id, attachments, by=by)
        await queue_many(tx, self._queue)
        for happening in self._happenings:
            for effect in effects:
                await effect(tx, happening)
        return Changed(id=self.standing.id, number=self.standing.number, version=version, status=self.status)

    def _tell_owner(self, clocks: Clocks, version: int) -> None:
        if self.owner is not None and self.owner.id != self.standing.request["ownerId"] and self.status in _WORKED_ON:
            key = f"{self.standing.id}:assigned:{version}"
            self.tell(self._messages.assigned(key, self.standing.about(), self.owner, clocks.resolution.due))

    def next_look(self, clocks: Clocks) -> dt.datetime | None:
        """When time will do something to the request next: an alarm, or that it is closed because nobody wrote."""
        return min((at for at in (clocks.next_alarm(), self.ends_at()) if at is not None), default=None)

    def ends_at(self) -> dt.datetime | None:
        """When it is closed by itself: so long after the answer, or the question, nobody wrote. None: it is not."""
        if self.status is RequestStatus.ANSWERED:
            since, days = self._since("answeredAt"), self.desk.close_answered_days
        elif self.status is RequestStatus.WAITING_FOR_CUSTOMER:
            since, days = self._since("waitingSince"), self.desk.close_waiting_days
        else:
            return None
        return None if since is None else since + dt.timedelta(days=days)

    def _since(self, name: str) -> dt.datetime | None:
        if name in self._changes:
            found: dt.datetime | None = self._changes[name]
            return found
        return self.standing.at(name)


async def plan(tx: Transaction, request_id: str, before: str | None, at: dt.datetime | None) -> str | None:
    """Put the next look at a request in the place of the one that was planned; its key, None: none is needed.

    A look that has begun is not cancelled: it finds another key on the request and does nothing.
    """
    if before is not None:
        await outbox.cancel(tx, before)
    if at is None:
        return None
    key = f"{ALARM}:{new_id(request_id)}"
    await outbox.put(tx, ALARM, request_id, {"requestId": request_id}, key, not_before=at)
    return key
