"""Conditions over who the customer is, and over the parties tied to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from graph_crm.errors import RuleError
from graph_crm.rules.conditions.base import Condition, CypherWriter, Needs, a_code, one_of, one_of_them
from graph_crm.rules.periods import years
from graph_crm.rules.snapshot import TIES, Snapshot
from graph_crm.rules.verdicts import Reason, Verdict

OLDEST = 150
SIDES = ("from", "to", "either")
_LABELS = {"PERSON": "Person", "ORGANIZATION": "Organization"}


@dataclass(frozen=True, slots=True)
class IsKind(Condition):
    """See `is_person` and `is_organization`."""

    kind: str

    def __str__(self) -> str:
        return f"is_{self.kind.lower()}()"

    def check(self, snapshot: Snapshot) -> Verdict:
        """Compare the party's kind."""
        words = {"PERSON": "is a person", "ORGANIZATION": "is an organization"}
        return Verdict(
            snapshot.party.kind == self.kind, (Reason(f"IS_{snapshot.party.kind}", words[snapshot.party.kind]),)
        )

    def write(self, writer: CypherWriter, party: str) -> str:
        """A label."""
        del writer
        return f"({party}:{_LABELS[self.kind]})"

    def excludes(self, other: Condition) -> bool:
        """Nobody is both; only people have an age."""
        if isinstance(other, IsKind):
            return other.kind != self.kind
        return isinstance(other, Age) and self.kind == "ORGANIZATION"


@dataclass(frozen=True, slots=True)
class Age(Condition):
    """See `age_between`."""

    low: int
    high: int

    def __str__(self) -> str:
        return f"age_between({self.low}, {self.high})"

    def check(self, snapshot: Snapshot) -> Verdict:
        """Compare birthdays; not known without a birth date."""
        born = snapshot.party.born
        if born is None:
            return Verdict(None, (Reason("AGE_UNKNOWN", "the birth date is not known"),))
        day = snapshot.as_of
        passed = years(self.high + 1).latest_start(day) < born <= years(self.low).latest_start(day)
        turning = max(0, day.year - born.year)
        age = max(0, turning - (1 if born > years(turning).latest_start(day) else 0))
        return Verdict(passed, (Reason("AGE", f"is {age} years old", {"age": age}),))

    def write(self, writer: CypherWriter, party: str) -> str:
        """Two comparisons of the birth date; null without one."""
        latest = writer.value(years(self.low).latest_start(writer.day))
        too_early = writer.value(years(self.high + 1).latest_start(writer.day))
        return f"({party}.birthDate <= {latest} AND {party}.birthDate > {too_early})"

    def numbers(self, *, passed: bool) -> frozenset[str]:
        """The age, whether it fits or not."""
        del passed
        return frozenset({"age"})

    @property
    def nullable(self) -> bool:
        """A missing birth date leaves it open."""
        return True

    def implies(self, other: Condition) -> bool:
        """A narrower span implies a wider one."""
        return isinstance(other, Age) and other.low <= self.low and self.high <= other.high

    def excludes(self, other: Condition) -> bool:
        """Spans that do not meet; organizations have no age."""
        if isinstance(other, Age):
            return self.high < other.low or other.high < self.low
        return isinstance(other, IsKind) and other.kind == "ORGANIZATION"


@dataclass(frozen=True, slots=True)
class OneOf(Condition):
    """See `in_segment` and `lives_in`."""

    fact: Literal["segment", "country", "region"]
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.fact} in ({', '.join(self.values)})"

    def check(self, snapshot: Snapshot) -> Verdict:
        """Compare the party's fact; not known when it is missing."""
        value = getattr(snapshot.party, self.fact)
        code = self.fact.upper()
        if value is None:
            return Verdict(None, (Reason(f"{code}_UNKNOWN", f"the {self.fact} is not known"),))
        return Verdict(value in self.values, (Reason(code, f"{self.fact} is {value}", words={"value": value}),))

    def write(self, writer: CypherWriter, party: str) -> str:
        """IN a list; null without the fact."""
        return f"({party}.{self.fact} IN {writer.value(self.values)})"

    @property
    def nullable(self) -> bool:
        """A missing fact leaves it open."""
        return True

    def implies(self, other: Condition) -> bool:
        """Fewer values imply more."""
        return isinstance(other, OneOf) and other.fact == self.fact and set(self.values) <= set(other.values)

    def excludes(self, other: Condition) -> bool:
        """Lists of the same fact that share nothing."""
        return isinstance(other, OneOf) and other.fact == self.fact and not set(self.values) & set(other.values)


@dataclass(frozen=True, slots=True)
class Constant(Condition):
    """See `everyone` and `nobody`."""

    truth: bool

    def __str__(self) -> str:
        return "everyone()" if self.truth else "nobody()"

    def check(self, snapshot: Snapshot) -> Verdict:
        """The same for every customer."""
        del snapshot
        return Verdict(self.truth, (Reason("EVERYONE", "holds for everyone") if self.truth else _NOBODY,))

    def write(self, writer: CypherWriter, party: str) -> str:
        """A literal."""
        del writer, party
        return "true" if self.truth else "false"


_NOBODY = Reason("NOBODY", "holds for nobody")


@dataclass(frozen=True, slots=True)
class RelatedTo(Condition):
    """See `related_to`."""

    tie: str
    who: Condition
    side: str

    def __str__(self) -> str:
        return f"related_to({self.tie}, {self.who}, side={self.side})"

    def check(self, snapshot: Snapshot) -> Verdict:
        """Judge every party at the other end of such a tie."""
        day = snapshot.as_of
        answers = {}
        for one in snapshot.related:
            if one.kind == self.tie and one.held_on(day) and self.side in ("either", "from" if one.outgoing else "to"):
                answers[one.party.id] = self.who.check(one.party)
        numbers = {"related": len(answers)}
        tie = {"tie": self.tie}
        for truth, code, words in ((True, "RELATED", "is tied by"), (None, "RELATED_UNKNOWN", "may be tied by")):
            found = [(party, verdict) for party, verdict in answers.items() if verdict.truth is truth]
            if found:
                party, verdict = found[0]
                evidence = (party, *verdict.evidence)
                text = f"{words} {self.tie} to one who: {verdict.reason}"
                return Verdict(truth, (Reason(code, text, numbers, evidence, tie),))
        return Verdict(False, (Reason("RELATED_NOT", f"is tied by {self.tie} to nobody who fits", numbers, (), tie),))

    def write(self, writer: CypherWriter, party: str) -> str:
        """One of the ties; null where it is open for one and certain for none."""
        tie, other = writer.variable("r"), writer.variable("q")
        day = writer.value(writer.day)
        left = "<-" if self.side == "to" else "-"
        right = "->" if self.side == "from" else "-"
        pattern = f"MATCH ({party}){left}[{tie}:{self.tie}]{right}({other}:Party)"
        visible = f"{tie}.since <= {day} AND ({tie}.until IS NULL OR {tie}.until > {day})"
        who = self.who.write(writer, other)
        if not self.nullable:
            return f"EXISTS {{ {pattern} WHERE {visible} AND {who} }}"
        return one_of_them(writer, pattern, visible, who)

    def needs(self) -> Needs:
        """The parties at the other end."""
        return Needs(ties=frozenset({self.tie}))

    def numbers(self, *, passed: bool) -> frozenset[str]:
        """How many are tied so."""
        del passed
        return frozenset({"related"})

    @property
    def nullable(self) -> bool:
        """Open when it is open for the other party."""
        return self.who.nullable


def is_person() -> Condition:
    """Be a person."""
    return IsKind("PERSON")


def is_organization() -> Condition:
    """Be a company or another organization."""
    return IsKind("ORGANIZATION")


def age_between(low: int, high: int = OLDEST) -> Condition:
    """Be at least ``low`` and at most ``high`` whole years old; not known without a birth date.

    Who is born on 29 February grows older on 28 February in a common year.
    """
    for value in (low, high):
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= OLDEST:
            raise RuleError(f"An age is a whole number from 0 to {OLDEST}, not {value!r}.")
    if low > high:
        raise RuleError(f"age_between({low}, {high}) is empty: the first age is above the second.")
    return Age(low, high)


def in_segment(*names: str) -> Condition:
    """Be in one of the named segments; not known when the customer has none."""
    return OneOf("segment", _names("in_segment", names))


def lives_in(*, country: str | None = None, region: str | None = None) -> Condition:
    """Have the address in this country (two letters) or region; not known without one. Give one of the two."""
    if (country is None) == (region is None):
        raise RuleError("lives_in takes either country or region.")
    if country is not None:
        return OneOf("country", _names("lives_in", (country,)))
    return OneOf("region", _names("lives_in", (str(region),)))


def everyone() -> Condition:
    """Pass always: for a rule that its event alone decides."""
    return Constant(truth=True)


def nobody() -> Condition:
    """Pass never: to switch a rule off in its own file."""
    return Constant(truth=False)


def related_to(tie: str, who: Condition | None = None, *, side: str = "either") -> Condition:
    """Be tied to a party that passes ``who`` (not given: to anybody).

    ``side="from"``: the tie runs from the customer (PARENT_OF: the customer is the parent); ``"to"``: towards the
    customer. Of the other party a rule sees who it is and what it holds, not its events, contacts and ties.
    """
    one_of("tie", tie, TIES)
    one_of("side", side, SIDES)
    who = everyone() if who is None else who
    if not isinstance(who, Condition):
        raise RuleError(f"{who!r} is no condition.", hint="For example holds(family='LOAN').")
    if who.needs() != Needs():
        raise RuleError(f"{who} can't be asked about a related party.", hint="Ask who it is or what it holds.")
    return RelatedTo(tie, who, side)


def _names(function: str, names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise RuleError(f"{function} needs at least one name.")
    for name in names:
        a_code("name", name)
    return tuple(sorted(set(names)))
