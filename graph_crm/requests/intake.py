"""Taking a request in: number, category, owner, due dates, log, acknowledgement, all in one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from email_validator import EmailNotValidError, validate_email

from graph_crm import logs
from graph_crm.contacts.kinds import Channel
from graph_crm.delivery.queueing import Message
from graph_crm.errors import AlreadyExists, DatabaseBusy, IdempotencyKeyReused, NotFound
from graph_crm.graph.database import Database, Row
from graph_crm.parties import checks
from graph_crm.parties.service import new_id
from graph_crm.parties.writes import digest
from graph_crm.requests import cypher
from graph_crm.requests.clocks import LogEntry, measure
from graph_crm.requests.commands import Effect, Happening, NewRequest, Opened, Owner, Sorted, Sorter
from graph_crm.requests.desk import Desk
from graph_crm.requests.draft import ALARM, category_data, entry_row, opening_data
from graph_crm.requests.kinds import EntryKind, RequestKind, RequestPriority, RequestStatus, SortedBy
from graph_crm.requests.messages import About, Asker, Messages, Recipient, subject_of
from graph_crm.requests.numbers import new_number
from graph_crm.requests.routing import Choice, choose, sorting
from graph_crm.requests.rush import Rush
from graph_crm.requests.standing import instant, read_log
from graph_crm.requests.storing import OwnerLeft, Ready, RequestStore
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.requests import RequestFacts
from graph_crm.staff.roster import Roster

LONGEST_TEXT = 50_000
"""Characters of what a customer writes at once."""
ATTEMPTS = 5
"""So often a request is tried to be stored: a number may be taken, an owner may just have gone away."""

log = logs.get(__name__)


class Intake:
    """Opens requests. Read and think first, without a lock; then store everything in one transaction."""

    def __init__(
        self,
        database: Database,
        desk: Desk,
        roster: Roster,
        messages: Messages,
        *,
        book: RuleBook | None = None,
        sorter: Sorter | None = None,
        effects: Sequence[Effect] = (),
        clock: checks.Clock | None = None,
    ) -> None:
        self._database = database
        self._desk = desk
        self._roster = roster
        self._messages = messages
        self._book = book
        self._sorter = sorter
        self._store = RequestStore(database, effects)
        self._clock = clock
        self._rush = Rush()

    async def open(self, request: NewRequest, *, key: str | None = None, by: str | None = None) -> Opened:
        """Store a request. With ``key`` the same request sent again is the same one.

        Raises: InvalidInput that names the field; NotFound for an unknown party, product, agreement or cause;
        IdempotencyKeyReused; AttachmentRefused.
        """
        request = self._checked(request)
        self._rush.came()
        if key is not None:
            checks.text("idempotencyKey", key, checks.ID_LIMIT)
        fingerprint = digest(request) if key is not None else None
        for attempt in range(ATTEMPTS):
            known = await self._known(request, key)
            if key is not None and known["opened"] and (before := await self._before(key, fingerprint)) is not None:
                return before
            ready = await self._decide(request, known, key, fingerprint, by)
            stored = False
            try:
                await self._store.store(ready)
                stored = True
            except AlreadyExists:  # the number is taken, or the key: by the same request
                if key is not None and (before := await self._before(key, fingerprint)) is not None:
                    return before
                log.info("request_number_taken", attempt=attempt)
                continue
            except OwnerLeft:
                self._roster.forget()
                continue
            finally:
                if ready.owner.owner is not None and not stored:
                    self._roster.given(ready.owner.owner.id, -1)
            return _opened(ready)
        raise DatabaseBusy("The request could not be stored: others were faster again and again.", hint="Try again.")

    async def _known(self, request: NewRequest, key: str | None) -> Mapping[str, Any]:
        row = await self._store.known(request, key)
        for field, given, found in (
            ("partyId", request.party_id, row["party"]),
            ("productCode", request.product_code, row["product"]),
            ("agreementId", request.agreement_id, row["agreement"]),
            ("eventId", request.event_id, row["event"]),
            ("interactionId", request.interaction_id, row["interaction"]),
            ("callId", request.call_id, row["call"]),
        ):
            if given is not None and not found:
                raise NotFound(
                    f"{field}: there is none with this identifier", hint="Check the identifier.", field=field
                )
        return row

    async def _before(self, key: str, fingerprint: str | None) -> Opened | None:
        """What was opened under the key before."""
        rows = await self._database.read(cypher.BEFORE, {"key": key})
        if not rows:
            return None
        row = rows[0]
        if row["digest"] != fingerprint:
            raise IdempotencyKeyReused(
                "This idempotency key was used before with another request", hint="Use a new key for a new request"
            )
        return Opened(
            id=row["id"],
            number=row["number"],
            owner=None if row["owner"] is None else Owner(id=row["owner"], name=row["ownerName"]),
            due=self._promised(row),
            status=RequestStatus(row["status"]),
            category=row["category"],
            repeated=True,
        )

    def _promised(self, row: Row) -> dt.datetime:
        """Until when the bank wanted to answer when the request came in: what was said then is said again."""
        opened = read_log([(EntryKind.OPENED, row["openedAt"], row["opening"])])
        return measure(opened, self._desk, opened[0].at).resolution.due

    def _checked(self, request: NewRequest) -> NewRequest:
        """The request as it is kept. Raises InvalidInput that names the field."""
        text = checks.text("text", request.text, LONGEST_TEXT, lines=True)
        subject = None if request.subject is None else " ".join(request.subject.split())
        contact = None if request.contact is None else _contact(request.contact)
        country = None if request.country is None else checks.country("country", request.country)
        return NewRequest(
            text=text,
            channel=checks.one_of("channel", request.channel, Channel),
            subject=checks.text("subject", subject[:500]) if subject else None,
            party_id=request.party_id,
            contact=contact,
            name=None if request.name is None else checks.name("name", request.name),
            source=None if request.source is None else checks.text("source", request.source, checks.ID_LIMIT),
            category=None if request.category is None else self._desk.known("category", request.category).code,
            kind=None if request.kind is None else checks.one_of("kind", request.kind, RequestKind),
            language=None if request.language is None else checks.language("language", request.language),
            country=country,
            priority=None if request.priority is None else checks.one_of("priority", request.priority, RequestPriority),
            product_code=request.product_code,
            agreement_id=request.agreement_id,
            event_id=request.event_id,
            interaction_id=request.interaction_id,
            call_id=request.call_id,
            attachments=tuple(request.attachments),
            acknowledge=request.acknowledge,
        )

    async def _decide(
        self, request: NewRequest, known: Mapping[str, Any], key: str | None, fingerprint: str | None, by: str | None
    ) -> Ready:
        now = self._clock() if self._clock else instant(known["now"])
        party = known["party"] or {}
        desk = self._desk
        language = request.language or party.get("language") or desk.language
        country = desk.country_of(request.country or party.get("country"))
        subject = subject_of(request.subject, request.text)
        found = self._sorted(request, subject, language)
        category = None if found.category is None else desk.category(found.category)
        team, skill = sorting(desk, category)
        kind = request.kind or (category.kind if category else RequestKind.REQUEST)
        identifier, number = new_id("request"), new_number()
        facts = RequestFacts(
            id=identifier,
            kind=kind.value,
            category=category.code if category else None,
            team=team,
            skill=skill,
            priority=(request.priority or (category.priority if category else RequestPriority.NORMAL)).value,
            channel=request.channel.value,
            language=language.split("-")[0],
            country=country,
            subject=subject,
            text=request.text,
            source=request.source,
            party=request.party_id,
            segment=party.get("segment"),
            vulnerable=bool(party.get("vulnerable")),
            product=request.product_code,
            opened_at=now,
        )
        choice = choose(facts, await self._roster.people(), now, book=self._book)
        if choice.owner is not None:
            self._roster.given(choice.owner.id)  # at once: who is chosen next to this one must see it
        zone = party.get("timeZone") or desk.calendar(country).zone
        about = About(
            id=identifier,
            number=number,
            subject=subject,
            category=category.code if category else None,
            country=country,
        )
        asker = Asker(
            party_id=request.party_id,
            name=party.get("displayName") or request.name,
            contact=request.contact,
            reply_to_contact=bool(party.get("reaches")),
            language=language,
            zone=zone,
        )
        data = opening_data(desk, category, country)
        clocks = measure([LogEntry(kind=EntryKind.OPENED, at=now, data=data)], desk, now)
        due = clocks.resolution.due
        messages = self._told(request, about, asker, choice, due, now)
        sorted_data = {
            "category": about.category,
            "by": found.by.value,
            "confidence": found.confidence,
            **category_data(desk, category),
        }
        entries = _entries(request, choice, now, by, data, sorted_data if category else None, told=bool(messages[0]))
        status = RequestStatus.ASSIGNED if category and choice.owner else RequestStatus.NEW
        alarm_key = f"{ALARM}:{new_id(identifier)}"
        owner_id = choice.owner.id if choice.owner else None
        properties = {
            "id": identifier,
            "key": key,
            "digest": fingerprint,
            "category": about.category,
            "kind": kind.value,
            "status": status.value,
            "subject": subject,
            "text": request.text,
            "language": language,
            "country": country,
            "zone": zone,
            "channel": request.channel.value,
            "source": request.source,
            "partyId": request.party_id,
            "contact": request.contact,
            "contactName": request.name,
            "team": choice.team,
            "skill": skill,
            "ownerId": owner_id,
            "openOwnerId": owner_id,
            "unowned": None if choice.owner else True,
            "priority": choice.priority,
            "sortedBy": found.by.value,
            "categoryConfidence": found.confidence,
            "openedBy": by,
            "clockKey": alarm_key,
            "seq": len(entries),
            "version": 1,
        }
        happening = Happening(
            entry=EntryKind.OPENED,
            entry_id=entries[0]["id"],
            request_id=identifier,
            number=number,
            kind=kind,
            at=now,
            party_id=request.party_id,
            category=about.category,
            owner_id=owner_id,
            product_code=request.product_code,
            subject=subject,
            text=request.text,
            language=language,
            by=by,
        )
        return Ready(
            request=request,
            id=identifier,
            number=number,
            key=key,
            by=by,
            owner=choice,
            first_response_due=clocks.first_response.due,
            due=due,
            look=clocks.next_alarm() or due,
            status=status,
            properties=properties,
            entries=entries,
            messages=[one for one in messages if one is not None],
            happening=happening,
            alarm_key=alarm_key,
            now=now,
        )

    def _sorted(self, request: NewRequest, subject: str, language: str) -> Sorted:
        """The category: what the sender says, else what rules and classifier say; none where they are not sure."""
        if request.category is not None:
            return Sorted(category=request.category, by=SortedBy.RULE)
        if self._sorter is None:
            return Sorted(category=None)
        found = self._sorter(subject, request.text, language)
        if found.category is not None and self._desk.category(found.category) is None:
            log.warning("sorted_into_unknown_category", category=found.category)
            return Sorted(category=None, confidence=found.confidence)
        return found

    def _told(
        self, request: NewRequest, about: About, asker: Asker, choice: Choice, due: dt.datetime, now: dt.datetime
    ) -> tuple[Message | None, Message | None]:
        """The acknowledgement, and the mail to the owner."""
        owner = choice.owner
        acknowledgement = None
        if request.acknowledge:
            name = owner.name if owner else None
            acknowledgement = self._messages.acknowledgement(about, asker, name, due, where=request.channel)
        if owner is None:
            return acknowledgement, None
        to = Recipient(id=owner.id, name=owner.name, email=owner.email, language=next(iter(owner.languages), None))
        assigned = self._messages.assigned(f"{about.id}:assigned:1", about, to, due)
        pause = self._rush.pause()
        if assigned is not None and pause is not None:
            assigned = replace(assigned, not_before=now + pause)
        return acknowledgement, assigned


def _entries(
    request: NewRequest,
    choice: Choice,
    now: dt.datetime,
    by: str | None,
    opening: Mapping[str, Any],
    sorted_: Mapping[str, Any] | None,
    *,
    told: bool,
) -> list[dict[str, Any]]:
    """The first entries of the log, in order."""
    found = [entry_row(new_id("entry"), 1, EntryKind.OPENED, now, by=by, text=request.text, data=opening, visible=True)]

    def add(kind: EntryKind, text: str | None = None, data: Mapping[str, Any] | None = None) -> None:
        given = None if data is None else {name: value for name, value in data.items() if value is not None}
        found.append(entry_row(new_id("entry"), len(found) + 1, kind, now, text=text, data=given))

    if sorted_ is not None:
        add(EntryKind.SORTED, data=sorted_)
    if choice.owner is not None:
        add(EntryKind.ASSIGNED, choice.reason, {"to": choice.owner.id, "why": choice.why, "plugin": choice.plugin})
    if told:
        add(EntryKind.ACKNOWLEDGED)
    return found


def _opened(ready: Ready) -> Opened:
    owner = ready.owner.owner
    return Opened(
        id=ready.id,
        number=ready.number,
        owner=None if owner is None else Owner(id=owner.id, name=owner.name),
        due=ready.due,
        status=ready.status,
        category=ready.properties["category"],
    )


def _contact(value: str) -> str:
    """A mail address or a phone number in the form that contact points have."""
    if "@" in value:
        try:
            return validate_email(value.strip(), check_deliverability=False).normalized.lower()
        except EmailNotValidError:
            raise checks.refuse("contact", "is no mail address", "Send name@example.com or +420602123456.") from None
    stored = "".join(each for each in value if each not in " ()-/.")
    if not (stored.startswith("+") and stored[1:].isdigit() and 7 <= len(stored) <= 16):  # noqa: PLR2004 - E.164
        raise checks.refuse(
            "contact", "is neither a mail address nor a number", "Send name@example.com or +420602123456."
        )
    return stored
