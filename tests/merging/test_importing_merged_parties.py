"""A source that still tells of the merged party tells the kept one, and does not undo what was chosen."""

from __future__ import annotations

from typing import Any

import pytest
from merging_bank import Two

from graph_crm.importing import cypher
from graph_crm.importing.loader import Loader
from graph_crm.importing.rejects import FileTally, Origin
from graph_crm.merging.kinds import MergeSide

pytestmark = pytest.mark.lts


async def load(two: Two, *told: tuple[cypher.Kind, dict[str, Any]]) -> dict[str, int]:
    async with Loader(two.database) as loader:
        await loader.look()
        for number, (kind, row) in enumerate(told):
            await loader.add(kind, row, origin(number))
    return dict(loader.written)


def origin(number: int) -> Origin:
    return Origin(FileTally("people.csv"), number, "")


def person(identifier: str, digest: str, **props: Any) -> tuple[cypher.Kind, dict[str, Any]]:
    return cypher.PERSON, {"id": identifier, "digest": digest, "props": props}


async def test_what_the_source_said_before_is_no_news_and_what_is_new_is_written(two: Two):
    first = person("ana", "1", displayName="Ana", nameKey="ana", city="Praha")
    await load(two, first)
    await two.merge(name=MergeSide.KEPT)
    assert await load(two, first) == {"person": 1}
    assert await two.one("MATCH (p:Party) RETURN collect([p.id, p.displayName]) AS x") == [["anna", "Anna Nováková"]]
    await load(two, person("ana", "2", displayName="Ana", nameKey="ana", city="Brno"))
    assert await two.one("MATCH (p:Party) RETURN collect([p.displayName, p.city]) AS x") == [["Anna Nováková", "Brno"]]


async def test_records_of_the_old_id_are_the_kept_partys_and_what_was_set_aside_stays_so(two: Two):
    both = "MATCH (:Party {id: 'ana'})-[r:REACHABLE_AT]->(c) WHERE c.value = '+420602123456' RETURN r.id AS x"
    same = await two.one(both)
    await two.merge(name=MergeSide.KEPT)
    point = {"partyId": "ana", "valueKey": "PHONE:+420602123456", "kind": "PHONE", "value": "+420602123456"}
    contact = {"id": "i1", "partyId": "ana", "props": {"channel": "PHONE"}}
    await load(two, (cypher.CONTACT_POINT, {**point, "id": same, "props": {}}), (cypher.INTERACTION, contact))
    assert await two.one("MATCH (:Party {id: 'anna'})-[:HAD]->(i) RETURN i.id AS x") == "i1"
    assert await two.one("MATCH (:Party {id: 'anna'})-[r:REACHABLE_AT]->() RETURN count(r) AS x") == 3
