"""Collecting everything that the graph holds on one party, by the inventory."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from graph_crm.errors import NotFound
from graph_crm.graph.database import Database
from graph_crm.privacy import cypher
from graph_crm.privacy.inventory import Inventory, Node, inventory

PAGE = 1000
"""Records read at once."""
SECONDS = 120.0
"""A page of a party with very many records may take so long."""


@dataclass(frozen=True)
class Section:
    """The records of one sort."""

    name: str
    what: str
    records: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Holdings:
    """Everything that is held on a party."""

    party_id: str
    at: dt.datetime
    sections: tuple[Section, ...]

    def as_json(self) -> bytes:
        """As a document for machines; dates and instants as ISO 8601 texts."""
        return orjson.dumps(
            {
                "format": "graph-crm privacy export 1",
                "partyId": self.party_id,
                "at": self.at,
                "sections": {
                    one.name: {"what": one.what, "count": len(one.records), "records": one.records}
                    for one in self.sections
                },
            },
            option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z,
            default=str,
        )


async def collect(database: Database, party_id: str, *, at: dt.datetime, rules: Inventory | None = None) -> Holdings:
    """Everything that is held on the party. Raises: NotFound."""
    known = rules or inventory()
    if not await database.read(cypher.KNOWN, {"id": party_id}):
        raise NotFound("partyId: there is no such party", hint="Look the party up with searchParties.", field="partyId")
    values = (await database.read(cypher.OWN_VALUES, {"id": party_id}))[0]["values"]
    sections: list[Section] = []
    for label, node in known.nodes.items():
        if node.whose != "party" or not (node.of or node.at):
            continue
        records = [one async for one in _records(database, node, party_id, values)]
        if records:
            sections.append(Section(label, node.what, tuple(records)))
    for kind, tie in known.ties.items():
        if tie.whose == "party" and tie.of:
            rows = await database.read(cypher.ties(tie), {"id": party_id}, timeout=SECONDS)
            found = tuple(_plain(tie.exported(row["found"])) for row in rows)
            if found:
                sections.append(Section(kind, tie.what, found))
    return Holdings(party_id, at, tuple(sections))


async def _records(
    database: Database, node: Node, party_id: str, values: list[str]
) -> AsyncIterator[Mapping[str, Any]]:
    asked: dict[str, Any] = {"id": party_id, "values": values, "after": "", "most": PAGE}
    statement = cypher.page(node)
    while True:
        rows = await database.read(statement, asked, timeout=SECONDS)
        for row in rows:
            shown = _plain(node.exported(row["found"]))
            if shown:
                yield shown
        if len(rows) < PAGE:
            return
        asked["after"] = rows[-1]["place"]


def _plain(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in found.items()}


_JSON = (
    "payload",
    "trace",
    "context",
    "factors",
    "features",
    "translations",
    "variables",
    "data",
    "counts",
    "operations",
)
"""Properties that hold JSON text: they are shown as what they say."""


def _value(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_value("", one) for one in value]
    if hasattr(value, "iso_format"):  # the driver's temporal values
        return value.iso_format()
    if name in _JSON and isinstance(value, str):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value
