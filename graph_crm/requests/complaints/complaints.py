"""What a complaint brings with it, in the transaction of whoever opens, sorts, closes or takes up a request.

While a complaint of a known customer is open it speaks against marketing: an event `complaint` says so to everything
that contacts customers (contacts/suppression.py), and `complaint_closed` ends it. Nothing else silences marketing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graph_crm.contacts.kinds import Channel
from graph_crm.errors import RequestClosed
from graph_crm.events.service import EventService, RecordEvent
from graph_crm.graph import outbox
from graph_crm.graph.database import Transaction
from graph_crm.parties import checks
from graph_crm.requests.commands import Happening
from graph_crm.requests.complaints import cypher
from graph_crm.requests.complaints.kinds import RootCause
from graph_crm.requests.complaints.rules import ComplaintRules, shipped
from graph_crm.requests.kinds import EntryKind, RequestKind, RequestOutcome

SURVEY_DUE = "complaint.survey"
"""The topic of the outbox under which a customer is asked afterwards; its payload is ``{requestId, round}``."""

SOURCE = "service_desk"
SUBJECT_LIMIT, TEXT_LIMIT = 200, 2000
"""Characters of a complaint that its event repeats; the request has all of them."""

NOTHING_FOUND = frozenset(
    {RequestOutcome.WITHDRAWN, RequestOutcome.DUPLICATE, RequestOutcome.SPAM, RequestOutcome.NO_ANSWER}
)
"""Outcomes that need no cause, and after which nobody is asked how the complaint was dealt with."""
_TOLD = frozenset(
    {RequestOutcome.UPHELD, RequestOutcome.PARTLY_UPHELD, RequestOutcome.REJECTED, RequestOutcome.WITHDRAWN}
)
"""Outcomes that an event `complaint_closed` names."""


@dataclass(frozen=True, kw_only=True)
class Complaint:
    """A request as the graph holds it, with what its customer adds."""

    request_id: str
    kind: str
    party_id: str | None
    """None: nobody knows whose it is. Then it silences nobody."""
    subject: str
    text: str
    channel: str | None
    product: str | None
    agreement: str | None
    opened_at: dt.datetime
    closed_at: dt.datetime | None
    """When it was closed last."""
    root_cause: str | None
    root_cause_text: str | None
    round: int
    """How often it was taken up again."""
    vulnerable: bool
    earlier: int
    """The customer's other complaints in the days that the rules count."""
    silencing: bool
    """Whether its event is recorded."""
    severity_by: str | None


def event_id(request_id: str, number: int = 0) -> str:
    """The id of the event that a complaint is; ``number`` counts how often it was taken up again."""
    return f"complaint:{request_id}:{number}" if number else f"complaint:{request_id}"


def survey_key(request_id: str, number: int) -> str:
    """The key of the outbox entry that asks the customer after the closing number ``number``."""
    return f"{SURVEY_DUE}:{request_id}:{number}"


def check_cause(cause: str | None, text: str | None, outcome: RequestOutcome | None) -> RootCause | None:
    """The cause of a complaint that an employee closes.

    Raises InvalidInput where there must be one and is none, for one that is not in the list, and for OTHER without a
    text that says what it was.
    """
    if cause is None:
        if outcome in NOTHING_FOUND:
            return None
        raise checks.refuse(
            "rootCause", "is missing: a complaint is closed with its cause", f"Use one of: {', '.join(RootCause)}."
        )
    known = checks.one_of("rootCause", cause, RootCause)
    if known is RootCause.OTHER and not (text and text.strip()):
        raise checks.refuse("text", "is missing", "Say in words what the cause was, or choose one that fits.")
    return known


class Complaints:
    """What follows from what happens to complaints; `heed` is an effect of the service of requests.

    ``events`` records what silences marketing, and what ends it.
    """

    def __init__(self, events: EventService, rules: ComplaintRules | None = None) -> None:
        self._events = events
        self.rules = rules or shipped()

    async def heed(self, tx: Transaction, happening: Happening) -> None:
        """Do what follows, in the transaction in which it happens; other requests and happenings change nothing.

        Raises: InvalidInput where an employee closes a complaint without its cause; RequestClosed where one is taken
        up again that was closed longer ago than the rules allow.
        """
        kind, entry = happening.kind, happening.entry
        if entry is EntryKind.SORTED or (
            kind is RequestKind.COMPLAINT and entry in (EntryKind.OPENED, EntryKind.CLOSED, EntryKind.REOPENED)
        ):
            complaint = await self._read(tx, happening.request_id, happening.at)
            if entry is EntryKind.CLOSED:
                await self._closed(tx, complaint, happening)
            elif entry is EntryKind.REOPENED:
                await self._reopened(tx, complaint, happening.at)
            elif kind is RequestKind.COMPLAINT:
                await self._opened(tx, complaint)
            elif complaint.silencing:
                await self._dismissed(tx, complaint, happening.at)

    async def _read(self, tx: Transaction, request_id: str, at: dt.datetime) -> Complaint:
        since = at - dt.timedelta(days=self.rules.severity.repeated.days)
        row = (await tx.run(cypher.REQUEST, {"requestId": request_id, "since": since}))[0]
        return _complaint(request_id, row)

    async def _opened(self, tx: Transaction, complaint: Complaint) -> None:
        """It was opened, or turned out to be a complaint: keep how serious it is, and silence marketing."""
        if complaint.severity_by != "PERSON":
            found = self.rules.assess(
                complaint.subject, complaint.text, vulnerable=complaint.vulnerable, earlier=complaint.earlier
            )
            told = {"severity": found.severity.value, "reasons": list(found.reasons), "by": "RULE"}
            await tx.run(cypher.SET_SEVERITY, {"requestId": complaint.request_id, **told})
        await self.marketing(tx, complaint, complaint.opened_at)

    async def _dismissed(self, tx: Transaction, complaint: Complaint, at: dt.datetime) -> None:
        """It turned out to be no complaint: it silences nobody any more."""
        await self._speak_again(tx, complaint, at)
        # It may turn out to be one all the same.
        await tx.run(cypher.NEXT_ROUND, {"requestId": complaint.request_id})

    async def _closed(self, tx: Transaction, complaint: Complaint, happening: Happening) -> None:
        if happening.by is not None:
            cause = complaint.root_cause or happening.data.get("rootCause")
            check_cause(cause, complaint.root_cause_text or happening.text, happening.outcome)
        await self._speak_again(tx, complaint, happening.at, outcome=happening.outcome)
        survey = self.rules.survey
        if survey.send and happening.outcome not in NOTHING_FOUND:
            await outbox.put(
                tx,
                SURVEY_DUE,
                f"request:{complaint.request_id}",
                {"requestId": complaint.request_id, "round": complaint.round},
                survey_key(complaint.request_id, complaint.round),
                not_before=happening.at + dt.timedelta(hours=survey.after_hours),
            )

    async def _reopened(self, tx: Transaction, complaint: Complaint, at: dt.datetime) -> None:
        days = self.rules.reopen_days
        if complaint.closed_at is not None and at > complaint.closed_at + dt.timedelta(days=days):
            raise RequestClosed(
                f"The complaint was closed more than {days} days ago.",
                hint="Open a new one that names its number.",
                days=days,
            )
        rows = await tx.run(cypher.NEXT_ROUND, {"requestId": complaint.request_id})
        await outbox.cancel(tx, survey_key(complaint.request_id, complaint.round))
        await self.marketing(tx, complaint, at, number=rows[0]["round"])

    async def marketing(
        self, tx: Transaction, complaint: Complaint, at: dt.datetime, *, number: int | None = None
    ) -> None:
        """Let an open complaint silence marketing: record the event `complaint` of its customer, once."""
        told = {
            "subject": _line(complaint.subject or complaint.text),
            "text": complaint.text.strip()[:TEXT_LIMIT],
            "productCode": complaint.product,
        }
        await self._record(
            tx,
            event_id(complaint.request_id, complaint.round if number is None else number),
            "complaint",
            {name: value for name, value in told.items() if value},
            complaint,
            at,
        )

    async def _speak_again(
        self, tx: Transaction, complaint: Complaint, at: dt.datetime, *, outcome: RequestOutcome | None = None
    ) -> None:
        silencing = event_id(complaint.request_id, complaint.round)
        payload = {"complaint": silencing} | ({"outcome": outcome.value} if outcome in _TOLD else {})
        closing = silencing.replace("complaint:", "complaint_closed:", 1)
        await self._record(tx, closing, "complaint_closed", payload, complaint, at)

    async def _record(
        self,
        tx: Transaction,
        identifier: str,
        kind: str,
        payload: Mapping[str, Any],
        complaint: Complaint,
        at: dt.datetime,
    ) -> None:
        """Record an event in the transaction of its cause, once, with all that follows any other event.

        What was recorded before stays as it was, even where the request says something else by now.
        """
        if complaint.party_id is None:
            return
        row = (await tx.run(cypher.KNOWN, {"id": identifier}))[0]
        if row["known"]:
            return
        now = _instant(row["now"])
        # A complaint is never too old to be heeded: it may turn out to be one long after it came in.
        keeping = self._events.keeping
        first = at if keeping is None else keeping.first_kept(kind, now)
        await self._events.record_in(
            tx,
            RecordEvent(
                type=kind,
                party_id=complaint.party_id,
                at=min(max(at, first), now),
                id=identifier,
                channel=Channel(complaint.channel) if complaint.channel and kind == "complaint" else None,
                source=SOURCE,
                payload=payload,
                agreement_id=complaint.agreement,
            ),
        )


def _complaint(request_id: str, row: Any) -> Complaint:
    return Complaint(
        request_id=request_id,
        kind=row["kind"],
        party_id=row["party"],
        subject=row["subject"] or "",
        text=row["text"] or "",
        channel=row["channel"],
        product=row["product"],
        agreement=row["agreement"],
        opened_at=_instant(row["openedAt"]),
        closed_at=None if row["closedAt"] is None else _instant(row["closedAt"]),
        root_cause=row["rootCause"],
        root_cause_text=row["rootCauseText"],
        round=row["round"],
        vulnerable=row["vulnerable"],
        earlier=row["earlier"],
        silencing=row["silencing"],
        severity_by=row["severityBy"],
    )


def _instant(milliseconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)


def _line(text: str) -> str:
    """The text in one line, as long as a subject may be; one that is empty has a name all the same."""
    words = "".join(each if each.isprintable() else " " for each in text[: SUBJECT_LIMIT * 4]).split()
    return " ".join(words)[:SUBJECT_LIMIT].strip() or "complaint"
