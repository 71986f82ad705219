"""Conditions over what happened: events of the customer, contacts with the bank."""

from __future__ import annotations

import datetime as dt
import functools
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from graph_crm.errors import RuleError
from graph_crm.rules.conditions.base import Condition, CypherWriter, Needs, a_code, a_period, one_of
from graph_crm.rules.periods import Period
from graph_crm.rules.snapshot import CHANNELS, Contact, EventFact, Snapshot
from graph_crm.rules.verdicts import Reason, Verdict

FEWEST_NODES_OF_WINDOW = 50
FEWEST_NODES_OF_EVENT = 300
SHOWN = 5
Fact = TypeVar("Fact", EventFact, Contact)


@dataclass(frozen=True, slots=True)
class Did(Condition):
    """See `did`."""

    event: str
    within: Period | None = None
    times: int = 1

    def __str__(self) -> str:
        window = f", within={self.within}" if self.within else ""
        return f"did({self.event}{window}{f', times={self.times}' if self.times > 1 else ''})"

    def check(self, snapshot: Snapshot) -> Verdict:
        """Count the events of the type in the window."""
        found = _inside([one for one in snapshot.events if one.type == self.event], self.within, snapshot)
        window = f" in the last {self.within}" if self.within else ""
        text = f"{self.event} {_times(len(found))}{window}"
        evidence = tuple(one.id for one in found[-SHOWN:])
        passed = len(found) >= self.times
        code, words = "DID" if passed else "DID_NOT", {"event": self.event}
        return Verdict(passed, (Reason(code, text, {"events": len(found)}, evidence, words),))

    def write(self, writer: CypherWriter, party: str) -> str:
        """EXISTS, or COUNT when it must have happened several times."""
        event = writer.variable("e")
        pattern = f"MATCH ({party})-[:DID]->({event}:Event) WHERE {self._wanted(writer, event)}"
        if self.times == 1:
            return f"EXISTS {{ {pattern} }}"
        return f"COUNT {{ {pattern} }} >= {writer.value(self.times)}"

    def _wanted(self, writer: CypherWriter, event: str) -> str:
        return f"{event}.type = {writer.value(self.event)} AND {_window(writer, event, self.within)}"

    def needs(self) -> Needs:
        """Events of the type, as far back as the window."""
        return Needs(events=MappingProxyType({self.event: self.within}))

    def numbers(self, *, passed: bool) -> frozenset[str]:
        """How often."""
        del passed
        return frozenset({"events"})

    def anchor(self, writer: CypherWriter, party: str) -> str | None:
        """Start from the events of the type in the window, found by index."""
        if self.times > 1:
            return None
        event = writer.variable("e")
        return f"MATCH ({party}:Party)-[:DID]->({event}:Event) WHERE {self._wanted(writer, event)}"

    def anchor_cost(self) -> int:
        """A window holds few events, all of history many."""
        return FEWEST_NODES_OF_WINDOW if self.within else FEWEST_NODES_OF_EVENT

    def implies(self, other: Condition) -> bool:
        """More often and more recently implies less often and longer ago."""
        return (
            isinstance(other, Did)
            and self.event == other.event
            and self.times >= other.times
            and _inside_of(self.within, other.within)
        )


@dataclass(frozen=True, slots=True)
class Contacted(Condition):
    """See `contacted`."""

    within: Period | None = None
    channel: str | None = None
    direction: str | None = "OUTBOUND"
    purpose: str | None = None
    outcome: str | None = None
    times: int = 1

    def __str__(self) -> str:
        shown = [
            f"{name}={getattr(self, name)}"
            for name in ("within", "channel", "direction", "purpose", "outcome")
            if getattr(self, name) is not None
        ]
        return f"contacted({', '.join(shown + ([f'times={self.times}'] if self.times > 1 else []))})"

    def check(self, snapshot: Snapshot) -> Verdict:
        """Count the contacts that fit in the window."""
        fitting = [
            one
            for one in snapshot.contacts
            if all(
                getattr(self, name) in (None, getattr(one, name))
                for name in ("channel", "direction", "purpose", "outcome")
            )
        ]
        found = _inside(fitting, self.within, snapshot)
        how = f" by {self.channel}" if self.channel else ""
        window = f" in the last {self.within}" if self.within else ""
        text = f"contacted{how} {_times(len(found))}{window}"
        passed = len(found) >= self.times
        reason = Reason(
            "CONTACTED" if passed else "CONTACTED_NOT",
            text,
            {"contacts": len(found)},
            tuple(one.id for one in found[-SHOWN:]),
        )
        return Verdict(passed, (reason,))

    def write(self, writer: CypherWriter, party: str) -> str:
        """COUNT over the interactions that fit."""
        contact = writer.variable("i")
        wanted = [_window(writer, contact, self.within)]
        wanted += [
            f"{contact}.{name} = {writer.value(getattr(self, name))}"
            for name in ("channel", "direction", "purpose", "outcome")
            if getattr(self, name) is not None
        ]
        pattern = f"MATCH ({party})-[:HAD]->({contact}:Interaction) WHERE {' AND '.join(wanted)}"
        if self.times == 1:
            return f"EXISTS {{ {pattern} }}"
        return f"COUNT {{ {pattern} }} >= {writer.value(self.times)}"

    def needs(self) -> Needs:
        """Contacts, as far back as the window."""
        return Needs(contacts=True, contacts_within=self.within)

    def numbers(self, *, passed: bool) -> frozenset[str]:
        """How often."""
        del passed
        return frozenset({"contacts"})

    def implies(self, other: Condition) -> bool:
        """A narrower contact implies a wider one."""
        return (
            isinstance(other, Contacted)
            and self.times >= other.times
            and _inside_of(self.within, other.within)
            and all(
                getattr(other, name) in (None, getattr(self, name))
                for name in ("channel", "direction", "purpose", "outcome")
            )
        )


def did(event: str, *, within: Period | None = None, times: int = 1) -> Condition:
    """Have done something: an event of the type ``event``, at least ``times`` times, ``within`` a period before now."""
    a_code("event", event)
    a_period("within", within)
    _a_count(times)
    return Did(event, within, times)


def any_did(events: Sequence[str], *, within: Period) -> Condition:
    """Have done one of these things ``within`` a period before now."""
    return functools.reduce(operator.or_, (did(event, within=within) for event in events))


def contacted(
    *,
    within: Period | None = None,
    channel: str | None = None,
    direction: str | None = "OUTBOUND",
    purpose: str | None = None,
    outcome: str | None = None,
    times: int = 1,
) -> Condition:
    """Have been contacted by the bank, at least ``times`` times, ``within`` a period before now.

    ``direction="INBOUND"``: the customer came to the bank; None: either. ``channel``, ``purpose`` and ``outcome``
    narrow it to those contacts.
    """
    a_period("within", within)
    if channel is not None:
        one_of("channel", channel, CHANNELS)
    if direction is not None:
        one_of("direction", direction, ("INBOUND", "OUTBOUND"))
    for name, value in (("purpose", purpose), ("outcome", outcome)):
        if value is not None:
            a_code(name, value)
    _a_count(times)
    return Contacted(within, channel, direction, purpose, outcome, times)


def _a_count(times: object) -> None:
    if not isinstance(times, int) or isinstance(times, bool) or times < 1:
        raise RuleError(f"times must be a whole number of 1 or more, not {times!r}.")


def _window(writer: CypherWriter, node: str, within: Period | None) -> str:
    text = f"{node}.at < {writer.value(writer.until)}"
    return text if within is None else f"{node}.at >= {writer.value(within.before(writer.now))} AND {text}"


def _inside(facts: Iterable[Fact], within: Period | None, snapshot: Snapshot) -> list[Fact]:
    since = dt.datetime.min.replace(tzinfo=dt.UTC) if within is None else within.before(snapshot.now)
    return [one for one in facts if since <= one.at <= snapshot.now]


def _inside_of(inner: Period | None, outer: Period | None) -> bool:
    if outer is None:
        return True
    return inner is not None and inner.months <= outer.months and inner.days <= outer.days


def _times(number: int) -> str:
    return {0: "never", 1: "once"}.get(number, f"{number} times")
