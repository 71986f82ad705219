"""The use cases of consent: what a customer says is added to what it said before, and what it forbids is cancelled."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graph_crm import snapshots
from graph_crm.consent import cypher
from graph_crm.consent.kinds import REFUSALS, ConsentStanding, ConsentStatus, Purpose
from graph_crm.consent.pending import WHAT_WAS_SAID, cancel
from graph_crm.contacts import ledger
from graph_crm.contacts.approach import POINT_KIND, Approach, Finding
from graph_crm.contacts.kinds import Channel
from graph_crm.contacts.permission import deciding_consent, objection_to_profiling, permission
from graph_crm.errors import AlreadyExists, NotFound
from graph_crm.graph.database import Database, Transaction
from graph_crm.parties import checks
from graph_crm.parties.service import new_id
from graph_crm.parties.writes import Written, write_once
from graph_crm.rules.conditions.base import Needs
from graph_crm.rules.snapshot import ConsentFact, Snapshot

STATEMENTS_LIMIT = 100
"""Statements of one call."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_CLASS = {
    Purpose.MARKETING: "PROMOTIONAL",
    Purpose.PARTNERS: "PROMOTIONAL",
    Purpose.SERVICE: "TRANSACTIONAL",
    Purpose.SURVEY: "TRANSACTIONAL",
}
"""The class of the contacts that a purpose is asked for."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What a customer said about one purpose; ``at`` is now when left out, and may be long ago."""

    purpose: Purpose
    status: ConsentStatus
    channel: Channel | None = None
    """None: all channels."""
    point_key: str | None = None
    """The contact point that it is about, for example ``PHONE:+420602123456``; None: all."""
    at: dt.datetime | None = None
    source: str | None = None
    text_version: str | None = None
    note: str | None = None
    id: str | None = None


@dataclass(frozen=True)
class Standing:
    """What holds now for a purpose, a channel and a contact point."""

    status: ConsentStanding
    """What the customer's own statements come to."""
    allowed: bool
    """Whether consent allows it; not where somebody else has stopped the contact point."""
    since: dt.datetime | None
    decided_by: str | None
    """Id of the consent that decides."""
    reason: str
    """The same as an English sentence."""


class ConsentService:
    """The use cases of consent. Every method is one transaction and raises `CrmError` only; nothing is ever changed.

    Answers with the ids of the statements as ``related``.
    """

    def __init__(self, database: Database, *, now: checks.Clock = checks.utc_now) -> None:
        self._database = database
        self._now = now

    async def record(
        self, party_id: str, statements: Sequence[Statement], *, idempotency_key: str | None = None
    ) -> Written:
        """Record what a customer said: all of the statements or none.

        One that comes late takes its place by ``at``; one of the future is refused. In the same transaction everything
        that is pending and is forbidden now is cancelled with the reason.
        """
        if not 0 < len(statements) <= STATEMENTS_LIMIT:
            raise checks.refuse("statements", "are none or too many", f"Send 1 to {STATEMENTS_LIMIT} statements.")
        rows = [_checked(one, f"statements[{index}].", self._now()) for index, one in enumerate(statements)]

        if len({row["id"] for row in rows}) < len(rows):
            raise checks.refuse("statements", "name an id twice", "Give each statement an id of its own, or none.")

        async def work(tx: Transaction) -> Written:
            await self._record(tx, party_id, rows)
            return Written(party_id, related=tuple(row["id"] for row in rows))

        command = {"partyId": party_id, "statements": list(statements)}
        return await write_once(self._database, "recordConsent", idempotency_key, command, work)

    async def withdraw(
        self,
        party_id: str,
        purpose: Purpose | None = None,
        *,
        at: dt.datetime | None = None,
        source: str | None = None,
        text_version: str | None = None,
        note: str | None = None,
        idempotency_key: str | None = None,
    ) -> Written:
        """Withdraw everything of a purpose, or everything: every purpose by every channel at every contact point."""
        purposes = list(Purpose) if purpose is None else [purpose]
        statements = [
            Statement(
                purpose=one,
                status=ConsentStatus.WITHDRAWN,
                at=at,
                source=source,
                text_version=text_version,
                note=note,
            )
            for one in purposes
        ]
        return await self.record(party_id, statements, idempotency_key=idempotency_key)

    async def object_to_profiling(
        self,
        party_id: str,
        *,
        objects: bool = True,
        at: dt.datetime | None = None,
        source: str | None = None,
        note: str | None = None,
        idempotency_key: str | None = None,
    ) -> Written:
        """Object to being thought about in order to be made offers; with ``objects`` False take the objection back."""
        status = ConsentStatus.WITHDRAWN if objects else ConsentStatus.GRANTED
        statement = Statement(purpose=Purpose.PROFILING, status=status, at=at, source=source, note=note)
        return await self.record(party_id, [statement], idempotency_key=idempotency_key)

    async def _record(self, tx: Transaction, party_id: str, rows: Sequence[dict[str, Any]]) -> None:
        named = sorted({row["pointKey"] for row in rows if row["pointKey"]})
        # The refusal of a contact point stops it for everybody who uses it: its ledger is theirs too.
        locked = await ledger.lock(tx, ledger.keys(party_id, points=named))
        (standing,) = await tx.run(
            cypher.STANDING, {"partyId": party_id, "points": named, "ids": [row["id"] for row in rows]}
        )
        if not standing["known"]:
            raise _no_party()
        for index, row in enumerate(rows):
            if row["pointKey"] and row["pointKey"] not in standing["points"]:
                raise NotFound(
                    f"statements[{index}].pointKey: the party has no such contact point",
                    hint="Use the id of one of its contactPoints.",
                    field=f"statements[{index}].pointKey",
                )
            if row["id"] in standing["taken"]:
                raise AlreadyExists(
                    f"statements[{index}].id: a consent with this id is recorded",
                    hint="Send another id, or none.",
                    field=f"statements[{index}].id",
                )
        # A clock that runs ahead must not put off what was said: nothing is later than the database's own now.
        stored = [{**row, "at": locked.now if row["at"] is None else min(row["at"], locked.now)} for row in rows]
        await tx.run(cypher.RECORD, {"partyId": party_id, "statements": stored, "now": locked.now})
        refusals = [row for row in stored if row["status"] in REFUSALS]
        if refusals:
            points = {row["pointKey"] for row in refusals if row["pointKey"]}
            await cancel(tx, permission, locked.now, party_id=party_id, points=points)

    async def standing(
        self, party_id: str, purpose: Purpose, channel: Channel | None = None, point_key: str | None = None
    ) -> Standing:
        """What holds now. Without a contact point the channel may use any of the party's: all must be allowed.

        PROFILING is asked without channel and contact point: allowed is what nobody objected to. Every other purpose
        needs a channel. Raises: NotFound for an unknown party, InvalidInput.
        """
        wanted = checks.one_of("purpose", purpose, Purpose)
        way = None if channel is None else checks.one_of("channel", channel, Channel)
        check_place(wanted, way, point_key)
        if way is None and wanted is not Purpose.PROFILING:
            raise checks.refuse("channel", "is missing", "Name the channel that you ask about.")
        (row,) = await self._database.read(cypher.CLOCK)
        now = _EPOCH + dt.timedelta(milliseconds=row["now"])
        found = await snapshots.load(self._database.read, [party_id], now=now, needs=Needs(), memory=WHAT_WAS_SAID)
        if not found:
            raise _no_party()
        return _profiling(found[0]) if way is None else _standing(found[0], wanted, way, point_key)


def _checked(statement: Statement, place: str, now: dt.datetime) -> dict[str, Any]:
    """The properties of a statement; ``at`` stays None where it is now."""
    purpose = checks.one_of(f"{place}purpose", statement.purpose, Purpose)
    channel = None if statement.channel is None else checks.one_of(f"{place}channel", statement.channel, Channel)
    check_place(purpose, channel, statement.point_key, place)
    source, version, note = statement.source, statement.text_version, statement.note
    return {
        "id": new_id("consent") if statement.id is None else checks.identifier(f"{place}id", statement.id),
        "purpose": purpose.value,
        "status": checks.one_of(f"{place}status", statement.status, ConsentStatus).value,
        "channel": None if channel is None else channel.value,
        "pointKey": statement.point_key,
        "at": None if statement.at is None else checks.instant(f"{place}at", statement.at, now),
        "source": None if source is None else checks.text(f"{place}source", source),
        "textVersion": None if version is None else checks.text(f"{place}textVersion", version, checks.ID_LIMIT),
        "note": None if note is None else checks.text(f"{place}note", note, checks.NOTE_LIMIT, lines=True),
    }


def check_place(purpose: Purpose, channel: Channel | None, point: str | None, place: str = "") -> None:
    """Refuse a channel or contact point where there can be none."""
    if purpose is Purpose.PROFILING and (channel or point):
        raise checks.refuse(
            f"{place}purpose", "has no channels and no contact points", "Leave channel and pointKey out with PROFILING."
        )
    if point is None:
        return
    checks.text(f"{place}pointKey", point)
    if channel is not None and point.partition(":")[0] != POINT_KIND.get(channel):
        raise checks.refuse(
            f"{place}pointKey",
            "is not used by the channel",
            "Name a phone with PHONE or SMS, an e-mail address with EMAIL, a device with PUSH, else none.",
        )


def _standing(customer: Snapshot, purpose: Purpose, channel: Channel, point: str | None) -> Standing:
    approach = Approach(
        channel.value, at=customer.now, action_class=_CLASS[purpose], purpose=purpose.value, point=point
    )
    found = permission(customer, approach)
    own = next((one for one in customer.consents if one.id in found.evidence and one.purpose == purpose), None)
    return _as_standing(own or deciding_consent(customer, purpose, channel, point), found)


def _profiling(customer: Snapshot) -> Standing:
    objection = objection_to_profiling(customer)
    if objection is not None:
        reason = f"the customer objected to profiling on {objection.at.date()}"
        return _as_standing(objection, Finding(False, "PROFILING_OBJECTED", reason))
    record = deciding_consent(customer, Purpose.PROFILING)
    return _as_standing(record, Finding(True, "NO_OBJECTION", "the customer does not object to profiling"))


def _as_standing(record: ConsentFact | None, found: Finding) -> Standing:
    return Standing(
        status=ConsentStanding.UNKNOWN if record is None else ConsentStanding(record.status),
        allowed=found.allowed,
        since=None if record is None else record.at,
        decided_by=found.evidence[0] if found.evidence else None if record is None else record.id,
        reason=f"{found.reason[:1].upper()}{found.reason[1:]}.",
    )


def _no_party() -> NotFound:
    return NotFound("partyId: there is no such party", hint="Look the party up with searchParties.", field="partyId")
