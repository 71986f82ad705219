"""What became of a call that an agent made: the answer to the offer, or another attempt later."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from graph_crm.calls import cypher
from graph_crm.calls.call_list import locked_entry, recorded, require_caller
from graph_crm.calls.kinds import CallOutcome
from graph_crm.consent.protection import ProtectionService
from graph_crm.contacts.kinds import Channel
from graph_crm.decisions.kinds import ResponseOutcome
from graph_crm.decisions.offers.responses import Acceptance, NewResponse, ResponseService
from graph_crm.delivery.kinds import DeliveryState
from graph_crm.graph.database import Database, Transaction
from graph_crm.parties import checks
from graph_crm.parties.service import new_id
from graph_crm.parties.writes import Written, write_once
from graph_crm.rules.snapshot import ticked

RETRY = dt.timedelta(hours=1)
"""Between two attempts to call somebody back."""
MOST_ATTEMPTS = 3
"""So often somebody is tried to be called back."""
FURTHEST = dt.timedelta(days=366)
"""Nobody is called back later than so long from now."""
TOMORROW = dt.timedelta(days=1)
"""When somebody is called back who named no day."""

_ANSWER: Mapping[CallOutcome, ResponseOutcome] = MappingProxyType(
    {
        CallOutcome.ACCEPTED: ResponseOutcome.ACCEPTED,
        CallOutcome.REJECTED: ResponseOutcome.REJECTED,
        CallOutcome.LATER: ResponseOutcome.LATER,
        CallOutcome.TOLD: ResponseOutcome.PRESENTED,
        CallOutcome.NO_ANSWER: ResponseOutcome.NO_ANSWER,
        CallOutcome.WRONG_NUMBER: ResponseOutcome.NO_ANSWER,
    }
)
_OF_OFFERS = (CallOutcome.ACCEPTED, CallOutcome.REJECTED)


@dataclass(frozen=True, kw_only=True)
class CallReport:
    """What became of a call; ``at`` is now when left out."""

    entry_id: str
    outcome: CallOutcome
    at: dt.datetime | None = None
    call_back_at: dt.datetime | None = None
    """With LATER: when the customer wants to be called."""
    note: str | None = None
    acceptance: Acceptance | None = None
    """With ACCEPTED: the agreement, or the terms of the one to be opened."""


class CallOutcomes:
    """Records what became of calls. ``clock`` replaces the database's clock in tests."""

    def __init__(
        self,
        database: Database,
        responses: ResponseService | None = None,
        protection: ProtectionService | None = None,
        *,
        clock: checks.Clock | None = None,
    ) -> None:
        self._database = database
        self._responses = responses or ResponseService(database, clock=clock)
        self._protection = protection or ProtectionService(database)
        self._clock = clock

    async def record(self, report: CallReport, *, agent: str, idempotency_key: str | None = None) -> Written:
        """Record what became of a claimed entry; the id is the entry's. The same again changes nothing.

        With an offer it is the response to it, with all that follows: a refusal begins the cool-off, what nobody
        answered and what is wanted later comes back when the policy allows. Without one nobody who was not reached is
        forgotten: the entry comes again, three times at most, and then stands in the list as FAILED.

        Raises: NotFound; InvalidInput; CallNotClaimed; CallRecorded; OfferAnswered; OfferEnded.
        """
        report = _checked(report)

        async def work(tx: Transaction) -> Written:
            row, now = await locked_entry(tx, report.entry_id, self._now())
            entry = row["entry"]
            require_caller(entry, agent)
            if entry["reported"] == entry["claims"]:  # nobody took it since the last report
                if entry["outcome"] != report.outcome.value:
                    raise recorded(entry)
                return Written(report.entry_id)
            done = {"outcome": report.outcome.value, "reported": entry["claims"], "claimedUntil": None}
            if report.note is not None:
                done["note"] = report.note
            if entry["offerId"] is not None:
                await self._answered(tx, report, entry, now, done, agent)
            else:
                await self._attempted(tx, report, entry, now, done)
            return Written(report.entry_id)

        written = await write_once(self._database, "recordCall", idempotency_key, {"report": report}, work)
        if report.outcome is CallOutcome.WRONG_NUMBER:
            await self._block(report.entry_id)
        return written

    async def _answered(
        self,
        tx: Transaction,
        report: CallReport,
        entry: Mapping[str, Any],
        now: dt.datetime,
        done: Mapping[str, Any],
        agent: str,
    ) -> None:
        response = NewResponse(
            offer_id=entry["offerId"],
            outcome=_ANSWER[report.outcome],
            at=report.at,
            channel=Channel.PHONE,
            note=report.note,
            call_back_at=report.call_back_at,
            acceptance=report.acceptance,
        )
        written = await self._responses.record_within(tx, response, now, by=agent)
        properties = {
            **done,
            "state": DeliveryState.SENT.value,
            "stateReason": "CALLED",
            "sentAt": now,
            "attempts": entry["attempts"] + 1,
        }
        await tx.run(cypher.CALLED, {"id": entry["id"], "properties": properties, "response": written.id})

    async def _attempted(
        self, tx: Transaction, report: CallReport, entry: Mapping[str, Any], now: dt.datetime, done: Mapping[str, Any]
    ) -> None:
        if report.outcome in _OF_OFFERS:
            raise checks.refuse("outcome", "answers an offer, and this call brings none", "Send TOLD, or another one.")
        made = now if report.at is None else min(ticked(checks.instant("at", report.at, now)), now)
        attempts = entry["attempts"] + 1
        changes: dict[str, Any] = {**done, "attempts": attempts, "sentAt": now}
        if report.outcome is CallOutcome.TOLD:
            changes |= {"state": DeliveryState.SENT.value, "stateReason": "CALLED"}
        elif report.outcome is CallOutcome.WRONG_NUMBER:
            changes |= {"state": DeliveryState.FAILED.value, "stateReason": "WRONG_NUMBER"}
        elif report.outcome is CallOutcome.LATER:
            later = now + TOMORROW if report.call_back_at is None else _within(report.call_back_at, now)
            changes |= {"state": DeliveryState.QUEUED.value, "stateReason": "LATER", "notBefore": later}
        elif attempts >= MOST_ATTEMPTS:
            changes |= {"state": DeliveryState.FAILED.value, "stateReason": "NOT_REACHED"}
        else:
            changes |= {"state": DeliveryState.QUEUED.value, "stateReason": "NO_ANSWER", "notBefore": now + RETRY}
        contact = {
            "at": made,
            "outcome": "NO_ANSWER" if report.outcome is CallOutcome.WRONG_NUMBER else _WORD.get(report.outcome),
            "note": report.note,
        }
        parameters = {"id": entry["id"], "interaction": new_id("interaction"), "properties": contact}
        await tx.run(cypher.CONTACT, parameters)
        # A slot serves one contact.
        await tx.run(cypher.CHANGE, {"id": entry["id"], "properties": {**changes, "reservationId": None}})

    async def _block(self, entry_id: str) -> None:
        """Nobody calls a number again that is somebody else's; safe to be repeated."""
        rows = await self._database.read(cypher.POINT_OF, {"id": entry_id})
        if rows and rows[0]["point"] is not None:
            await self._protection.block_contact_point(rows[0]["point"], "WRONG_NUMBER")

    def _now(self) -> dt.datetime | None:
        return None if self._clock is None else ticked(self._clock())


_WORD: Mapping[CallOutcome, str] = MappingProxyType(
    {CallOutcome.NO_ANSWER: "NO_ANSWER", CallOutcome.LATER: "LATER", CallOutcome.TOLD: "PRESENTED"}
)


def _checked(report: CallReport) -> CallReport:
    """The report with its words as members of their lists. Raises InvalidInput."""
    note, later = report.note, report.call_back_at
    outcome = checks.one_of("outcome", report.outcome, CallOutcome)
    if later is not None and outcome is not CallOutcome.LATER:
        raise checks.refuse("callBackAt", "fits the outcome LATER only", "Leave it out, or send LATER.")
    if later is not None and later.tzinfo is None:
        raise checks.refuse("callBackAt", "has no time zone", "Send an offset, for example 2026-11-23T10:00:00Z.")
    return replace(
        report,
        outcome=outcome,
        note=None if note is None else checks.text("note", note, checks.NOTE_LIMIT, lines=True),
    )


def _within(later: dt.datetime, now: dt.datetime) -> dt.datetime:
    stored = ticked(later)
    if not now < stored <= now + FURTHEST:
        raise checks.refuse("callBackAt", "is out of range", "Send an instant from now on, within a year.")
    return stored
