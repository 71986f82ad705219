"""What this slice adds to the mapped types."""

from __future__ import annotations

import datetime as dt

import strawberry

from graph_crm.graph.mapping import graph, many, prop
from graph_crm.parties.types import Party


@graph.node(label="PartyChange")
class PartyChange:
    """Who changed which of a party's data, when and why. The old values are not kept."""

    id: strawberry.ID = prop("Identifier of the change.", order=True)
    at: dt.datetime = prop("When it was made.", order=True)
    fields: list[str] = prop("The names of what was changed, for example birthDate.")
    reason: str | None = prop("Why.", filter=False)
    by: str | None = prop("Who changed it.")
    version: int = prop("The version of the party after it.")


@graph.extend(Party)
class _PartyPrivacy:
    restricted_at: dt.datetime | None = prop("Since when its data are only kept, and nothing is done with them.")
    restricted_reason: str | None = prop("Why, in words of the employee.", filter=False)
    erased_at: dt.datetime | None = prop("When it was erased: nobody is to be recognised any more.")
    changes: PartyChange = many(
        "Who changed its data, when and why; the latest first.", "WAS_CHANGED", PartyChange, order="AT_DESC"
    )
