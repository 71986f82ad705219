"""Parties that were merged into another one: where their ids lead to.

A merged party keeps its id and what was known of it under the label `MergedParty`; it is no `Party` any more, so that
nothing that looks for parties finds it. Whoever still knows the id is led to the party that is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from graph_crm.errors import CrmError
from graph_crm.snapshots import Reader

LED: Final = """
UNWIND $ids AS id
MATCH (t:MergedParty {id: id})-[:MERGED_INTO*]->(k:Party)
RETURN id, k.id AS kept
"""


class PartyMerged(CrmError):
    """The party was merged into another one, which carries on everything that was its own."""

    code = "PARTY_MERGED"


async def led(read: Reader, ids: Iterable[str]) -> Mapping[str, str]:
    """Of the ids those that were merged away, each with the id of the party that is kept."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    return {row["id"]: row["kept"] for row in await read(LED, {"ids": wanted})}


def told(field: str, kept: str) -> PartyMerged:
    """The error that leads on to the kept party."""
    return PartyMerged(
        f"{field}: the party was merged into another one",
        hint="Use the id in extensions.keptId.",
        field=field,
        keptId=kept,
    )
