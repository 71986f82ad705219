"""The ties between parties: which kinds there are, how each end is called, what may be said about them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from types import MappingProxyType

from graph_crm.parties import checks
from graph_crm.parties.kinds import TieKind


@dataclass(frozen=True)
class Tie:
    """What a kind of tie means."""

    kind: TieKind
    start_role: str
    """How the party at the start is called: the parent."""
    end_role: str
    """How the party at the end is called: the child."""
    start_labels: frozenset[str]
    end_labels: frozenset[str]
    ends_with_party: bool = True
    """Whether the tie is over when one of the parties ends; a parent stays a parent."""

    @property
    def symmetrical(self) -> bool:
        """Whether both ends are called the same, so that the direction says nothing."""
        return self.start_role == self.end_role


_PERSON = frozenset({"Person"})
_ORGANIZATION = frozenset({"Organization"})
_ANY = _PERSON | _ORGANIZATION

TIES = MappingProxyType(
    {
        tie.kind: tie
        for tie in (
            Tie(TieKind.SPOUSE_OF, "spouse", "spouse", _PERSON, _PERSON),
            Tie(TieKind.PARENT_OF, "parent", "child", _PERSON, _PERSON, ends_with_party=False),
            Tie(TieKind.GUARANTEES, "guarantor", "guaranteed", _ANY, _ANY),
            Tie(TieKind.OWNS, "owner", "owned", _ANY, _ORGANIZATION),
            Tie(TieKind.DIRECTS, "director", "directed", _ANY, _ORGANIZATION),
            Tie(TieKind.EMPLOYS, "employer", "employee", _ANY, _PERSON),
            Tie(TieKind.REFERRED, "referrer", "referred", _ANY, _ANY, ends_with_party=False),
        )
    }
)
"""Every kind with the role names of its two ends: `PARENT_OF` is parent and child."""


PARTY_TIES = tuple(kind.value for kind in TIES)
"""The relationship types between parties."""
START_ROLES = {kind.value: tie.start_role for kind, tie in TIES.items()}
"""What the party at the start is called, by relationship type."""
END_ROLES = {kind.value: tie.end_role for kind, tie in TIES.items()}
"""What the party at the end is called, by relationship type."""


def check_tie(
    kind: TieKind, ends: tuple[str, str], time: tuple[dt.date | None, dt.date | None], share: float | None
) -> None:
    """Refuse what no tie can be: with itself, over before it began, a share where nothing is owned."""
    if ends[0] == ends[1]:
        raise checks.refuse("toId", "is the same party as fromId", "A party has no tie to itself: name two parties.")
    checks.period(*time)
    if share is not None:
        if kind is not TieKind.OWNS:
            raise checks.refuse("share", f"makes no sense for {kind.value}", "Send a share only with OWNS.")
        if not 0 <= share <= 1:
            raise checks.refuse("share", "is not between 0 and 1", "Send a fraction: 0.25 for a quarter.")


def check_labels(kind: TieKind, start_label: str, end_label: str) -> None:
    """Refuse ties of parties that can't have them: an organisation has no spouse."""
    tie = TIES[kind]
    for field, label, allowed in (("fromId", start_label, tie.start_labels), ("toId", end_label, tie.end_labels)):
        if label not in allowed:
            raise checks.refuse(
                field,
                f"names a party that can't be the {tie.start_role if field == 'fromId' else tie.end_role}",
                f"{kind.value} needs one of: {', '.join(sorted(allowed))}.",
            )
