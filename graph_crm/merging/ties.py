"""Which ties of the merged party the kept one has already. Pure functions over rows of `cypher.TIES_OF`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from graph_crm.graph.database import Row
from graph_crm.merging.kinds import MergeSide

SYMMETRICAL: Final = "SPOUSE_OF"
FIRST, LAST = "", "9999"
"""What stands for a beginning that is not known, and an end that is not there: before and after every day."""


def aside(
    kept_id: str, kept: Sequence[Row], merged: Sequence[Row], choices: Mapping[str, MergeSide]
) -> list[dict[str, Any]]:
    """The rows of `cypher.SET_ASIDE`: ties between the two, and those that say what a tie of the kept party says.

    ``choices`` may say whose role in a household holds.
    """
    times = {row["place"]: [row["since"] or FIRST, row["until"] or LAST] for row in kept}
    found = []
    for turn, row in enumerate(merged):
        same = None if row["party"] == kept_id else _same(row, kept, times)
        if same is None and row["party"] != kept_id:
            continue
        made = {"place": row["place"], "turn": turn, "same": None, "earlier": False, "later": False, "role": False}
        if same is not None:
            time, since, until = times[same["place"]], row["since"] or FIRST, row["until"] or LAST
            lasting = same["id"] is not None  # a portfolio has no end and is found by nothing else
            made |= {
                "same": same["place"],
                "earlier": lasting and since < time[0],
                "later": lasting and until > time[1],
                "role": choices.get(f"household.{_name(row)}") is MergeSide.MERGED,
            }
            times[same["place"]] = [min(since, time[0]), max(until, time[1])]
        found.append(made)
    return found


def _name(row: Row) -> str | None:
    return row["household"] if row["kind"] == "MEMBER_OF" else None


def _same(row: Row, kept: Sequence[Row], times: Mapping[str, Sequence[str]]) -> Row | None:
    """A tie of the kept party that says the same in a time that touches."""
    for one in kept:
        since, until = times[one["place"]]
        if (
            one["kind"] == row["kind"]
            and one["other"] == row["other"]
            and (one["out"] == row["out"] or row["kind"] == SYMMETRICAL)
            and (one["role"] == row["role"] or row["kind"] == "MEMBER_OF")
            and one["share"] == row["share"]
            and (row["since"] or FIRST) <= until
            and since <= (row["until"] or LAST)
        ):
            return one
    return None
