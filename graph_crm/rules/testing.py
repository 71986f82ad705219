"""Try a rule without a database: build a customer in one expression, freeze the day, expect or reject an offer.

    bench = plugin("plugins/lifecycle_cross_sell.py")

    def test_a_borrower_without_a_card_is_offered_one():
        anna = customer().holds("CASH_LOAN", since="2024-01-05").holds("CURRENT_ACCOUNT", since="2023-01-01")
        bench.on("2024-06-01").expect(anna, "CREDIT_CARD")
        bench.on("2024-02-01").reject(anna, "CREDIT_CARD")

A failed expectation says what every rule thought.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from graph_crm.errors import RuleError
from graph_crm.rules.conditions.base import one_of
from graph_crm.rules.loader import Found, load_file
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.products import catalogue
from graph_crm.rules.results import Proposal
from graph_crm.rules.snapshot import (
    CHANNELS,
    ROLES,
    STATUSES,
    TIES,
    Contact,
    EventFact,
    Holding,
    PartyFacts,
    Related,
    Snapshot,
    end_of,
)

Day: TypeAlias = dt.date | str
"""A date, or its ISO text."""

NOON = dt.time(12, tzinfo=dt.UTC)


def _day(day: Day) -> dt.date:
    return dt.date.fromisoformat(day) if isinstance(day, str) else day


@dataclass(frozen=True)
class Customer:
    """A made-up customer: every method gives a new one with one fact more. Begin with `customer`."""

    facts: PartyFacts
    holdings: tuple[tuple[Holding, tuple[tuple[dt.date, str], ...]], ...] = ()
    events: tuple[EventFact, ...] = ()
    contacts: tuple[Contact, ...] = ()
    ties: tuple[tuple[str, bool, dt.date, dt.date | None, Customer], ...] = ()

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
        known = family or catalogue().get(product)
        if known is None:
            raise RuleError(f"The catalogue has no product {product}.", hint="Name its family: family='LOAN'.")
        start = _day(since)
        history = [(start, status)] if status_since is None else [(start, "ACTIVE"), (_day(status_since), status)]
        holding = Holding(
            agreement_id=f"agreement:{len(self.holdings) + 1}",
            product=product,
            family=known,
            role=role,
            since=start,
            until=_day(until) if until is not None else None,
            opened_on=start,
            matures_on=_day(matures) if matures is not None else None,
            amount=None if amount is None else amount * 100,
        )
        return replace(self, holdings=(*self.holdings, (holding, tuple(history))))

    def did(self, event: str, *, on: Day, **payload: Any) -> Customer:
        """Who did something at noon of a day."""
        at = dt.datetime.combine(_day(on), NOON)
        fact = EventFact(f"event:{len(self.events) + 1}", event, at, payload=MappingProxyType(payload))
        return replace(self, events=(*self.events, fact))

    def contacted(
        self, *, on: Day, channel: str = "PHONE", direction: str = "OUTBOUND", outcome: str | None = None
    ) -> Customer:
        """Whom the bank contacted at noon of a day."""
        one_of("channel", channel, CHANNELS)
        at = dt.datetime.combine(_day(on), NOON)
        fact = Contact(f"contact:{len(self.contacts) + 1}", at, channel, direction, outcome=outcome)
        return replace(self, contacts=(*self.contacts, fact))

    def tied(
        self, kind: str, other: Customer, *, since: Day = "1900-01-01", until: Day | None = None, side: str = "from"
    ) -> Customer:
        """With a tie that runs from this customer (``side="to"``: towards it) to or from ``other``."""
        one_of("tie", kind, TIES)
        one_of("side", side, ("from", "to"))
        tie = (kind, side == "from", _day(since), _day(until) if until is not None else None, other)
        return replace(self, ties=(*self.ties, tie))

    def on(self, day: Day, *, trigger: EventFact | None = None) -> Snapshot:
        """The customer as of the end of a day: what comes later is not in it."""
        date = _day(day)
        now = end_of(date)
        seen = [_seen(holding, history, date) for holding, history in self.holdings if holding.since <= date]
        events = (*self.events, trigger) if trigger else self.events
        related = tuple(
            Related(kind, outgoing, since, until, None, replace(other, events=(), contacts=(), ties=()).on(date))
            for kind, outgoing, since, until, other in self.ties
            if since <= date
        )
        return Snapshot(
            party=self.facts,
            now=now,
            holdings=tuple(sorted(seen, key=lambda one: (one.since, one.agreement_id))),
            events=tuple(sorted((one for one in events if one.at <= now), key=lambda one: one.at)),
            contacts=tuple(sorted((one for one in self.contacts if one.at <= now), key=lambda one: one.at)),
            related=related,
            trigger=trigger,
        )


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
) -> Customer:
    """A person (or a company) without anything: add facts with `Customer.holds`, `Customer.did` and the others."""
    birth = None if born is None or company else _day(born)
    kind = "ORGANIZATION" if company else "PERSON"
    return Customer(PartyFacts(party, kind, born=birth, segment=segment, country=country, region=region))


@dataclass(frozen=True)
class Asked:
    """A rule file on one day, perhaps at an event: expects or rejects offers."""

    book: RuleBook
    day: dt.date
    event: str | None = None
    payload: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def at(self, event: str, **payload: Any) -> Asked:
        """The same at an event of this type; without it rules with ``on_event`` are not asked."""
        return replace(self, event=event, payload=MappingProxyType(payload))

    def offers(self, who: Customer) -> list[Proposal]:
        """What the rules would offer, the highest priority first, what a veto forbids left out.

        Raises AssertionError with the plugin's problem when it failed.
        """
        snapshot = self._snapshot(who)
        found = [one for one in self._judged(snapshot).values() if one is not None]
        if self.event is not None:
            found += [named.value for named in self.book.propose([snapshot])]
        vetoes = [named.value for named in self.book.veto([snapshot], found)] if found else []
        if self.book.problems:
            raise AssertionError("\n".join(self.book.problems))
        allowed = [one for one in found if one.mode == "on" and not any(veto.stops(one) for veto in vetoes)]
        return sorted(allowed, key=lambda one: (-one.priority, one.rule))

    def expect(self, who: Customer, offer: str, *, rule: str | None = None) -> Proposal:
        """Fail, and say what the rules thought, unless the product is offered; ``rule``: by this rule."""
        found = self.offers(who)
        for one in found:
            if one.offer == offer and rule in (None, one.rule):
                return one
        names = ", ".join(one.offer for one in found) or "nothing"
        raise AssertionError(f"{offer} was expected on {self.day}; offered: {names}\n{self.explain(who)}")

    def reject(self, who: Customer, offer: str) -> None:
        """Fail, and say why it was offered, when the product is offered."""
        for one in self.offers(who):
            if one.offer == offer:
                raise AssertionError(f"{offer} was offered on {self.day} by {one.rule}\n{self.explain(who)}")

    def explain(self, who: Customer) -> str:
        """What every rule that was asked says about the customer, one a line."""
        snapshot = self._snapshot(who)
        lines = []
        for booked in self._asked():
            verdict = booked.rule.when.check(snapshot)
            answer = {True: "yes", False: "no", None: "not known"}[verdict.truth]
            lines.append(f"  {booked.rule.id}: {answer}: {verdict.reason}")
        return "\n".join(lines) or "  no rule was asked: is its event missing? Use .at('event_type')."

    def _snapshot(self, who: Customer) -> Snapshot:
        if self.event is None:
            return who.on(self.day)
        at = dt.datetime.combine(self.day, NOON)
        return who.on(self.day, trigger=EventFact("event:trigger", self.event, at, payload=self.payload))

    def _asked(self) -> list[Any]:
        if self.event is not None:
            return self.book.caring_for(self.event)
        return [one for one in self.book.rules if not one.rule.events and one.mode != "off"]

    def _judged(self, snapshot: Snapshot) -> dict[str, Proposal | None]:
        return {
            judged.booked.rule.id: judged.proposal
            for booked in self._asked()
            for judged in self.book.judge(booked, [snapshot])
        }


@dataclass(frozen=True)
class Bench:
    """A plugin under test; `on` freezes the day."""

    found: Found

    def on(self, day: Day) -> Asked:
        """The plugin as of the end of a day."""
        return Asked(RuleBook([self.found]), _day(day))


def plugin(source: str | Path | object) -> Bench:
    """A plugin file, or an imported plugin module, to be tried. Raises RuleError when it can't be loaded."""
    found = load_file(Path(source)) if isinstance(source, str | Path) else Found("plugin", repr(source), source)
    book = RuleBook([found])
    if book.problems:
        raise RuleError("\n".join(book.problems))
    return Bench(found)
