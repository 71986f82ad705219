"""Two parties side by side: where they say different things, and what an answer to that means.

Pure functions. What only one of the two says is no conflict: it is taken. What belongs together is one conflict: half
of one address and half of another are no address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from graph_crm.merging.kinds import MergeSide

GROUPS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "name": ("displayName", "nameKey", "givenName", "familyName", "legalName"),
        "birthDate": ("birthDate",),
        "sex": ("sex",),
        "deceasedOn": ("deceasedOn",),
        "registrationNumber": ("registrationNumber",),
        "industry": ("industry",),
        "website": ("website",),
        "address": ("street", "city", "region", "postalCode", "country"),
        "language": ("language",),
        "timeZone": ("timeZone",),
        "segment": ("segment",),
        "status": ("status", "endedOn"),
        "blocked": ("blocked",),
        "specialCare": ("vulnerable", "vulnerableReason", "vulnerableSince"),
        "protection": ("protected", "protectedReason", "protectedBefore"),
        "restriction": ("restrictedAt", "restrictedReason"),
    }
)
"""What belongs together, by the name under which a conflict is shown."""
FLAGS: Final = frozenset({"blocked", "specialCare", "protection", "restriction", "status", "deceasedOn"})
"""Where nothing said means no: that one says so and the other does not is a conflict as well."""
PARTIAL: Final = frozenset({"address"})
"""Where somebody may say a part only: the other, who says the same and more, says it for both."""
DERIVED: Final = frozenset({"nameKey", "protectedBefore"})
"""What follows from its neighbours tells nothing by itself."""
PROPERTIES: Final = tuple(name for names in GROUPS.values() for name in names)


@dataclass(frozen=True)
class Side:
    """One of the two parties, as it is compared."""

    id: str
    organization: bool
    version: int
    properties: Mapping[str, str]
    """By name, as text; what is not known is not there."""
    identifiers: tuple[str, ...] = ()
    preferred: Mapping[str, str] = field(default_factory=dict)
    """By kind of contact point the one that is preferred."""
    households: Mapping[str, str] = field(default_factory=dict)
    """By household its role in it."""
    erased: bool = False
    merging: bool = False
    consents: Sequence[Sequence[object]] = ()


@dataclass(frozen=True)
class Conflict:
    """Where the two say different things."""

    field: str
    kept: str | None
    merged: str | None
    must_answer: bool = True
    """False: unanswered, the stricter of the two holds."""


def shown(side: Side, group: str) -> str | None:
    """What a party says of a group, as people read it; None: nothing."""
    if group in FLAGS - {"status", "deceasedOn"} and side.properties.get(GROUPS[group][0], "false") == "false":
        return None
    names = [name for name in GROUPS[group] if name not in DERIVED]
    said = [side.properties[name] for name in names if name in side.properties]
    return ", ".join(dict.fromkeys(said)) or None


def _said(side: Side, group: str) -> Mapping[str, str]:
    return {name: side.properties[name] for name in GROUPS[group] if name in side.properties}


def _within(less: Side, more: Side, group: str) -> bool:
    """Whether one party says only a part of what the other says as well, such as the country of an address."""
    return group in PARTIAL and _said(less, group).items() <= _said(more, group).items()


def conflicts(kept: Side, merged: Side) -> list[Conflict]:
    """Where the two say different things, consents aside."""
    found = []
    for group in GROUPS:
        one, other = shown(kept, group), shown(merged, group)
        if _within(kept, merged, group) or _within(merged, kept, group):
            continue
        if one != other and (group in FLAGS or (one and other)):
            found.append(Conflict(group, one, other))
    for word, own, others in (
        ("preferred", kept.preferred, merged.preferred),
        ("household", kept.households, merged.households),
    ):
        both = sorted(own.keys() & others.keys())
        found += [Conflict(f"{word}.{key}", own[key], others[key]) for key in both if own[key] != others[key]]
    return found


def taken(kept: Side, merged: Side, choices: Mapping[str, MergeSide]) -> list[str]:
    """The properties that the kept party takes from the merged one: by choice, or because it had none."""
    names: list[str] = []
    for group, members in GROUPS.items():
        one, other = shown(kept, group), shown(merged, group)
        if one == other:
            continue
        less = (one is None and group not in FLAGS) or _within(kept, merged, group)
        if choices.get(group) is MergeSide.MERGED or less:
            names += members
    return names


def preferred(kept: Side, merged: Side, choices: Mapping[str, MergeSide]) -> dict[str, str]:
    """By kind the contact point that is preferred from now on."""
    chosen = {kind for kind in merged.preferred if choices.get(f"preferred.{kind}") is MergeSide.MERGED}
    return {**merged.preferred, **kept.preferred, **{kind: merged.preferred[kind] for kind in chosen}}
