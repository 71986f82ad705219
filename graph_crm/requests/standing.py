"""A request as it stands under its lock: what every change of it is judged by."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from graph_crm.errors import NotFound
from graph_crm.graph.database import Row, Transaction
from graph_crm.requests import cypher
from graph_crm.requests.clocks import LogEntry
from graph_crm.requests.desk import Desk
from graph_crm.requests.kinds import EntryKind, RequestKind, RequestStatus
from graph_crm.requests.messages import About, Asker, Recipient, subject_of
from graph_crm.requests.numbers import parse
from graph_crm.rules.requests import RequestFacts

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def instant(milliseconds: int) -> dt.datetime:
    """An instant in UTC from milliseconds since 1970."""
    return _EPOCH + dt.timedelta(milliseconds=milliseconds)


def utc(at: dt.datetime) -> dt.datetime:
    """The instant in UTC, whole milliseconds, as the graph keeps it."""
    at = at.astimezone(dt.UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A request under its lock, its customer and owner, and its log as clocks read it."""

    request: Mapping[str, Any]
    party: Mapping[str, Any] | None
    owner: Mapping[str, Any] | None
    product: str | None
    log: Sequence[LogEntry]
    now: dt.datetime
    """The database's clock after the lock, in UTC; nothing in the log is later."""

    @property
    def id(self) -> str:
        """Identifier of the request."""
        return str(self.request["id"])

    @property
    def number(self) -> str:
        """The number that customers know."""
        return str(self.request["number"])

    @property
    def status(self) -> RequestStatus:
        """Where it stands."""
        return RequestStatus(self.request["status"])

    @property
    def kind(self) -> RequestKind:
        """Request or complaint."""
        return RequestKind(self.request["kind"])

    @property
    def due(self) -> dt.datetime | None:
        """Until when it is to be answered."""
        return self.at("dueAt")

    def at(self, name: str) -> dt.datetime | None:
        """An instant of the request, for example ``closedAt``."""
        found = self.request[name]
        return None if found is None else instant(found)

    def about(self) -> About:
        """The request as messages name it."""
        return About(
            id=self.id,
            number=self.number,
            subject=subject_of(self.request["subject"], self.request["text"] or ""),
            category=self.request["category"],
            country=self.request["country"],
        )

    def asker(self, desk: Desk) -> Asker:
        """Who asked, as messages address them."""
        party, request = self.party, self.request
        return Asker(
            party_id=request["partyId"],
            name=party["displayName"] if party else request["contactName"],
            contact=request["contact"],
            reply_to_contact=False,
            language=request["language"],
            zone=request["zone"] or desk.calendar(request["country"]).zone,
        )

    @property
    def owner_name(self) -> str | None:
        """What customers call the owner."""
        return self.owner["displayName"] if self.owner else None

    @property
    def owner_here(self) -> bool:
        """Whether somebody answers for it who works here and is not away."""
        return bool(self.owner and self.owner["active"] and not self.owner["away"])

    def recipient(self) -> Recipient | None:
        """The owner as messages reach them; None: nobody answers for it."""
        one = self.owner
        if one is None:
            return None
        languages = one["languages"] or [None]
        return Recipient(id=one["id"], name=one["displayName"], email=one["email"], language=languages[0])

    def facts(self, desk: Desk, **changed: Any) -> RequestFacts:
        """The request as routing and plugins see it; ``changed`` overrules what stands there."""
        request, party = self.request, self.party or {}
        known: dict[str, Any] = {
            "id": self.id,
            "kind": request["kind"],
            "category": request["category"],
            "team": request["team"],
            "skill": request["skill"],
            "priority": request["priority"],
            "channel": request["channel"],
            "language": request["language"],
            "country": desk.country_of(request["country"]),
            "subject": request["subject"] or "",
            "text": request["text"] or "",
            "source": request["source"],
            "party": request["partyId"],
            "segment": party.get("segment"),
            "vulnerable": bool(party.get("vulnerable")),
            "product": self.product,
            "severity": request["severity"],
            "owner": request["ownerId"],
            "opened_at": self.at("openedAt"),
        }
        return RequestFacts(**{**known, **changed})


async def lock(tx: Transaction, number: str, now: dt.datetime | None = None) -> Standing:
    """Lock the request of that number until the end of ``tx``; ``now`` replaces the database's clock.

    Raises NotFound.
    """
    known = parse(number[:40])
    rows = await tx.run(cypher.STANDING, {"number": known, "now": now}) if known else []
    if not rows:
        raise NotFound("number: there is no such request", hint="A number looks like R-4F7K-2M9P.", field="number")
    return _standing(rows[0])


async def lock_by_id(tx: Transaction, request_id: str, now: dt.datetime | None = None) -> Standing | None:
    """Lock the request with that id; None where there is none any more."""
    rows = await tx.run(cypher.STANDING_BY_ID, {"id": request_id, "now": now})
    return _standing(rows[0]) if rows else None


def read_log(rows: Sequence[Sequence[Any]]) -> list[LogEntry]:
    """A log as clocks read it, from rows of kind, milliseconds and data as JSON text."""
    return [
        LogEntry(kind=EntryKind(kind), at=instant(at), data=orjson.loads(data) if data else {})
        for kind, at, data in rows
    ]


def _standing(row: Row) -> Standing:
    return Standing(
        request=row["request"],
        party=row["party"],
        owner=row["owner"],
        product=row["product"],
        log=read_log(row["log"]),
        now=instant(row["now"]),
    )
