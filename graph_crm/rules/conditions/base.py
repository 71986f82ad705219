"""What every condition can do: judge one snapshot, write itself as Cypher, say what it needs to see."""

from __future__ import annotations

import datetime as dt
import difflib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from graph_crm.errors import RuleError
from graph_crm.rules.periods import Period
from graph_crm.rules.snapshot import ONE_TICK, Snapshot, end_of, ticked
from graph_crm.rules.verdicts import Verdict, all_of, any_of, opposite

EVER: Period | None = None
"""As a window: without a beginning."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of Cypher and its parameters; values are never in the text."""

    text: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be in a snapshot beyond the customer and its agreements."""

    events: Mapping[str, Period | None] = field(default_factory=lambda: MappingProxyType({}))
    """Types of event, and how far back; None: from the beginning."""
    contacts: bool = False
    """Whether contacts are looked at."""
    contacts_within: Period | None = None
    """How far back contacts are looked at; None: from the beginning."""
    ties: frozenset[str] = frozenset()
    """Kinds of tie whose other end is looked at, with what it holds."""
    looks: Period | None = None
    """How far back looks at products and services count; None: they are not looked at."""

    def __or__(self, other: Needs) -> Needs:
        events = dict(self.events)
        for name, window in other.events.items():
            events[name] = longer(events[name], window) if name in events else window
        if self.contacts and other.contacts:
            within = longer(self.contacts_within, other.contacts_within)
        else:
            within = self.contacts_within if self.contacts else other.contacts_within
        looks = longer(self.looks, other.looks) if self.looks and other.looks else self.looks or other.looks
        return Needs(MappingProxyType(events), self.contacts or other.contacts, within, self.ties | other.ties, looks)


def longer(left: Period | None, right: Period | None) -> Period | None:
    """A window that covers both; None is the longest."""
    if left is None or right is None:
        return None
    return Period(months=max(left.months, right.months), days=max(left.days, right.days))


class CypherWriter:
    """Collects parameters and hands out names while conditions write themselves as Cypher."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = ticked(now)
        self.day = self.now.date()
        self.parameters: dict[str, Any] = {}
        self._names: dict[tuple[str, Any], str] = {}
        self._variables = 0

    @property
    def until(self) -> dt.datetime:
        """The first instant that is too late to be seen."""
        return self.now + ONE_TICK

    def value(self, value: str | float | dt.date | dt.datetime | tuple[str, ...]) -> str:
        """The parameter that stands for ``value``; the same value is sent once."""
        key = (type(value).__name__, value)
        if key not in self._names:
            name = f"c{len(self.parameters)}"
            self._names[key] = f"${name}"
            self.parameters[name] = list(value) if isinstance(value, tuple) else value
        return self._names[key]

    def variable(self, letter: str) -> str:
        """A variable name that is not used yet."""
        self._variables += 1
        return f"{letter}{self._variables}"


class Condition(ABC):
    """Says yes, no or not known about a customer; combined with ``&``, ``|`` and ``~``."""

    __slots__ = ()

    @abstractmethod
    def check(self, snapshot: Snapshot) -> Verdict:
        """Judge one snapshot."""

    @abstractmethod
    def write(self, writer: CypherWriter, party: str) -> str:
        """The same as a Cypher expression over the node variable ``party``: true, false or null (not known)."""

    def needs(self) -> Needs:
        """What `check` reads beyond the customer and its agreements."""
        return Needs()

    def atoms(self) -> Iterator[Condition]:
        """The plain conditions in it."""
        yield self

    def anchor(self, writer: CypherWriter, party: str) -> str | None:
        """MATCH clauses that bind ``party`` to just the customers who pass, found by an index; None: there is none."""
        del writer, party
        return None

    def anchor_cost(self) -> int:
        """How many nodes an anchor starts from: the smaller, the better; only the order matters."""
        return 1_000

    def numbers(self, *, passed: bool) -> frozenset[str]:
        """Names of the numbers that the reasons of a yes (``passed``) or of a no may give."""
        del passed
        return frozenset()

    def implies(self, other: Condition) -> bool:
        """Whether whoever passes this surely passes ``other``."""
        return self == other

    def excludes(self, other: Condition) -> bool:
        """Whether nobody can pass both this and ``other``."""
        del other
        return False

    @property
    def nullable(self) -> bool:
        """Whether the answer can be "not known"."""
        return False

    def cypher(self, as_of: dt.date, party: str = "party") -> Fragment:
        """The Cypher expression and its parameters, as of the end of a day."""
        writer = CypherWriter(end_of(as_of))
        text = self.write(writer, party)
        return Fragment(text, MappingProxyType(writer.parameters))

    def __and__(self, other: Condition) -> Condition:
        return AllOf(_parts(AllOf, self) + _parts(AllOf, _condition(other)))

    def __or__(self, other: Condition) -> Condition:
        return AnyOf(_parts(AnyOf, self) + _parts(AnyOf, _condition(other)))

    def __invert__(self) -> Condition:
        return self.part if isinstance(self, Not) else Not(self)

    def __bool__(self) -> bool:
        raise RuleError(
            "A condition was used with `and`, `or`, `not` or `if`.",
            hint="Combine conditions with &, | and ~; put brackets around each comparison.",
        )


def _condition(value: object) -> Condition:
    if isinstance(value, Condition):
        return value
    raise RuleError(
        f"{value!r} is no condition.", hint="Combine conditions such as holds(...), did(...), age_between(...)."
    )


def _parts(kind: type[AllOf | AnyOf], condition: Condition) -> tuple[Condition, ...]:
    return condition.parts if isinstance(condition, kind) else (condition,)


@dataclass(frozen=True, slots=True)
class Combined(Condition):
    """Several conditions as one: what they need and tell together."""

    parts: tuple[Condition, ...]

    def needs(self) -> Needs:
        """What the parts need."""
        return _needs(self.parts)

    def atoms(self) -> Iterator[Condition]:
        """The atoms of the parts."""
        for part in self.parts:
            yield from part.atoms()

    def numbers(self, *, passed: bool) -> frozenset[str]:
        """The numbers of the parts."""
        return frozenset().union(*(part.numbers(passed=passed) for part in self.parts))

    @property
    def nullable(self) -> bool:
        """Whether a part can be "not known"."""
        return any(part.nullable for part in self.parts)


@dataclass(frozen=True, slots=True)
class AllOf(Combined):
    """Passed by whoever passes every part."""

    def check(self, snapshot: Snapshot) -> Verdict:
        """Judge every part."""
        return all_of([part.check(snapshot) for part in self.parts])

    def write(self, writer: CypherWriter, party: str) -> str:
        """All of the list of the parts, see `quantified`."""
        return quantified("all", self.parts, writer, party)

    def __str__(self) -> str:
        return "(" + " & ".join(str(part) for part in self.parts) + ")"


@dataclass(frozen=True, slots=True)
class AnyOf(Combined):
    """Passed by whoever passes at least one part."""

    def check(self, snapshot: Snapshot) -> Verdict:
        """Judge every part."""
        return any_of([part.check(snapshot) for part in self.parts])

    def write(self, writer: CypherWriter, party: str) -> str:
        """Any of the list of the parts, see `quantified`."""
        return quantified("any", self.parts, writer, party)

    def __str__(self) -> str:
        return "(" + " | ".join(str(part) for part in self.parts) + ")"


@dataclass(frozen=True, slots=True)
class Not(Condition):
    """Passed by whoever surely does not pass the part."""

    part: Condition

    def check(self, snapshot: Snapshot) -> Verdict:
        """Turn the part's answer; what is not known stays so."""
        return opposite(self.part.check(snapshot))

    def write(self, writer: CypherWriter, party: str) -> str:
        """The part behind NOT."""
        return f"(NOT {self.part.write(writer, party)})"

    def needs(self) -> Needs:
        """What the part needs."""
        return self.part.needs()

    def atoms(self) -> Iterator[Condition]:
        """The atoms of the part."""
        yield from self.part.atoms()

    def numbers(self, *, passed: bool) -> frozenset[str]:
        """What the part's opposite answer gives."""
        return self.part.numbers(passed=not passed)

    @property
    def nullable(self) -> bool:
        """Whether the part can be "not known"."""
        return self.part.nullable

    def __str__(self) -> str:
        return f"~{self.part}"


def quantified(word: Literal["all", "any"], parts: tuple[Condition, ...], writer: CypherWriter, party: str) -> str:
    """The parts joined by AND (``all``) or OR (``any``), null included, as one expression that is left as it is.

    The planner of Neo4j rewrites AND, OR and NOT into a conjunction of disjunctions, which doubles nested parts over
    and over: a condition of five parts could take it minutes. It does not look into a list. Only the required parts of
    a whole condition are joined by AND, by `scan`, so that they are still planned one by one.
    """
    each = writer.variable("x")
    return f"{word}({each} IN [{', '.join(part.write(writer, party) for part in parts)}] WHERE {each})"


def one_of_them(writer: CypherWriter, pattern: str, certain: str, answer: str) -> str:
    """Whether ``answer`` is true for one match of ``pattern`` that is ``certain``; null: for none, but open for one.

    One subquery says all three; two (one for true, one for null) would double with every tie inside another.
    """
    each = writer.variable("x")
    return f"any({each} IN COLLECT {{ {pattern} WHERE {certain} RETURN {answer} }} WHERE {each})"


def _needs(parts: tuple[Condition, ...]) -> Needs:
    needs = Needs()
    for part in parts:
        needs = needs | part.needs()
    return needs


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse a word that the platform does not know, and name those that it does."""
    if value not in allowed:
        raise RuleError(
            f"{name} {value!r} is not known: one of {', '.join(allowed)}.", hint=did_you_mean(value, allowed)
        )


def did_you_mean(word: object, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, as a question; None: no word is near."""
    near = {one.lower(): one for one in known}
    close = difflib.get_close_matches(str(word).lower(), near, n=1)
    return f"Did you mean {near[close[0]]}?" if close else None


def a_code(name: str, value: object) -> None:
    """Refuse what can't be a code: products, families and event types are non-empty strings."""
    if not isinstance(value, str) or not value.strip():
        raise RuleError(f"{name} must be a non-empty string, not {value!r}.")


def a_period(name: str, value: object) -> None:
    """Refuse what is no period."""
    if value is not None and not isinstance(value, Period):
        raise RuleError(f"{name} must be a period, not {value!r}.", hint="For example days(90) or months(3).")
