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
from graph_crm.rules.snapshot import epoch_milliseconds, ticked

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
_NOT_REACHED = (CallOutcome.NO_ANSWER, CallOutcome.WRONG_NUMBER)


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

        Whose claim ran out may still tell: the call was made. While another agent has the entry by now it stays that
        agent's, unless the customer gave an answer that settles it.

        Raises: NotFound; InvalidInput; CallNotClaimed; CallRecorded; OfferAnswered; OfferEnded.
        """
        report = _checked(report)

        async def work(tx: Transaction) -> Written:
            row, now = await locked_entry(tx, report.entry_id, self._now())
            entry = row["entry"]
            require_caller(entry, agent)
            before = _reports(entry)
            claim = _claim_of(entry, agent)
            if claim in before or _answered_already(entry):
                if before.get(claim, entry["outcome"]) != report.outcome.value:
                    raise recorded(entry)
                return Written(report.entry_id)
            reports = [f"{one} {outcome}" for one, outcome in {**before, claim: report.outcome.value}.items()]
            done: dict[str, Any] = {"reports": reports, "attempts": entry["attempts"] + 1, "sentAt": now}
            beside = _beside(entry, report, claim, before, now)
            if not beside:
                done |= {"outcome": report.outcome.value, "claimedUntil": None}
                if report.note is not None:
                    done["note"] = report.note
            if entry["offerId"] is not None:
                await self._answered(tx, report, entry, now, done, agent, beside=beside)
            else:
                await self._attempted(tx, report, entry, now, done, beside=beside)
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
        *,
        beside: bool,
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
        properties = dict(done) if beside else {**done, "state": DeliveryState.SENT.value, "stateReason": "CALLED"}
        await tx.run(cypher.CALLED, {"id": entry["id"], "properties": properties, "response": written.id})

    async def _attempted(
        self,
        tx: Transaction,
        report: CallReport,
        entry: Mapping[str, Any],
        now: dt.datetime,
        done: Mapping[str, Any],
        *,
        beside: bool,
    ) -> None:
        if report.outcome in _OF_OFFERS:
            others = ", ".join(one for one in CallOutcome if one not in _OF_OFFERS)
            raise checks.refuse("outcome", "answers an offer, and this call brings none", f"Send one of {others}.")
        made = now if report.at is None else min(ticked(checks.instant("at", report.at, now)), now)
        changes: dict[str, Any] = dict(done)
        # What is settled is not opened again because somebody else heard it ring; only the customer's own wish does.
        settled = entry["state"] != DeliveryState.QUEUED and report.outcome in _NOT_REACHED
        if beside or settled:
            changes.pop("outcome", None)
        elif report.outcome is CallOutcome.TOLD:
            changes |= {"state": DeliveryState.SENT.value, "stateReason": "CALLED"}
        elif report.outcome is CallOutcome.WRONG_NUMBER:
            changes |= {"state": DeliveryState.FAILED.value, "stateReason": "WRONG_NUMBER"}
        elif report.outcome is CallOutcome.LATER:
            later = now + TOMORROW if report.call_back_at is None else _within(report.call_back_at, now)
            changes |= {"state": DeliveryState.QUEUED.value, "stateReason": "LATER", "notBefore": later}
        elif done["attempts"] >= MOST_ATTEMPTS:
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
        changed = {"id": entry["id"], "properties": {**changes, "reservationId": None}, "now": now}
        await tx.run(cypher.CHANGE, changed)

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


def _reports(entry: Mapping[str, Any]) -> dict[int, str]:
    """What was told of an entry, by the claim under which the call was made."""
    told = dict(one.split(" ", 1) for one in entry["reports"] or ())
    if entry["reported"] is not None:  # as it was kept before each claim had a place of its own
        told.setdefault(str(entry["reported"]), entry["outcome"])
    return {int(claim): outcome for claim, outcome in told.items()}


def _claim_of(entry: Mapping[str, Any], agent: str) -> int:
    """The number of the agent's last claim, 1 for the first of the entry."""
    agents = entry["claimants"] or ()
    mine = [number for number, one in enumerate(agents, entry["claims"] - len(agents) + 1) if one == agent]
    return int(mine[-1] if mine else entry["claims"] - (entry["claimedBy"] != agent))


def _answered_already(entry: Mapping[str, Any]) -> bool:
    """Whether the customer's answer to the offer is known: it stands, whoever reports."""
    return entry["offerId"] is not None and entry["outcome"] in _OF_OFFERS


def _beside(
    entry: Mapping[str, Any], report: CallReport, claim: int, before: Mapping[int, str], now: dt.datetime
) -> bool:
    """Whether a late report is only a contact: the claim ran out, and another agent calls now or has told since.

    What the customer said counts all the same: for good, or after which nobody was reached any more.
    """
    if claim == entry["claims"] or report.outcome not in (CallOutcome.NO_ANSWER, CallOutcome.LATER):
        return False
    if entry["claims"] in before:
        return report.outcome is CallOutcome.NO_ANSWER or before[entry["claims"]] not in _NOT_REACHED
    until = entry["claimedUntil"]
    return entry["state"] == DeliveryState.QUEUED and until is not None and epoch_milliseconds(now) < until


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
