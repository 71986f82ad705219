"""How likely it is that two parties are one. Pure functions over what is known of both.

The score is a sum of points between 0 and 1, not a probability: what people would look at, in the weight that they give
it. Names are compared as `parties.names.name_key` folds them, in any order of their words, by the normalised
Indel similarity of rapidfuzz (https://rapidfuzz.github.io/RapidFuzz/); a given name that is not alike says that these
are two people of one family, whatever else they share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from rapidfuzz import fuzz

from graph_crm.merging.kinds import LikenessReason as Why
from graph_crm.parties.names import name_key

POINTS: Final[Mapping[Why, float]] = MappingProxyType(
    {
        Why.SAME_NAME: 0.40,
        Why.LIKE_NAME: 0.30,
        Why.SAME_BIRTH_DATE: 0.35,
        Why.LIKE_BIRTH_DATE: 0.20,
        Why.OTHER_BIRTH_DATE: -0.40,
        Why.OTHER_SEX: -0.20,
        Why.SAME_REGISTRATION_NUMBER: 0.60,
        Why.OTHER_REGISTRATION_NUMBER: -0.50,
        Why.SAME_IDENTIFIER: 0.50,
        Why.SHARED_CONTACT_POINT: 0.20,
        Why.SAME_ADDRESS: 0.10,
        Why.OTHER_GIVEN_NAME: -0.50,
    }
)
"""What each reason adds; two shared contact points add it twice."""
ALIKE: Final = 85.0
"""Names of so many of 100 points are alike: one or two letters of a usual name."""
GIVEN_ALIKE: Final = 70.0
"""Given names are short, so one letter is much of them: Ana and Anna have 86, Petr and Pavel 44."""
MOST_POINTS: Final = 2


@dataclass(frozen=True)
class Person:
    """What is compared of a party; an organisation has no birth date."""

    id: str
    name: str
    """Folded (`name_key`)."""
    given: str | None = None
    born: str | None = None
    """ISO date."""
    sex: str | None = None
    number: str | None = None
    identifiers: Sequence[str] = ()
    points: Sequence[str] = ()
    address: str | None = None


@dataclass(frozen=True)
class Likeness:
    """How alike two parties are, and why."""

    score: float
    reasons: tuple[Why, ...]


def likeness(one: Person, other: Person) -> Likeness:
    """How likely the two are one; the same whichever is named first."""
    reasons = [
        *_names(one, other),
        *_births(one, other),
        *_numbers(one, other),
    ]
    if one.sex and other.sex and one.sex != other.sex:
        reasons.append(Why.OTHER_SEX)
    if set(one.identifiers) & set(other.identifiers):
        reasons.append(Why.SAME_IDENTIFIER)
    shared = len(set(one.points) & set(other.points))
    if shared:
        reasons.append(Why.SHARED_CONTACT_POINT)
    if one.address and one.address == other.address:
        reasons.append(Why.SAME_ADDRESS)
    score = sum(POINTS[reason] for reason in reasons)
    score += POINTS[Why.SHARED_CONTACT_POINT] * (min(shared, MOST_POINTS) - 1 if shared else 0)
    return Likeness(round(min(max(score, 0.0), 1.0), 2), tuple(reasons))


def _names(one: Person, other: Person) -> list[Why]:
    found = []
    if one.name == other.name:
        found.append(Why.SAME_NAME)
    elif fuzz.token_sort_ratio(one.name, other.name) >= ALIKE:
        found.append(Why.LIKE_NAME)
    if one.given and other.given:
        mine, others = name_key(one.given), name_key(other.given)
        # Where given and family name changed places the name as a whole says the same.
        changed_places = one.name != other.name and sorted(one.name.split()) == sorted(other.name.split())
        if fuzz.ratio(mine, others) < GIVEN_ALIKE and not changed_places:
            found.append(Why.OTHER_GIVEN_NAME)
    return found


def _births(one: Person, other: Person) -> list[Why]:
    if not one.born or not other.born:
        return []
    if one.born == other.born:
        return [Why.SAME_BIRTH_DATE]
    wrong = sum(mine != others for mine, others in zip(one.born, other.born, strict=True))
    year, month, day = one.born.split("-")
    if wrong == 1 or other.born == f"{year}-{day}-{month}":
        return [Why.LIKE_BIRTH_DATE]
    return [Why.OTHER_BIRTH_DATE]


def _numbers(one: Person, other: Person) -> list[Why]:
    if not one.number or not other.number:
        return []
    same = one.number == other.number
    return [Why.SAME_REGISTRATION_NUMBER if same else Why.OTHER_REGISTRATION_NUMBER]
