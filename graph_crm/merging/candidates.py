"""Which parties may be one: looked up by index, so that nobody is compared with everybody.

Two parties are compared where they share a block: the folded name, the birth date, the registration number, a contact
point, or, of organisations, a name that the full-text index of parties finds with a typo. A block that is larger than
`BLOCK` tells nothing (a name that hundreds have, a day that stands for "not known") and is left out; its parties are
found by their other blocks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from graph_crm.errors import NotFound
from graph_crm.graph.database import Database, Row
from graph_crm.merging.kinds import LikenessReason
from graph_crm.merging.likeness import Person, likeness
from graph_crm.parties import checks, merged
from graph_crm.parties.names import name_key, search_query

BLOCK: Final = 300
"""So many parties of one block are compared."""
PAGE: Final = 200
"""Parties whose blocks one statement reads."""
LIKELY: Final = 0.6
"""From this score on two parties are shown as one unless somebody asks otherwise."""
MAX_FIRST: Final = 100
NAMES: Final = 20
"""So many organisations are looked at whose names are alike."""

_FACTS = """{.id, name: q.nameKey, given: q.givenName, shown: q.displayName, born: toString(q.birthDate), sex: q.sex,
  number: q.registrationNumber, identifiers: q.identifiers,
  points: COLLECT { MATCH (q)-[r:REACHABLE_AT]->(c:ContactPoint) WHERE r.until IS NULL RETURN c.valueKey },
  address: [q.street, q.postalCode, q.city]}"""

_BLOCKS = f"""
  MATCH (q:Party) WHERE q.nameKey = p.nameKey WITH collect(q) AS block
  RETURN CASE WHEN size(block) > {BLOCK} THEN [] ELSE block END AS block
  UNION ALL
  MATCH (q:Party) WHERE q.birthDate = p.birthDate WITH collect(q) AS block
  RETURN CASE WHEN size(block) > {BLOCK} THEN [] ELSE block END AS block
  UNION ALL
  MATCH (q:Party) WHERE q.registrationNumber = p.registrationNumber WITH collect(q) AS block
  RETURN CASE WHEN size(block) > {BLOCK} THEN [] ELSE block END AS block
  UNION ALL
  MATCH (p)-[r:REACHABLE_AT]->(c:ContactPoint) WHERE r.until IS NULL
  MATCH (c)<-[s:REACHABLE_AT]-(q:Party) WHERE s.until IS NULL WITH collect(q) AS block
  RETURN CASE WHEN size(block) > {BLOCK} THEN [] ELSE block END AS block"""

NEAR: Final = f"""
UNWIND $ids AS id
MATCH (p:Party {{id: id}})
CALL (p) {{
{_BLOCKS}
}}
WITH p, block UNWIND block AS q
WITH DISTINCT p, q
WHERE q <> p AND q.erasedAt IS NULL AND (q:Organization) = (p:Organization) AND ($after IS NULL OR q.id > p.id)
RETURN p.id AS id, q {_FACTS} AS other
"""
"""Who shares a block with the parties; with ``$after``, each pair once."""

NAMED_ALIKE: Final = f"""
UNWIND $rows AS row
CALL (row) {{
  CALL db.index.fulltext.queryNodes('party_search', row.query, {{limit: {NAMES}}}) YIELD node AS q RETURN q
}}
WITH row, q WHERE q:Organization AND q.id <> row.id AND q.erasedAt IS NULL AND ($after IS NULL OR q.id > row.id)
RETURN row.id AS id, q {_FACTS} AS other
"""

FACTS: Final = f"""
UNWIND $ids AS id
MATCH (q:Party {{id: id}}) WHERE q.erasedAt IS NULL
RETURN q {_FACTS} AS found, q:Organization AS organization
"""

IDS: Final = "MATCH (p:Party) WHERE p.id > $after RETURN p.id AS id ORDER BY p.id LIMIT $most"


@dataclass(frozen=True)
class Candidate:
    """Two parties that may be one."""

    party_id: str
    other_id: str
    party_name: str
    other_name: str
    score: float
    reasons: tuple[LikenessReason, ...]


class MergeCandidates:
    """Finds parties that may be one. It only reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, party_id: str, *, first: int = 20, at_least: float = LIKELY) -> list[Candidate]:
        """Who may be one with the party, the likeliest first. Raises: NotFound, PartyMerged, InvalidInput."""
        if not 1 <= first <= MAX_FIRST:
            raise checks.refuse("first", "is out of range", f"Ask for 1 to {MAX_FIRST}.")
        found = await self._likely([party_id], at_least, once=False)
        if found is None:
            gone = await merged.led(self._database.read, [party_id])
            if gone:
                raise merged.told("partyId", gone[party_id])
            raise NotFound(
                "partyId: there is no such party", hint="Look the party up with searchParties.", field="partyId"
            )
        return found[:first]

    async def likeliest(self, most: int, *, at_least: float = LIKELY) -> list[Candidate]:
        """The likeliest pairs of the whole bank; no more than these are held in memory."""
        best: list[Candidate] = []
        async for one in self.all(at_least=at_least):
            best.append(one)
            if len(best) > most + PAGE:
                best = sorted(best, key=_order)[:most]
        return sorted(best, key=_order)[:most]

    async def all(self, *, at_least: float = LIKELY) -> AsyncIterator[Candidate]:
        """Every pair of the bank that may be one, each once, page by page in the order of ids."""
        after = ""
        while rows := await self._database.read(IDS, {"after": after, "most": PAGE}):
            for one in await self._likely([row["id"] for row in rows], at_least, once=True) or []:
                yield one
            after = rows[-1]["id"]

    async def _likely(self, ids: Sequence[str], at_least: float, *, once: bool) -> list[Candidate] | None:
        """The pairs of these parties that are alike enough; None where none of the parties is there."""
        known = await self._database.read(FACTS, {"ids": list(ids)})
        if not known:
            return None
        asked = {"after": "" if once else None}
        rows = await self._database.read(NEAR, {**asked, "ids": list(ids)}, timeout=60)
        companies = [
            {"id": row["found"]["id"], "query": search_query(row["found"]["shown"])}
            for row in known
            if row["organization"]
        ]
        if companies:
            rows = [*rows, *await self._database.read(NAMED_ALIKE, {**asked, "rows": companies}, timeout=60)]
        parties = {row["found"]["id"]: row["found"] for row in known}
        found: dict[tuple[str, str], Candidate] = {}
        for row in rows:
            one, other = parties.get(row["id"]), row["other"]
            if one is None or (one["id"], other["id"]) in found:
                continue
            like = likeness(_person(one), _person(other))
            if like.score >= at_least:
                pair = (one["id"], other["id"])
                found[pair] = Candidate(*pair, one["shown"] or "", other["shown"] or "", like.score, like.reasons)
        return sorted(found.values(), key=_order)


def _order(one: Candidate) -> tuple[float, str, str]:
    return -one.score, one.party_id, one.other_id


def _person(found: Row) -> Person:
    street = found["address"][0]
    return Person(
        id=found["id"],
        name=found["name"] or "",
        given=found["given"],
        born=found["born"],
        sex=found["sex"],
        number=found["number"],
        identifiers=tuple(found["identifiers"] or ()),
        points=tuple(found["points"]),
        address=name_key(" ".join(filter(None, found["address"]))) if street else None,
    )
