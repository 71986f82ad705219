"""Try a rule without a database: build a customer in one expression, freeze the day, expect or reject an offer.

    bench = plugin("plugins/lifecycle_cross_sell.py")

    def test_a_borrower_without_a_card_is_offered_one():
        anna = customer().holds("CASH_LOAN", since="2024-01-05").holds("CURRENT_ACCOUNT", since="2023-01-01")
        bench.on("2024-06-01").expect(anna, "CREDIT_CARD")
        bench.on("2024-02-01").reject(anna, "CREDIT_CARD")

A failed expectation says what every rule thought. This asks the rules alone; `graph_crm.testing` leads the same
customer through the whole pipeline, with consent, limits and all, without a database or in a real one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from graph_crm.errors import RuleError
from graph_crm.rules.booked import BookedRule
from graph_crm.rules.customers import NOON, Customer, Day, Moment, customer, frozen_at
from graph_crm.rules.loader import Found, load_file
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.results import Proposal
from graph_crm.rules.snapshot import EventFact, Snapshot

__all__ = ["Asked", "Bench", "Customer", "Day", "Moment", "customer", "plugin"]

FORBID = ("eligibility", "suitability", "veto")
"""The hooks that can forbid a proposal."""


@dataclass(frozen=True)
class Asked:
    """A rule file at one moment, perhaps at an event: expects or rejects offers."""

    book: RuleBook
    moment: Moment
    event: str | None = None
    payload: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def at(self, event: str, **payload: Any) -> Asked:
        """The same at an event of this type; without it rules with ``on_event`` are not asked."""
        return replace(self, event=event, payload=MappingProxyType(payload))

    def offers(self, who: Customer) -> list[Proposal]:
        """What the rules would offer, the highest priority first, what a veto forbids left out.

        Raises AssertionError with the plugin's problem when it failed.
        """
        snapshot = self.snapshot(who)
        found = [one for one in self._judged(snapshot).values() if one is not None]
        if self.event is not None:
            found += [named.value for named in self.book.propose([snapshot])]
        vetoes = [named.value for hook in FORBID for named in self.book.veto([snapshot], found, hook)] if found else []
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
        raise AssertionError(f"{offer} was expected on {self.moment}; offered: {names}\n{self.explain(who)}")

    def reject(self, who: Customer, offer: str) -> None:
        """Fail, and say why it was offered, when the product is offered."""
        for one in self.offers(who):
            if one.offer == offer:
                raise AssertionError(f"{offer} was offered on {self.moment} by {one.rule}\n{self.explain(who)}")

    def explain(self, who: Customer) -> str:
        """What every rule that was asked says about the customer, one a line."""
        snapshot = self.snapshot(who)
        lines = []
        for booked in self.asked():
            verdict = booked.rule.when.check(snapshot)
            answer = {True: "yes", False: "no", None: "not known"}[verdict.truth]
            lines.append(f"  {booked.rule.id}: {answer}: {verdict.reason}")
        return "\n".join(lines) or "  no rule was asked: is its event missing? Use .at('event_type')."

    def snapshot(self, who: Customer, *, channel: str | None = None) -> Snapshot:
        """The customer as the rules are shown it."""
        if self.event is None:
            return who.on(self.moment, channel=channel)
        now = frozen_at(self.moment)
        at = min(now, dt.datetime.combine(now.date(), NOON))
        trigger = EventFact(f"{who.facts.id}:event:trigger", self.event, at, payload=self.payload)
        return who.on(self.moment, trigger=trigger, channel=channel)

    def asked(self) -> list[BookedRule]:
        """The declarative rules that are asked at this moment."""
        if self.event is not None:
            return self.book.caring_for(self.event)
        return [one for one in self.book.rules if not one.rule.events and one.mode != "off"]

    def _judged(self, snapshot: Snapshot) -> dict[str, Proposal | None]:
        return {
            judged.booked.rule.id: judged.proposal
            for booked in self.asked()
            for judged in self.book.judge(booked, [snapshot])
        }


@dataclass(frozen=True)
class Bench:
    """A plugin under test; `on` freezes the clock."""

    found: Found

    def on(self, moment: Moment) -> Asked:
        """The plugin as of an instant ("2024-06-03T10:00", UTC) or the end of a day."""
        return Asked(RuleBook([self.found]), moment)


def plugin(source: str | Path | object) -> Bench:
    """A plugin file, or an imported plugin module, to be tried. Raises RuleError when it can't be loaded."""
    found = load_file(Path(source)) if isinstance(source, str | Path) else Found("plugin", repr(source), source)
    book = RuleBook([found])
    if book.problems:
        raise RuleError("\n".join(book.problems))
    return Bench(found)
