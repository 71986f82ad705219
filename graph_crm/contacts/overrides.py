"""Overrides of limits: sales pressure that is asked for by one person, approved by another, and ends by itself.

An override shortens the days of one limit for one segment (or all customers) from an instant to another. It can't
raise how many contacts are allowed, can't lengthen a limit and can't remove one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from graph_crm import snapshots
from graph_crm.contacts import cypher
from graph_crm.contacts.approach import Override
from graph_crm.contacts.kinds import OverrideStatus
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.errors import AlreadyDecided, NotFound, SamePerson
from graph_crm.graph.database import Database, Row, Transaction
from graph_crm.parties import checks
from graph_crm.parties.service import new_id
from graph_crm.parties.writes import Written, write_once
from graph_crm.rules.snapshot import ticked

LONGEST = dt.timedelta(days=31)
"""No override lasts longer: who needs it longer asks again, and another person looks at it again."""
FURTHEST_AHEAD = dt.timedelta(days=90)
"""No override begins later than so long after it was asked for."""
SHORTEST_DAYS = 1.0
"""A limit is shortened to one day at the shortest; the second call on one day is never approved."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@cache
def shipped() -> ContactPolicy:
    """The shipped contact policy, which holds where no other is set."""
    return ContactPolicy.load()


@dataclass(frozen=True, kw_only=True)
class NewOverride:
    """What is asked for: this limit counts only so many days, for these customers, for this time."""

    limit: str
    days: float
    since: dt.datetime
    until: dt.datetime
    reason: str
    segment: str | None = None


@dataclass(frozen=True, slots=True)
class OverrideReport:
    """An override and what it caused."""

    id: str
    limit: str
    segment: str | None
    days: float
    since: dt.datetime
    until: dt.datetime
    reason: str
    status: OverrideStatus
    asked_by: str
    decided_by: str | None
    revoked_by: str | None
    decisions: int
    """Decisions that would have come out otherwise without it."""
    reservations: int
    """Slots that were held only because of it."""
    contacts: int
    """Contacts made in those slots."""
    responses: int
    """What customers said to those contacts."""
    accepted: int
    """How many of them said yes."""


async def approved(read: snapshots.Reader, now: dt.datetime) -> tuple[Override, ...]:
    """The approved overrides whose end is after ``now``, as the contact policy takes them."""
    rows = await read(cypher.APPROVED_OVERRIDES, {"now": ticked(now)})
    return overrides_of(rows[0]["overrides"])


def overrides_of(found: Sequence[Sequence[Any]]) -> tuple[Override, ...]:
    """Overrides as the statements return them, as the contact policy takes them."""
    return tuple(
        Override(identifier, limit, segment, float(days), _instant(since), _instant(until), reason)
        for identifier, limit, segment, days, since, until, reason in found
    )


class OverrideService:
    """The use cases of overrides. ``by`` is always the stable name of the person who asks, from the token."""

    def __init__(
        self,
        database: Database,
        policy: Callable[[], ContactPolicy] = shipped,
        *,
        now: checks.Clock = checks.utc_now,
    ) -> None:
        self._database = database
        self._policy = policy
        self._now = now

    @property
    def policy(self) -> ContactPolicy:
        """The contact policy that this process works by, the limits of plugins included."""
        return self._policy()

    async def ask(self, override: NewOverride, *, by: str, idempotency_key: str | None = None) -> Written:
        """Ask for an override; it has no effect until another person approves it.

        Raises: InvalidInput for a limit that is not known, days that don't shorten it, or a time that is too long.
        """
        now = ticked(self._now())
        properties = {**self._checked(override, now), "askedBy": by, "askedAt": now}
        identifier = new_id("override")

        async def work(tx: Transaction) -> Written:
            await tx.run(cypher.ASK_OVERRIDE, {"id": identifier, "properties": properties})
            return Written(identifier)

        command = {"override": override, "by": by}
        return await write_once(self._database, "askLimitOverride", idempotency_key, command, work)

    def _checked(self, override: NewOverride, now: dt.datetime) -> dict[str, Any]:
        limit = self._policy().limit(override.limit)
        if limit is None:
            known = ", ".join(sorted(one.name for one in self._policy().limits))
            raise checks.refuse("limit", "is no limit of the contact policy", f"Use one of: {known}.")
        if not SHORTEST_DAYS <= override.days < limit.days:
            raise checks.refuse(
                "days",
                "does not shorten the limit",
                f"Send a number from {SHORTEST_DAYS:g} to less than {limit.days:g}, the days of the limit.",
                limit=limit.days,
            )
        for field, value in (("from", override.since), ("until", override.until)):
            if value.tzinfo is None:
                raise checks.refuse(field, "has no time zone", "Send an offset, for example 2026-11-23T10:00:00Z.")
        since, until = max(ticked(override.since), now), ticked(override.until)
        if until <= since:
            raise checks.refuse("until", "is not after the beginning and after now", "Send a later end.")
        if until - since > LONGEST:
            raise checks.refuse(
                "until", "is too late", f"An override lasts at most {LONGEST.days} days; ask again for another."
            )
        if since > now + FURTHEST_AHEAD:
            raise checks.refuse(
                "from", "is too far ahead", f"An override begins at most {FURTHEST_AHEAD.days} days from now."
            )
        return {
            "limit": limit.name,
            "segment": None if override.segment is None else checks.text("segment", override.segment),
            "days": float(override.days),
            "from": since,
            "until": until,
            "reason": checks.text("reason", override.reason),
        }

    async def approve(self, override_id: str, *, by: str, note: str | None = None) -> Written:
        """Approve what another person asked for; to say it again changes nothing.

        Raises: SamePerson for the one who asked; AlreadyDecided where it was rejected or revoked, or its end has come.
        """
        return await self._decide(override_id, OverrideStatus.APPROVED, by, note)

    async def reject(self, override_id: str, *, by: str, note: str | None = None) -> Written:
        """Refuse what another person asked for; to say it again changes nothing. Raises as `approve`."""
        return await self._decide(override_id, OverrideStatus.REJECTED, by, note)

    async def revoke(self, override_id: str, *, by: str, note: str | None = None) -> Written:
        """End an override at once, or take back what was asked for. Anyone who may, the one who asked too.

        Raises: AlreadyDecided where it was rejected.
        """
        said = None if note is None else checks.text("note", note)

        async def work(tx: Transaction) -> Written:
            found = await self._lock(tx, override_id)
            if found["status"] == OverrideStatus.REJECTED:
                raise _decided(found)
            if found["status"] != OverrideStatus.REVOKED:
                properties = {
                    "status": OverrideStatus.REVOKED.value,
                    "revokedBy": by,
                    "revokedAt": ticked(self._now()),
                    "revokedNote": said,
                }
                await tx.run(cypher.DECIDE_OVERRIDE, {"id": override_id, "properties": properties})
            return Written(override_id)

        return await self._database.write(work, idempotent=True)

    async def _decide(self, override_id: str, status: OverrideStatus, by: str, note: str | None) -> Written:
        said = None if note is None else checks.text("note", note)

        async def work(tx: Transaction) -> Written:
            found = await self._lock(tx, override_id)
            now = ticked(self._now())
            if found["askedBy"] == by:
                raise SamePerson(
                    "Who asked for an override can't decide on it", hint="Another person with this right decides."
                )
            if found["status"] == status and found["decidedBy"] == by:
                return Written(override_id)
            if found["status"] != OverrideStatus.ASKED:
                raise _decided(found)
            if _instant(found["until"]) <= now:
                raise AlreadyDecided("The end of the override has come", hint="Ask for another one.")
            properties = {"status": status.value, "decidedBy": by, "decidedAt": now, "note": said}
            await tx.run(cypher.DECIDE_OVERRIDE, {"id": override_id, "properties": properties})
            return Written(override_id)

        return await self._database.write(work, idempotent=True)

    @staticmethod
    async def _lock(tx: Transaction, override_id: str) -> Row:
        rows = await tx.run(cypher.LOCK_OVERRIDE, {"id": override_id})
        if not rows:
            raise NotFound("There is no such override", hint="Look it up with limitOverrides.", field="id")
        return rows[0]

    async def report(self, most: int = 200) -> list[OverrideReport]:
        """The latest overrides and what each caused."""
        rows = await self._database.read(cypher.OVERRIDES, {"most": most})
        return [
            OverrideReport(
                id=row["id"],
                limit=row["limit"],
                segment=row["segment"],
                days=row["days"],
                since=_instant(row["since"]),
                until=_instant(row["until"]),
                reason=row["reason"],
                status=OverrideStatus(row["status"]),
                asked_by=row["askedBy"],
                decided_by=row["decidedBy"],
                revoked_by=row["revokedBy"],
                decisions=row["decisions"],
                reservations=row["reservations"],
                contacts=row["contacts"],
                responses=row["responses"],
                accepted=row["accepted"],
            )
            for row in rows
        ]


def _instant(milliseconds: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(milliseconds=milliseconds)


def _decided(found: Row) -> AlreadyDecided:
    return AlreadyDecided(
        f"The override was decided before: it is {found['status']}",
        hint="Read it again; ask for another one where that is needed.",
        status=found["status"],
    )
