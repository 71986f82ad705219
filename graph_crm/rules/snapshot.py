"""What a rule sees: one customer as of one instant, read-only, with nothing in it that came later.

Dates are the bank's days, instants are in UTC, money is in hundredths of the currency unit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from graph_crm.rules.interest import Look

TIES = ("SPOUSE_OF", "PARENT_OF", "GUARANTEES", "OWNS", "DIRECTS", "EMPLOYS", "REFERRED")
"""The kinds of tie between parties, named as seen from the start: the parent, the guarantor, the owner."""
CHANNELS = ("PHONE", "SMS", "EMAIL", "ATM", "ONLINE", "BRANCH", "LETTER", "PUSH")
ACTION_CLASSES = ("PROMOTIONAL", "TRANSACTIONAL", "MANDATORY")
"""Promotional: the bank wants to sell. Transactional: the customer's own business. Mandatory: the law demands it."""
PURPOSES = ("MARKETING", "SERVICE", "SURVEY", "PARTNERS", "PROFILING")
"""What a consent is given for; PROFILING refused is the objection to profiling."""
OPEN_OFFERS = ("WAITING", "RESERVED")
"""Statuses of an offer for which a contact is still to come."""
OUTCOMES = ("PRESENTED", "CLICKED", "ACCEPTED", "REJECTED", "IGNORED", "LATER", "NO_ANSWER")
"""What became of an offer or a contact."""
ROLES = ("OWNER", "AUTHORISED", "GUARANTOR", "CARDHOLDER")
STATUSES = ("ACTIVE", "CLOSED", "IN_ARREARS", "DEFAULTED")
IN_DEFAULT = ("DEFAULTED", "IN_ARREARS")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
ONE_TICK = dt.timedelta(milliseconds=1)
"""Instants are compared in milliseconds: that is what the graph hands over."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A party's part in an agreement, as it was known on the snapshot's day."""

    agreement_id: str
    product: str
    family: str
    role: str
    since: dt.date
    until: dt.date | None = None
    """First day on which the party no longer holds it; None: still held on the snapshot's day."""
    status: str | None = None
    """ACTIVE, CLOSED, IN_ARREARS or DEFAULTED on the snapshot's day; None: not known."""
    opened_on: dt.date | None = None
    closed_on: dt.date | None = None
    matures_on: dt.date | None = None
    """Day on which its term is over; None: it has no term."""
    amount: int | None = None
    currency: str | None = None
    term_months: int | None = None

    def held_on(self, day: dt.date) -> bool:
        """Whether the party held it on ``day``."""
        return self.since <= day and (self.until is None or self.until > day)

    def closed_by(self, day: dt.date) -> bool:
        """Whether the agreement itself was over on ``day``."""
        return self.status == "CLOSED" or (self.closed_on is not None and self.closed_on <= day)

    def runs_on(self, day: dt.date) -> bool:
        """Whether its term is not over on ``day``; without a term it runs until it is closed."""
        return not self.closed_by(day) and (self.matures_on is None or self.matures_on > day)


def status_on(day: dt.date, dates: Sequence[dt.date], values: Sequence[str], present: str | None = None) -> str | None:
    """The status on ``day`` by its history (parallel lists, oldest first); without any history the ``present`` one.

    None when the history begins later: nobody knows what it was.
    """
    if not dates:
        return present
    known = [value for since, value in zip(dates, values, strict=False) if since <= day]
    return known[-1] if known else None


@dataclass(frozen=True, slots=True)
class EventFact:
    """Something that the customer did."""

    id: str
    type: str
    at: dt.datetime
    channel: str | None = None
    payload: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    agreement_id: str | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """One time that the bank and the customer met."""

    id: str
    at: dt.datetime
    channel: str | None = None
    direction: str | None = None
    purpose: str | None = None
    outcome: str | None = None
    product: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentFact:
    """One statement of the customer about being contacted; the newest that fits a question decides it."""

    id: str
    purpose: str
    status: str
    """GRANTED, DENIED or WITHDRAWN."""
    at: dt.datetime
    channel: str | None = None
    """The channel that it is about; None: all."""
    point: str | None = None
    """The contact point (its key, for example PHONE:+420602123456) that it is about; None: all."""


@dataclass(frozen=True, slots=True)
class PointFact:
    """A phone number or e-mail address of the customer."""

    key: str
    kind: str
    """PHONE, EMAIL or PUSH."""
    preferred: bool = False
    blocked: bool = False
    """Nobody may be contacted here."""
    usage: str | None = None
    shared_with: int = 0
    """So many other parties use it too."""
    stopped: tuple[tuple[str, str | None, str], ...] = ()
    """Purpose, channel (None: all) and consent id of every party that stopped contacts to this very point."""


@dataclass(frozen=True, slots=True)
class Touch:
    """A contact that counts, or may yet count, towards limits: made, or held by a reservation.

    A reservation may become a contact at any instant from ``at`` to ``until``; for a contact made both are equal.
    """

    id: str
    at: dt.datetime
    until: dt.datetime
    channel: str | None = None
    direction: str | None = None
    action_class: str | None = None
    """None: not known; counts as PROMOTIONAL."""
    purpose: str | None = None
    outcome: str | None = None
    product: str | None = None
    party: str | None = None
    own: bool = True
    """Whether the customer was contacted, and not somebody else of the household or of the contact point."""
    household: bool = False
    """Whether somebody of the customer's household was contacted, the customer included."""
    points: tuple[str, ...] = ()
    """Keys of the customer's contact points that it went to, or may have gone to."""
    call_back_at: dt.datetime | None = None
    """When the customer asked to be called again (outcome LATER)."""
    reserved: bool = False
    offer_id: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the customer said to an offer of a product, by whatever way."""

    id: str
    """Identifier of the response, or of the contact that says so."""
    outcome: str
    at: dt.datetime
    product: str | None = None
    family: str | None = None
    channel: str | None = None
    offer_id: str | None = None
    call_back_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class OpenOffer:
    """An offer that waits for a contact, or whose contact is being made."""

    id: str
    product: str
    status: str
    channel: str | None
    made_at: dt.datetime


@dataclass(frozen=True, slots=True)
class PartyFacts:
    """Who the customer is."""

    id: str
    kind: str = "PERSON"
    """PERSON or ORGANIZATION."""
    status: str | None = "ACTIVE"
    born: dt.date | None = None
    died: dt.date | None = None
    segment: str | None = None
    country: str | None = None
    region: str | None = None
    language: str | None = None
    blocked: bool = False
    customer_since: dt.date | None = None
    time_zone: str | None = None
    """IANA name; None: not known."""
    vulnerable: bool = False
    """Whether the bank must treat the customer with special care: no promotion."""
    restricted: bool = False
    """Whether the customer's data are only kept: no contact that the law does not demand, no decision."""
    merging: bool = False
    """Whether the customer is just being made one with another, or separated: its past may be incomplete."""
    household: str | None = None
    """Identifier of the household on the snapshot's day."""
    control_units: tuple[str, ...] = ()
    """What the membership in the control group is drawn from: the customer's own unit, and those of its household."""


@dataclass(frozen=True, slots=True)
class Related:
    """A party that the customer has a tie to; a tie runs from the parent, the guarantor, the owner."""

    kind: str
    outgoing: bool
    """True when the tie runs from the customer: the customer is the parent, the guarantor, the owner."""
    since: dt.date
    until: dt.date | None
    share: float | None
    party: Snapshot
    """The other party with what it holds; without its events, contacts and ties."""

    def held_on(self, day: dt.date) -> bool:
        """Whether the tie existed on ``day``."""
        return self.since <= day and (self.until is None or self.until > day)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A customer as of ``now``: everything that rules and gates may know."""

    party: PartyFacts
    now: dt.datetime
    holdings: tuple[Holding, ...] = ()
    """What the party holds, and what it held before, oldest first."""
    events: tuple[EventFact, ...] = ()
    """What the party did, of the types and as far back as the rules need, oldest first."""
    contacts: tuple[Contact, ...] = ()
    """When bank and party met, as far back as the rules need, oldest first."""
    related: tuple[Related, ...] = ()
    """Parties tied to it, of the kinds that the rules need."""
    looks: tuple[Look, ...] = ()
    """What the party showed interest in, as far back as the rules need, oldest first."""
    trigger: EventFact | None = None
    """The event that caused the question; None in a scan."""
    consents: tuple[ConsentFact, ...] = ()
    """Every consent given, denied or withdrawn, oldest first."""
    points: tuple[PointFact, ...] = ()
    """Contact points in use, the preferred first."""
    touches: tuple[Touch, ...] = ()
    """Contacts and reservations that count for limits: the customer's, the household's, the contact points'."""
    answers: tuple[Answer, ...] = ()
    """What the customer said to offers, oldest first."""
    open_offers: tuple[OpenOffer, ...] = ()
    """Offers that wait for a contact, oldest first."""
    channel: str | None = None
    """The channel that the customer is using right now; None: the customer is not here."""
    context: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """What the front end knows about this moment, as it sent it with `decide`."""
    versions: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}), compare=False)
    """Version of each contact ledger that the customer belongs to, when the snapshot was read."""

    @property
    def as_of(self) -> dt.date:
        """The day of ``now``."""
        return self.now.date()

    @property
    def id(self) -> str:
        """The party's identifier."""
        return self.party.id

    def held(self) -> tuple[Holding, ...]:
        """What the party holds on the snapshot's day and is not closed."""
        day = self.as_of
        return tuple(one for one in self.holdings if one.held_on(day) and not one.closed_by(day))


def end_of(day: dt.date) -> dt.datetime:
    """The last instant of ``day`` in UTC: the ``now`` of a question as of that day."""
    return dt.datetime.combine(day, dt.time.max, dt.UTC).replace(microsecond=999_000)


def ticked(moment: dt.datetime) -> dt.datetime:
    """``moment`` in UTC, cut to whole milliseconds."""
    if moment.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    moment = moment.astimezone(dt.UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def epoch_milliseconds(instant: dt.datetime) -> int:
    """Whole milliseconds since 1970: how instants are sent to statements that are run often."""
    return (instant - _EPOCH) // ONE_TICK
