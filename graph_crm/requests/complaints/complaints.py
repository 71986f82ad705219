"""What a complaint brings with it, in the transaction of whoever opens, closes or takes up a request.

While a complaint of a known customer is open it speaks against marketing: an event `complaint` says so to everything
that contacts customers (contacts/suppression.py), and `complaint_closed` ends it. Nothing else silences marketing.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from graph_crm.errors import AlreadyDecided
from graph_crm.events.catalogue import EventCatalogue, standard_catalogue
from graph_crm.events.service import RECORDED
from graph_crm.graph import outbox
from graph_crm.graph.database import Transaction
from graph_crm.graph.idempotency import digest_of
from graph_crm.parties import checks
from graph_crm.requests.complaints import cypher
from graph_crm.requests.complaints.kinds import RootCause
from graph_crm.requests.complaints.rules import Assessment, ComplaintRules, shipped
from graph_crm.requests.kinds import RequestOutcome, Severity

SURVEY_DUE = "complaint.survey"
"""The topic of the outbox under which a customer is asked afterwards; its payload is ``{requestId, round}``."""

SOURCE = "service_desk"
SUBJECT_LIMIT, TEXT_LIMIT = 200, 2000
"""Characters of a complaint that its event repeats; the request has all of them."""


@dataclass(frozen=True, kw_only=True)
class Complaint:
    """A request of the kind COMPLAINT, as its opening needs it."""

    request_id: str
    party_id: str | None
    """None: nobody knows whose it is. Then it silences nobody."""
    subject: str
    text: str
    at: dt.datetime
    channel: str | None = None
    product_code: str | None = None
    agreement_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found out about a complaint; checked by `finding`."""

    outcome: RequestOutcome
    root_cause: RootCause | None = None
    """None: the complaint ended before anything was found out."""
    text: str | None = None


_NOTHING_FOUND = frozenset(
    {RequestOutcome.WITHDRAWN, RequestOutcome.DUPLICATE, RequestOutcome.SPAM, RequestOutcome.NO_ANSWER}
)
"""Outcomes that need no cause, and after which nobody is asked how the complaint was dealt with."""
_TOLD = frozenset(
    {RequestOutcome.UPHELD, RequestOutcome.PARTLY_UPHELD, RequestOutcome.REJECTED, RequestOutcome.WITHDRAWN}
)
"""Outcomes that an event `complaint_closed` names."""


def finding(outcome: str | None, root_cause: str | None, text: str | None) -> Finding:
    """What was found out, checked. Raises InvalidInput where the outcome or the cause is missing or unknown."""
    if outcome is None:
        raise checks.refuse(
            "outcome", "is missing: a complaint is closed with one", f"Use one of: {', '.join(RequestOutcome)}."
        )
    ended = checks.one_of("outcome", outcome, RequestOutcome)
    stored = None if text is None else checks.text("rootCauseText", text, checks.NOTE_LIMIT, lines=True)
    if root_cause is None:
        if ended in _NOTHING_FOUND:
            return Finding(outcome=ended, text=stored)
        raise checks.refuse(
            "rootCause", "is missing: a complaint is closed with one", f"Use one of: {', '.join(RootCause)}."
        )
    cause = checks.one_of("rootCause", root_cause, RootCause)
    if cause is RootCause.OTHER and stored is None:
        raise checks.refuse("rootCauseText", "is missing", "Say in words what the cause was, or choose one that fits.")
    return Finding(outcome=ended, root_cause=cause, text=stored)


def event_id(request_id: str, number: int = 0) -> str:
    """The id of the event that a complaint is; ``number`` counts how often it was taken up again."""
    return f"complaint:{request_id}:{number}" if number else f"complaint:{request_id}"


def survey_key(request_id: str, number: int) -> str:
    """The key of the outbox entry that asks the customer after the closing number ``number``."""
    return f"{SURVEY_DUE}:{request_id}:{number}"


class Complaints:
    """What complaints bring with them. Every method runs in the caller's transaction, under the request's lock."""

    def __init__(self, rules: ComplaintRules | None = None, *, catalogue: EventCatalogue | None = None) -> None:
        self.rules = rules or shipped()
        self._catalogue = catalogue or standard_catalogue()

    async def assess(self, tx: Transaction, complaint: Complaint) -> Assessment:
        """How serious a complaint is by the bank's rules; writes nothing and works before the request is stored."""
        since = complaint.at - dt.timedelta(days=self.rules.severity.repeated.days)
        asked = {"partyId": complaint.party_id, "since": since, "requestId": complaint.request_id}
        row = (await tx.run(cypher.STANDING, asked))[0]
        return self.rules.assess(
            complaint.subject, complaint.text, vulnerable=row["vulnerable"], earlier=row["earlier"]
        )

    async def opened(self, tx: Transaction, complaint: Complaint, assessment: Assessment | None = None) -> Severity:
        """A complaint was opened, or a request turned out to be one: keep how serious it is, and silence marketing.

        Called after the request is stored; again for the same request it changes nothing but the severity.
        """
        found = assessment or await self.assess(tx, complaint)
        told: dict[str, Any] = {
            "requestId": complaint.request_id,
            "severity": found.severity.value,
            "reasons": list(found.reasons),
            "by": "RULE",
        }
        await tx.run(cypher.SET_SEVERITY, told)
        await self.marketing(tx, complaint)
        return found.severity

    async def marketing(self, tx: Transaction, complaint: Complaint, number: int | None = None) -> None:
        """Let an open complaint silence marketing: record the event `complaint` of its customer, once."""
        if complaint.party_id is None:
            return
        if number is None:
            number = await self._round(tx, complaint.request_id)
        payload = {"subject": _line(complaint.subject), "text": complaint.text.strip()[:TEXT_LIMIT] or None}
        if complaint.product_code is not None:
            payload["productCode"] = complaint.product_code
        await self._record(
            tx,
            event_id(complaint.request_id, number),
            "complaint",
            {name: value for name, value in payload.items() if value},
            complaint.party_id,
            complaint.at,
            channel=complaint.channel,
            agreement_id=complaint.agreement_id,
        )

    async def closed(
        self, tx: Transaction, *, request_id: str, party_id: str | None, found: Finding, at: dt.datetime
    ) -> None:
        """A complaint was closed: keep what was found out, end the silence, and ask the customer in time."""
        told = {
            "requestId": request_id,
            "outcome": found.outcome.value,
            "rootCause": None if found.root_cause is None else found.root_cause.value,
            "rootCauseText": found.text,
        }
        rows = await tx.run(cypher.FOUND_OUT, told)
        number: int = rows[0]["round"]
        await self._speak_again(tx, request_id, party_id, number, at, outcome=found.outcome)
        survey = self.rules.survey
        if survey.send and found.outcome not in _NOTHING_FOUND:
            await outbox.put(
                tx,
                SURVEY_DUE,
                f"request:{request_id}",
                {"requestId": request_id, "round": number},
                survey_key(request_id, number),
                not_before=at + dt.timedelta(hours=survey.after_hours),
            )

    async def dismissed(self, tx: Transaction, *, request_id: str, party_id: str | None, at: dt.datetime) -> None:
        """The request turned out to be no complaint: it silences nobody any more."""
        number = await self._round(tx, request_id)
        await self._speak_again(tx, request_id, party_id, number, at)
        await tx.run(cypher.NEXT_ROUND, {"requestId": request_id})  # it may turn out to be one all the same

    async def reopened(self, tx: Transaction, complaint: Complaint, *, closed_at: dt.datetime, at: dt.datetime) -> None:
        """A closed complaint is taken up again: it silences marketing anew, and nobody is asked how it was closed.

        Raises: AlreadyDecided where it was closed longer ago than the bank's rules allow.
        """
        days = self.rules.reopen_days
        if at > closed_at + dt.timedelta(days=days):
            raise AlreadyDecided(
                f"The complaint was closed more than {days} days ago.",
                hint="Open a new one that names its number.",
                days=days,
            )
        number: int = (await tx.run(cypher.NEXT_ROUND, {"requestId": complaint.request_id}))[0]["round"]
        await outbox.cancel(tx, survey_key(complaint.request_id, number - 1))
        await self.marketing(tx, complaint, number)

    async def _round(self, tx: Transaction, request_id: str) -> int:
        rows = await tx.run(cypher.ROUND, {"requestId": request_id})
        return int(rows[0]["round"]) if rows else 0

    async def _speak_again(
        self,
        tx: Transaction,
        request_id: str,
        party_id: str | None,
        number: int,
        at: dt.datetime,
        *,
        outcome: RequestOutcome | None = None,
    ) -> None:
        if party_id is None:
            return
        complaint = event_id(request_id, number)
        payload = {"complaint": complaint} | ({"outcome": outcome.value} if outcome in _TOLD else {})
        closing = complaint.replace("complaint:", "complaint_closed:", 1)
        await self._record(tx, closing, "complaint_closed", payload, party_id, at)

    async def _record(
        self,
        tx: Transaction,
        identifier: str,
        kind: str,
        payload: dict[str, Any],
        party_id: str,
        at: dt.datetime,
        *,
        channel: str | None = None,
        agreement_id: str | None = None,
    ) -> None:
        """Record an event with its outbox entry, as the events slice does, but in the transaction of its cause."""
        text = self._catalogue.payload_text(kind, payload)
        parameters = {
            "id": identifier,
            "partyId": party_id,
            "agreementId": agreement_id,
            "type": kind,
            "at": at,
            "channel": channel,
            "source": SOURCE,
            "payload": text,
            "digest": digest_of([kind, party_id, at.isoformat(), channel, SOURCE, text, agreement_id]),
        }
        if await tx.run(cypher.RECORD_EVENT, parameters):
            told = {"eventId": identifier, "type": kind, "partyId": party_id, "at": at.isoformat()}
            await outbox.put(tx, RECORDED, party_id, told, f"{RECORDED}:{identifier}")


def _line(text: str) -> str:
    """The text in one line, as long as a subject may be; one that is empty has a name all the same."""
    return (
        " ".join("".join(each if each.isprintable() else " " for each in text).split())[:SUBJECT_LIMIT] or "complaint"
    )
