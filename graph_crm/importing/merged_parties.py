"""What an import says of parties that were merged into others goes to the parties that are kept.

What the merged record said already is no news: a source that repeats it does not undo what was chosen at the merge.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from graph_crm.graph.database import Transaction
from graph_crm.importing.cypher import Kind
from graph_crm.parties.merged import led

SAID: Final = """
UNWIND $rows AS row
MATCH (t:MergedParty {id: row.id})-[:MERGED_INTO*]->(k:Party)
WITH t, k, row WHERE coalesce(t.importDigest, '') <> row.digest AND k.erasedAt IS NULL
WITH t, k, row, [name IN keys(row.props) WHERE t[name] IS NULL OR t[name] <> row.props[name]] AS news
SET t.importDigest = row.digest
FOREACH (name IN news | SET k[name] = row.props[name])
FOREACH (_ IN CASE WHEN size(news) > 0 THEN [1] ELSE [] END | SET k.version = k.version + 1, k.updatedAt = $now)
"""
ASIDE: Final = """
UNWIND $ids AS id
MATCH (:MergedParty)-[w:WAS_TIED {id: id}]->()
RETURN DISTINCT id
"""
"""Relationships that the kept party has as well."""


async def led_rows(
    tx: Transaction, kind: Kind, rows: Sequence[dict[str, Any]], now: datetime
) -> tuple[list[dict[str, Any]], list[int], set[str]]:
    """The rows that are left to be loaded, with their places; those of merged parties name the kept ones.

    And the parties of which something was written here.
    """
    names = [name for name, (label, _) in kind.references.items() if label == "Party"]
    names += ["id"] if kind.label else []
    kept = await led(tx.run, {row[name] for row in rows for name in names if row.get(name)}) if names else {}
    if not kept:
        return list(rows), list(range(len(rows))), set()
    told: set[str] = set()
    if kind.label:
        said = [row for row in rows if row["id"] in kept]
        await tx.run(SAID, {"rows": said, "now": now})
        told = {kept[row["id"]] for row in said}
        left = [(place, row) for place, row in enumerate(rows) if row["id"] not in kept]
    else:
        found = await tx.run(ASIDE, {"ids": [row["id"] for row in rows if row.get("id")]})
        aside = {one["id"] for one in found}
        named = [{**row, **{name: kept.get(row[name], row[name]) for name in names}} for row in rows]
        left = [
            (place, row)
            for place, row in enumerate(named)
            if row.get("id") not in aside and (len(names) == 1 or row[names[0]] != row[names[1]])
        ]
    return [row for _, row in left], [place for place, _ in left], told
