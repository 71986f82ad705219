"""The condition over interest: what the customer looked at lately, each look fading with time."""

from __future__ import annotations

from dataclasses import dataclass

from graph_crm.errors import RuleError
from graph_crm.rules.conditions.base import Condition, CypherWriter, Needs, a_code
from graph_crm.rules.interest import HALF_LIFE_DAYS, HALF_LIVES, NEAR, Look, score, window
from graph_crm.rules.periods import Period
from graph_crm.rules.snapshot import Snapshot, epoch_milliseconds
from graph_crm.rules.verdicts import Reason, Verdict

FEWEST_NODES = 200
LARGEST_SCORE = 1_000_000
LONGEST_HALF_LIFE = 3650
MILLISECONDS_A_DAY = 86_400_000


@dataclass(frozen=True, slots=True)
class InterestedIn(Condition):
    """See `interested_in`."""

    product: str | None
    family: str | None
    at_least: float
    half_life_days: int

    def __str__(self) -> str:
        what = self.product if self.product is not None else f"family={self.family}"
        faded = f", half_life={Period(days=self.half_life_days)}" if self.half_life_days != HALF_LIFE_DAYS else ""
        return f"interested_in({what}, at_least={self.at_least:g}{faded})"

    def check(self, snapshot: Snapshot) -> Verdict:
        """Add up what is left of the looks."""
        found = [one for one in self._fitting(snapshot.looks) if one.at <= snapshot.now]
        reached = score(found, snapshot.now, self.half_life_days)
        passed = reached >= self.at_least - NEAR
        what = self.product or self.family or ""
        text = f"interest in {what} is {reached:.2f}, {self.at_least:g} is wanted"
        numbers = {"score": round(reached, 2), "wanted": round(self.at_least, 2)}
        return Verdict(
            passed, (Reason("INTERESTED" if passed else "INTERESTED_NOT", text, numbers, (), {"what": what}),)
        )

    def _fitting(self, looks: tuple[Look, ...]) -> list[Look]:
        if self.product is not None:
            return [one for one in looks if one.product == self.product]
        return [one for one in looks if one.family == self.family]

    def write(self, writer: CypherWriter, party: str) -> str:
        """The same sum over the records of each day, which stay when the events themselves are gone."""
        interest, day, place, one, total, part = map(writer.variable, ("i", "d", "k", "n", "s", "x"))
        now = writer.value(epoch_milliseconds(writer.now))
        since = writer.now - window(self.half_life_days)
        first = writer.value(since.date())
        earliest = writer.value(epoch_milliseconds(since))
        half_life = writer.value(float(self.half_life_days * MILLISECONDS_A_DAY))
        return (
            f"reduce({total} = 0.0, {part} IN COLLECT {{ "
            f"MATCH ({party})-[:SHOWS]->({interest}:Interest)-[:BY_DAY]->({day}:InterestDay) "
            f"WHERE {self._wanted(writer, interest)} AND {first} <= {day}.day <= {writer.value(writer.day)} "
            f"UNWIND [{place} IN range(0, size({day}.moments) - 1) "
            f"WHERE {day}.moments[{place}] >= {earliest} AND {day}.moments[{place}] <= {now} | {place}] AS {one} "
            f"RETURN {day}.weights[{one}] * 2.0 ^ (({day}.moments[{one}] - {now}) / {half_life}) "
            f"}} | {total} + {part}) >= {writer.value(self.at_least - NEAR)}"
        )

    def _wanted(self, writer: CypherWriter, interest: str) -> str:
        if self.product is not None:
            return f"{interest}.productCode = {writer.value(self.product)}"
        return f"{interest}.familyCode = {writer.value(self.family or '')}"

    def needs(self) -> Needs:
        """Looks, as far back as they count."""
        return Needs(looks=Period(days=HALF_LIVES * self.half_life_days))

    def numbers(self, *, passed: bool) -> frozenset[str]:
        """The score, and what is wanted."""
        del passed
        return frozenset({"score", "wanted"})

    def anchor(self, writer: CypherWriter, party: str) -> str | None:
        """Start from the interests in the product or family that were shown lately, found by index."""
        interest = writer.variable("i")
        since = writer.value(writer.now - window(self.half_life_days))
        return (
            f"MATCH ({interest}:Interest) WHERE {self._wanted(writer, interest)} AND {interest}.lastAt >= {since}\n"
            f"MATCH ({party}:Party)-[:SHOWS]->({interest})\n"
            f"WITH DISTINCT {party} WHERE {self.write(writer, party)}"
        )

    def anchor_cost(self) -> int:
        """Those who looked at one product lately."""
        return FEWEST_NODES

    def implies(self, other: Condition) -> bool:
        """More interest in the same implies less, when looks fade in the same way."""
        return (
            isinstance(other, InterestedIn)
            and (self.product, self.family, self.half_life_days) == (other.product, other.family, other.half_life_days)
            and self.at_least >= other.at_least
        )


def interested_in(
    product: str | None = None,
    *,
    family: str | None = None,
    at_least: float = 1.0,
    half_life: Period | None = None,
) -> Condition:
    """Have shown interest in a product or service, or in a ``family`` of them: a score of ``at_least``.

    A view of its page counts 1, an application begun 3, one abandoned 1 more; after each ``half_life`` (30 days when
    not given) half of it is left. The score is the sum of what is left at the instant that is asked about.
    """
    if (product is None) == (family is None):
        raise RuleError(
            "interested_in takes a product or a family, one of them.",
            hint='For example interested_in("TERM_DEPOSIT") or interested_in(family="LOAN").',
        )
    for name, value in (("product", product), ("family", family)):
        if value is not None:
            a_code(name, value)
    if not isinstance(at_least, int | float) or isinstance(at_least, bool) or not 0 < at_least <= LARGEST_SCORE:
        raise RuleError(f"at_least must be a number above 0 and at most {LARGEST_SCORE}, not {at_least!r}.")
    return InterestedIn(product, family, float(at_least), _half_life_days(half_life))


def _half_life_days(half_life: object) -> int:
    if half_life is None:
        return HALF_LIFE_DAYS
    if not isinstance(half_life, Period) or half_life.months or not 1 <= half_life.days <= LONGEST_HALF_LIFE:
        raise RuleError(
            f"half_life must be 1 to {LONGEST_HALF_LIFE} days, not {half_life!r}.", hint="For example days(14)."
        )
    return half_life.days
