"""What this slice adds to the mapped types."""

from __future__ import annotations

import datetime as dt

import strawberry

from graph_crm.graph.mapping import graph, many, prop
from graph_crm.merging.kinds import MergeState
from graph_crm.parties.types import Party


@graph.node(label="Merge")
class Merge:
    """That two parties were made one, by whom and why; and whether it was taken back."""

    id: strawberry.ID = prop("Identifier of the merge.", order=True)
    state: MergeState = prop("How far it is.")
    kept_id: strawberry.ID = prop("The party that is kept.", filter=True)
    merged_id: strawberry.ID = prop("The party that was merged into it; its id leads to the kept one.", filter=True)
    at: dt.datetime = prop("When they were made one.", order=True)
    by: str = prop("Who did it.")
    reason: str = prop("Why, in words of who did it.", filter=False)
    done_at: dt.datetime | None = prop("When everything had been moved.")
    took: list[str] = prop("The properties that the kept party took from the merged one.")
    chosen: list[str] = prop("What was answered to conflicts, as field=side.")
    undone_at: dt.datetime | None = prop("When it was taken back.")
    undone_by: str | None = prop("Who took it back.")
    undone_reason: str | None = prop("Why it was taken back.", filter=False)
    stayed: list[str] | None = prop("What had changed since at the kept party, and stayed so when it was taken back.")


@graph.extend(Party)
class _PartyMerges:
    merged_from: Merge = many(
        "The merges by which other parties became this one; the latest first.", "MERGED_FROM", Merge, order="AT_DESC"
    )
