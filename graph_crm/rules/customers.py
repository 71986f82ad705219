"""Made-up customers for the tests of rules: built in one expression, seen as of any day or instant.

    anna = (
        customer("anna")
        .holds("CASH_LOAN", since="2024-01-05")
        .phone("+420602123456")
        .agrees("MARKETING")
        .contacted(on="2024-03-01", outcome="REJECTED", product="CREDIT_CARD")
    )

Every method gives a new customer with one fact more. The same customer can be judged as it is
(`graph_crm.rules.testing`) or be written into a real graph (`graph_crm.testing`): both give the same snapshot.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeAlias

from graph_crm.errors import RuleError
from graph_crm.rules.conditions.base import did_you_mean, one_of
from graph_crm.rules.interest import Look, counted
from graph_crm.rules.products import catalogue
from graph_crm.rules.snapshot import (
    ACTION_CLASSES,
    CHANNELS,
    OUTCOMES,
    PURPOSES,
    ROLES,
    STATUSES,
    TIES,
    Answer,
    ConsentFact,
    Contact,
    EventFact,
    Holding,
    PartyFacts,
    PointFact,
    Related,
    Snapshot,
    Touch,
    end_of,
    ticked,
)

Day: TypeAlias = dt.date | str
"""A date, or its ISO text."""
Moment: TypeAlias = dt.date | dt.datetime | str
"""An instant in UTC or a day, or the ISO text of one: "2024-06-03T10:00", "2024-06-03"."""

NOON = dt.time(12, tzinfo=dt.UTC)
LONG_AGO = dt.date(1900, 1, 1)
_KIND_OF_CHANNEL = MappingProxyType({"PHONE": "PHONE", "SMS": "PHONE", "EMAIL": "EMAIL", "PUSH": "PUSH"})


def as_day(day: Day) -> dt.date:
    """The date that is meant."""
    if not isinstance(day, str):
        return day
    try:
        return dt.date.fromisoformat(day)
    except ValueError:
        raise RuleError(f'{day!r} is no day: write it as "2024-06-03".') from None


def instant(moment: Moment, *, of_day: dt.time = NOON) -> dt.datetime:
    """The instant that is meant, in UTC; of a day the time ``of_day``. What has no time zone is UTC."""
    if isinstance(moment, str):
        moment = _read(moment)
    if not isinstance(moment, dt.datetime):
        return dt.datetime.combine(moment, of_day)
    return ticked(moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC))


def _read(text: str) -> dt.date:
    try:
        return dt.datetime.fromisoformat(text) if len(text) > len("2024-06-03") else dt.date.fromisoformat(text)
    except ValueError:
        raise RuleError(
            f'{text!r} is no moment: write a day as "2024-06-03", an instant as "2024-06-03T10:00".'
        ) from None


def frozen_at(moment: Moment) -> dt.datetime:
    """The ``now`` of a question: an instant as it is, a day at its end."""
    return instant(moment, of_day=end_of(dt.date(2000, 1, 1)).timetz())


@dataclass(frozen=True)
class Reached:
    """A contact point of a made-up customer, and when it was used."""

    point: PointFact
    since: dt.date
    until: dt.date | None = None

    def used_on(self, day: dt.date) -> bool:
        """Whether the customer was reachable there on ``day``."""
        return self.since <= day and (self.until is None or self.until > day)


@dataclass(frozen=True)
class Customer:
    """A made-up customer: every method gives a new one with one fact more. Begin with `customer`."""

    facts: PartyFacts
    holdings: tuple[tuple[Holding, tuple[tuple[dt.date, str], ...]], ...] = ()
    events: tuple[EventFact, ...] = ()
    met: tuple[Touch, ...] = ()
    """When bank and customer met."""
    answers: tuple[Answer, ...] = ()
    """What the customer said to offers in other ways."""
    ties: tuple[tuple[str, bool, dt.date, dt.date | None, Customer], ...] = ()
    consents: tuple[ConsentFact, ...] = ()
    reached: tuple[Reached, ...] = ()
    home: tuple[Customer, ...] = ()
    """Who lives in the same household."""
    sharing: tuple[Customer, ...] = ()
    """Who else uses a contact point of this customer."""

    def holds(
        self,
        product: str,
        *,
        since: Day,
        role: str = "OWNER",
        until: Day | None = None,
        status: str = "ACTIVE",
        status_since: Day | None = None,
        matures: Day | None = None,
        amount: int | None = None,
        family: str | None = None,
    ) -> Customer:
        """With an agreement. ``family`` is needed only for a product that the shipped catalogue does not have.

        ``status`` holds from ``status_since`` (until then ACTIVE), or from the beginning. ``amount`` is in units.
        """
        one_of("role", role, ROLES)
        one_of("status", status, STATUSES)
        start = as_day(since)
        history = [(start, status)] if status_since is None else [(start, "ACTIVE"), (as_day(status_since), status)]
        holding = Holding(
            agreement_id=self._id("agreement", self.holdings),
            product=product,
            family=family or _family(product),
            role=role,
            since=start,
            until=as_day(until) if until is not None else None,
            opened_on=start,
            matures_on=as_day(matures) if matures is not None else None,
            amount=None if amount is None else amount * 100,
        )
        return replace(self, holdings=(*self.holdings, (holding, tuple(history))))

    def did(self, event: str, *, on: Moment, **payload: Any) -> Customer:
        """Who did something, at noon of a day or at an instant."""
        fact = EventFact(self._id("event", self.events), event, instant(on), payload=MappingProxyType(payload))
        return replace(self, events=(*self.events, fact))

    def looked_at(self, product: str, *, on: Moment, times: int = 1) -> Customer:
        """Who looked at the page of a product, ``times`` times at once; an application that was begun counts too."""
        who = self
        for _ in range(times):
            who = who.did("product_page_view", on=on, productCode=product)
        return who

    def complained(self, *, on: Moment, closed: Moment | None = None) -> Customer:
        """Who complained; the complaint is open until ``closed``."""
        found = self.did("complaint", on=on)
        return found if closed is None else found.did("complaint_closed", on=closed)

    def contacted(
        self,
        *,
        on: Moment,
        channel: str = "PHONE",
        direction: str = "OUTBOUND",
        outcome: str | None = None,
        product: str | None = None,
        action_class: str | None = None,
        purpose: str | None = None,
        point: str | None = None,
        call_back: Moment | None = None,
    ) -> Customer:
        """Whom the bank contacted, at noon of a day or at an instant.

        An ``outcome`` such as REJECTED is the answer to an offer of ``product``. ``point``: the number or address that
        was used; without it any of the customer's may have been. A contact without a class counts as promotion.
        """
        one_of("channel", channel, CHANNELS)
        if action_class is not None:
            one_of("action_class", action_class, ACTION_CLASSES)
        at = instant(on)
        fact = Touch(
            id=self._id("contact", self.met),
            at=at,
            until=at,
            channel=channel,
            direction=direction,
            action_class=action_class,
            purpose=purpose,
            outcome=outcome,
            product=product,
            party=self.facts.id,
            household=True,
            points=() if point is None else (_point_key(point),),
            call_back_at=None if call_back is None else instant(call_back),
        )
        return replace(self, met=(*self.met, fact))

    def answered(
        self,
        outcome: str,
        product: str,
        *,
        on: Moment,
        channel: str | None = None,
        call_back: Moment | None = None,
        family: str | None = None,
    ) -> Customer:
        """Who answered an offer without being contacted: on a screen, by letter."""
        one_of("outcome", outcome, OUTCOMES)
        if channel is not None:
            one_of("channel", channel, CHANNELS)
        fact = Answer(
            id=self._id("answer", self.answers),
            outcome=outcome,
            at=instant(on),
            product=product,
            family=family or _family(product),
            channel=channel,
            call_back_at=None if call_back is None else instant(call_back),
        )
        return replace(self, answers=(*self.answers, fact))

    def tied(
        self, kind: str, other: Customer, *, since: Day = LONG_AGO, until: Day | None = None, side: str = "from"
    ) -> Customer:
        """With a tie that runs from this customer (``side="to"``: towards it) to or from ``other``."""
        one_of("tie", kind, TIES)
        one_of("side", side, ("from", "to"))
        tie = (kind, side == "from", as_day(since), as_day(until) if until is not None else None, other)
        return replace(self, ties=(*self.ties, tie))

    def phone(self, number: str = "+420602123456", *, since: Day = LONG_AGO, blocked: bool = False) -> Customer:
        """Who can be reached by this phone; the first contact point is the preferred one."""
        return self._reachable("PHONE", number, since, blocked=blocked)

    def email(self, address: str = "anna@example.com", *, since: Day = LONG_AGO, blocked: bool = False) -> Customer:
        """Who can be reached by this e-mail address."""
        return self._reachable("EMAIL", address, since, blocked=blocked)

    def app(self, device: str = "token-of-annas-device", *, since: Day = LONG_AGO, blocked: bool = False) -> Customer:
        """Who can be reached by a push message to this device."""
        return self._reachable("PUSH", device, since, blocked=blocked)

    def agrees(
        self, purpose: str = "MARKETING", *, channel: str | None = None, point: str | None = None, on: Moment = LONG_AGO
    ) -> Customer:
        """Who gave a consent: to a purpose, by every channel and at every contact point unless one is named."""
        return self._consent("GRANTED", purpose, channel, point, on)

    def refuses(
        self, purpose: str = "MARKETING", *, channel: str | None = None, point: str | None = None, on: Moment = LONG_AGO
    ) -> Customer:
        """Who denied a consent; ``refuses("PROFILING")`` is the objection to profiling."""
        return self._consent("DENIED", purpose, channel, point, on)

    def withdraws(
        self, purpose: str = "MARKETING", *, channel: str | None = None, point: str | None = None, on: Moment
    ) -> Customer:
        """Who withdrew a consent."""
        return self._consent("WITHDRAWN", purpose, channel, point, on)

    def lives_with(self, *others: Customer) -> Customer:
        """In one household with others: what the bank does to them counts for limits of households."""
        return replace(self, home=(*self.home, *others))

    def shares_point_with(self, *others: Customer) -> Customer:
        """Whose phone or e-mail address others use too. Raises RuleError where they have none in common."""
        mine = {one.point.key for one in self.reached}
        for other in others:
            if not mine & {one.point.key for one in other.reached}:
                raise RuleError(
                    f"{self.facts.id} and {other.facts.id} have no contact point in common.",
                    hint="Give both the same one first: .phone('+420602123456').",
                )
        return replace(self, sharing=(*self.sharing, *others))

    def in_need_of_care(self) -> Customer:
        """Who is vulnerable: the bank must treat the customer with special care."""
        return replace(self, facts=replace(self.facts, vulnerable=True))

    def blocked(self) -> Customer:
        """Whom the bank blocked."""
        return replace(self, facts=replace(self.facts, blocked=True))

    def on(self, moment: Moment, *, trigger: EventFact | None = None, channel: str | None = None) -> Snapshot:
        """The customer as of an instant or the end of a day: what comes later is not in it.

        ``channel``: the one that the customer is using at that moment.
        """
        now = frozen_at(moment)
        day = now.date()
        seen = [_seen(holding, history, day) for holding, history in self.holdings if holding.since <= day]
        events = (*self.events, trigger) if trigger else self.events
        met = sorted((one for one in self.met if one.at <= now), key=lambda one: (one.at, one.id))
        points = tuple(self._points(now))
        return Snapshot(
            party=self._party(),
            now=now,
            holdings=tuple(sorted(seen, key=lambda one: (one.since, one.agreement_id, one.role))),
            events=tuple(sorted((one for one in events if one.at <= now), key=lambda one: (one.at, one.id))),
            contacts=tuple(_contact(one) for one in met),
            related=tuple(self._related(moment, day)),
            looks=tuple(sorted(_looks(events, now), key=lambda one: (one.at, one.product, one.weight))),
            trigger=trigger,
            consents=tuple(sorted((one for one in self.consents if one.at <= now), key=lambda one: (one.at, one.id))),
            points=points,
            touches=self._touches(now, points),
            answers=tuple(sorted(self._answers(now), key=lambda one: (one.at, one.id))),
            channel=channel,
        )

    def household(self) -> str | None:
        """The identifier of the household; None: the customer lives alone."""
        members = sorted({self.facts.id, *(one.facts.id for one in self.home)})
        return f"household:{'+'.join(members)}" if self.home else None

    def _id(self, kind: str, earlier: tuple[Any, ...]) -> str:
        return f"{self.facts.id}:{kind}:{len(earlier) + 1:03}"

    def _reachable(self, kind: str, value: str, since: Day, *, blocked: bool) -> Customer:
        preferred = not self.reached
        point = PointFact(key=f"{kind}:{value}", kind=kind, preferred=preferred, blocked=blocked)
        return replace(self, reached=(*self.reached, Reached(point, as_day(since))))

    def _consent(self, status: str, purpose: str, channel: str | None, point: str | None, on: Moment) -> Customer:
        one_of("purpose", purpose, PURPOSES)
        if channel is not None:
            one_of("channel", channel, CHANNELS)
        key = None if point is None else _point_key(point)
        fact = ConsentFact(self._id("consent", self.consents), purpose, status, instant(on), channel, key)
        return replace(self, consents=(*self.consents, fact))

    def _party(self) -> PartyFacts:
        household = self.household()
        return replace(self.facts, household=household, control_units=(household or self.facts.id,))

    def _related(self, moment: Moment, day: dt.date) -> Iterator[Related]:
        found = []
        for kind, outgoing, since, until, other in self.ties:
            if since <= day:
                seen = Snapshot(party=other.facts, now=frozen_at(moment), holdings=other.on(moment).holdings)
                found.append(Related(kind, outgoing, since, until if until and until <= day else None, None, seen))
        yield from sorted(found, key=lambda one: (one.kind, one.since, one.party.id))

    def _points(self, now: dt.datetime) -> Iterator[PointFact]:
        used = [one for one in self.reached if one.used_on(now.date())]
        for one in sorted(used, key=lambda one: (not one.point.preferred, -one.since.toordinal(), one.point.key)):
            users = [
                other
                for other in _distinct((*self.home, *self.sharing))
                if any(each.point.key == one.point.key and each.used_on(now.date()) for each in other.reached)
            ]
            stopped = tuple(_stopped(one.point.key, (self, *users), now))
            yield replace(one.point, shared_with=len(users), stopped=stopped)

    def _touches(self, now: dt.datetime, points: tuple[PointFact, ...]) -> tuple[Touch, ...]:
        found = [replace(one, points=one.points or _fitting(one.channel, points)) for one in self.met if one.at <= now]
        home = {one.facts.id for one in self.home}
        for other in _distinct((*self.home, *self.sharing)):
            theirs = {one.point.key for one in other.reached if one.used_on(now.date())}
            common = tuple(one for one in points if one.key in theirs)
            for one in other.met:
                reached = tuple(key for key in one.points if any(key == point.key for point in points))
                reached = reached or (() if one.points else _fitting(one.channel, common))
                household = other.facts.id in home
                if one.at <= now and (reached or household):
                    named_only = not household and bool(one.points)
                    party = None if named_only else other.facts.id
                    found.append(replace(one, own=False, household=household, points=reached, party=party))
        return tuple(sorted(found, key=lambda one: (one.at, one.id)))

    def _answers(self, now: dt.datetime) -> Iterator[Answer]:
        yield from (one for one in self.answers if one.at <= now)
        for one in self.met:
            if one.at <= now and one.outcome in OUTCOMES:
                yield Answer(
                    id=one.id,
                    outcome=one.outcome or "",
                    at=one.at,
                    product=one.product,
                    family=catalogue().get(one.product or ""),
                    channel=one.channel,
                    call_back_at=one.call_back_at,
                )


def _looks(events: tuple[EventFact, ...], now: dt.datetime) -> Iterator[Look]:
    seen = [(one.at, found) for one in events if one.at <= now and (found := counted(one.type, one.payload))]
    families = catalogue() if seen else {}
    for at, found in seen:
        yield Look(found.code, families.get(found.code), ticked(at), found.weight)


def _distinct(others: tuple[Customer, ...]) -> list[Customer]:
    return list({one.facts.id: one for one in others}.values())


def _fitting(channel: str | None, points: tuple[PointFact, ...]) -> tuple[str, ...]:
    """Keys of the points that a contact by ``channel`` may have gone to."""
    return tuple(one.key for one in points if one.kind == _KIND_OF_CHANNEL.get(channel or ""))


def _stopped(key: str, users: tuple[Customer, ...], now: dt.datetime) -> Iterator[tuple[str, str | None, str]]:
    """What the newest statement of each user about this very point refuses, channel by channel."""
    newest: dict[tuple[str, str, str], ConsentFact] = {}
    for user in users:
        said = [one for one in user.consents if one.point == key and one.at <= now]
        for one in sorted(said, key=lambda each: (each.at, each.id)):
            for channel in CHANNELS if one.channel is None else (one.channel,):
                newest[user.facts.id, one.purpose, channel] = one
    for (_, purpose, channel), one in sorted(newest.items(), key=lambda item: item[0]):
        if one.status != "GRANTED":
            yield purpose, channel, one.id


def _contact(touch: Touch) -> Contact:
    return Contact(
        id=touch.id,
        at=touch.at,
        channel=touch.channel,
        direction=touch.direction,
        purpose=touch.purpose,
        outcome=touch.outcome,
        product=touch.product,
    )


def _point_key(point: str) -> str:
    """The key of a contact point by its value."""
    kind = "EMAIL" if "@" in point else "PHONE"
    return point if point.startswith(("PHONE:", "EMAIL:", "PUSH:")) else f"{kind}:{point}"


def _family(product: str) -> str:
    known = catalogue().get(product)
    if known is None:
        near = did_you_mean(product, catalogue())
        message = f"The catalogue has no product {product}. {near or ''}".rstrip()
        raise RuleError(message, hint="Of a product of your own name the family, too: family='LOAN'.")
    return known


def _seen(holding: Holding, history: tuple[tuple[dt.date, str], ...], day: dt.date) -> Holding:
    status = [value for since, value in history if since <= day][-1]
    until = holding.until if holding.until is not None and holding.until <= day else None
    return replace(holding, status=status, until=until)


def customer(
    party: str = "party:test",
    *,
    born: Day | None = "1980-05-17",
    company: bool = False,
    segment: str | None = None,
    country: str | None = "CZ",
    region: str | None = None,
    time_zone: str | None = "Europe/Prague",
) -> Customer:
    """A person (or a company) without anything: add facts with `Customer.holds`, `Customer.did` and the others."""
    birth = None if born is None or company else as_day(born)
    kind = "ORGANIZATION" if company else "PERSON"
    return Customer(
        PartyFacts(party, kind, born=birth, segment=segment, country=country, region=region, time_zone=time_zone)
    )
