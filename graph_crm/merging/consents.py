"""What two parties said about being contacted, made one: where they disagree the stricter holds, unless said otherwise.

The newest statement decides, and after a merge the statements of both stand in one row. So where the newest of both
together would say something else than what is to hold, one statement more is needed, of the moment of merging.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from graph_crm.merging.comparing import Conflict, Side
from graph_crm.merging.kinds import MergeSide
from graph_crm.rules.snapshot import CHANNELS, PURPOSES

PROFILING: Final = "PROFILING"
GRANTED: Final = "GRANTED"
WITHDRAWN: Final = "WITHDRAWN"


@dataclass(frozen=True)
class Said:
    """One statement about being contacted."""

    purpose: str
    channel: str | None
    point: str | None
    status: str
    at: int
    """Epoch milliseconds."""


@dataclass(frozen=True)
class Place:
    """What a statement may be about."""

    purpose: str
    channel: str | None
    point: str | None = None

    @property
    def field(self) -> str:
        """The name under which a conflict about it is shown: `consent.MARKETING.EMAIL`."""
        parts = ["consent", self.purpose, *([self.channel] if self.channel else [])]
        return ".".join(parts) + (f"@{self.point}" if self.point else "")


def statements(side: Side) -> list[Said]:
    """What a party said, as it was read."""
    return [Said(*row) for row in side.consents]  # type: ignore[arg-type]


def deciding(said: Sequence[Said], place: Place) -> Said | None:
    """The statement that decides: the newest that fits; of one instant the refusal (`contacts.permission`)."""
    fitting = [
        one
        for one in said
        if one.purpose == place.purpose and one.channel in (None, place.channel) and one.point in (None, place.point)
    ]
    return max(reversed(fitting), key=lambda one: (one.at, one.status != GRANTED), default=None)


def _places(said: Sequence[Said]) -> Iterator[Place]:
    if any(one.purpose == PROFILING for one in said):
        yield Place(PROFILING, None)
    points = sorted({one.point for one in said if one.point})
    for purpose, channel in product(PURPOSES, CHANNELS):
        if purpose != PROFILING:
            yield Place(purpose, channel)
            for point in points:
                if any(one.point == point and one.channel in (None, channel) for one in said):
                    yield Place(purpose, channel, point)


def _disagreed(kept: Sequence[Said], merged: Sequence[Said]) -> Iterator[tuple[Place, Said, Said]]:
    for place in _places([*kept, *merged]):
        one, other = deciding(kept, place), deciding(merged, place)
        if one is not None and other is not None and (one.status == GRANTED) != (other.status == GRANTED):
            yield place, one, other


def conflicts(kept: Side, merged: Side) -> list[Conflict]:
    """Where one of the two allows what the other refuses; nobody has to answer."""
    found = _disagreed(statements(kept), statements(merged))
    return [Conflict(place.field, one.status, other.status, must_answer=False) for place, one, other in found]


def needed(kept: Side, merged: Side, choices: Mapping[str, MergeSide]) -> list[dict[str, Any]]:
    """The statements that are to be added so that the stricter holds, or what was chosen."""
    own, others = statements(kept), statements(merged)
    together = sorted([*own, *others], key=lambda one: one.at)
    rows = []
    for place, one, other in _disagreed(own, others):
        chosen = {MergeSide.KEPT: one, MergeSide.MERGED: other}.get(choices.get(place.field, ""))  # type: ignore[call-overload]
        granted = chosen is not None and chosen.status == GRANTED
        now = deciding(together, place)
        if now is None or (now.status == GRANTED) != granted:
            status = GRANTED if granted else WITHDRAWN
            row = {"purpose": place.purpose, "channel": place.channel, "pointKey": place.point, "status": status}
            rows.append(row)
    return rows
