"""Two parties that are one person are made one, and two again."""

from __future__ import annotations

import pytest
from merging_bank import Two, filled, picture

from graph_crm.errors import CrmError
from graph_crm.merging.kinds import MergeSide
from graph_crm.merging.service import MergeConflict, MergeRefused
from graph_crm.parties.merged import PartyMerged, led

pytestmark = pytest.mark.lts
KEPT, MERGED = MergeSide.KEPT, MergeSide.MERGED


async def test_what_the_two_say_differently_is_shown_and_never_guessed(two: Two):
    shown = await two.merges.preview("anna", "ana")
    assert [(one.field, one.kept, one.merged) for one in shown.conflicts] == [
        ("name", "Anna Nováková, Anna, Nováková", "Ana Nováková, Ana, Nováková")
    ]
    assert "city" in shown.takes
    with pytest.raises(MergeConflict) as refused:
        await two.merge()
    assert refused.value.details["conflicts"] == ["name"]
    assert await two.one("MATCH (p:Party) RETURN count(p) AS x") == 2


async def test_an_answer_to_what_is_no_conflict_is_a_mistake(two: Two):
    with pytest.raises(CrmError, match="birthDate is no conflict"):
        await two.merge(name=KEPT, birthDate=KEPT)


async def test_everything_of_both_stands_at_the_kept_party(two: Two):
    await filled(two.database, "ana", "a")
    await filled(two.database, "anna", "b")
    merge = await two.merge(name=KEPT)
    assert (await two.merges.standing(merge)).state == "DONE"
    assert await two.one("MATCH (p:Party) RETURN collect(p.id) AS x") == ["anna", "o-a", "o-b"]
    assert await two.one("MATCH (p:Party {id: 'anna'})-[:REACHABLE_AT]->(c) RETURN count(c) AS x") == 3
    assert await two.one("MATCH (p:Party {id: 'anna'}) RETURN [p.displayName, p.city] AS x") == [
        "Anna Nováková",
        "Praha",
    ]
    for kind in ("DID", "HAD", "GAVE", "RESERVED", "ASKED", "WAS_SENT", "HOLDS", "SHOWS", "HAD_SESSION"):
        assert await two.one(f"MATCH (:Party {{id: 'anna'}})-[:{kind}]->(n) RETURN count(n) AS x") == 2, kind
    assert await two.one("MATCH (n) WHERE n.partyId = 'ana' RETURN count(n) AS x") == 0
    assert await two.one("MATCH (n:Response {partyId: 'anna'}) RETURN count(n) AS x") == 2
    work = "MATCH (e:OutboxEntry {partitionKey: 'anna', topic: 'test'}) RETURN collect(e.payload) AS x"
    assert await two.one(work) == ['{"partyId":"anna"}'] * 2
    assert await led(two.database.read, ["ana", "anna"]) == {"ana": "anna"}


async def test_taken_back_the_graph_is_as_it_was_before(two: Two):
    await filled(two.database, "ana", "a")
    await filled(two.database, "anna", "b")
    before = await picture(two.database)
    merge = await two.merge(name=MERGED)
    assert await picture(two.database) != before
    await two.unmerge(merge)
    assert await picture(two.database) == before


async def test_what_came_since_stays_with_the_kept_party_and_is_told(two: Two):
    merge = await two.merge(name=MERGED)
    await two.database.execute(
        "MATCH (p:Party {id: 'anna'}) SET p.city = 'Brno' CREATE (p)-[:DID]->(:Event {id: 'new'})"
    )
    await two.unmerge(merge)
    assert (await two.merges.standing(merge)).stayed == ("city",)
    assert await two.one("MATCH (p:Party {id: 'anna'})-[:DID]->(e) RETURN [p.city, e.id] AS x") == ["Brno", "new"]
    assert await two.one("MATCH (p:Party {id: 'ana'}) RETURN p.city AS x") == "Praha"


async def test_a_chain_of_merges_leads_to_its_end_and_is_taken_back_from_there(two: Two):
    await filled(two.database, "ana", "a")
    await two.person("third", "Anna", (await two.one("MATCH (p:Party {id: 'anna'}) RETURN p.birthDate AS x")))
    before = await picture(two.database)
    first = await two.merge(name=KEPT)
    two.kept, two.other = "third", "anna"
    between = await picture(two.database)
    second = await two.merge()
    assert await led(two.database.read, ["ana", "anna"]) == {"ana": "third", "anna": "third"}
    assert await two.one("MATCH (:Party {id: 'third'})-[:DID]->(e) RETURN count(e) AS x") == 1
    with pytest.raises(MergeRefused, match="merged away"):
        await two.unmerge(first)
    await two.unmerge(second)
    assert await picture(two.database) == between
    await two.unmerge(first)
    assert await picture(two.database) == before


async def test_the_old_id_is_no_party_for_a_merge(two: Two):
    await two.merge(name=KEPT)
    with pytest.raises(PartyMerged) as refused:
        await two.merge(name=KEPT)
    assert refused.value.details["keptId"] == "anna"


async def test_a_long_history_is_moved_in_steps_while_nobody_is_contacted(two: Two):
    await two.database.execute(
        "MATCH (p:Party {id: 'ana'}) UNWIND range(1, 40) AS i "
        "CREATE (p)-[:DID]->(:Event {id: 'e' + i, partyId: 'ana', type: 'login'})"
    )
    before = await picture(two.database)
    two.merges = type(two.merges)(two.database, two.merges._policy, batch=10, at_once=2)
    merge = await two.merge(name=KEPT)
    assert (await two.merges.standing(merge)).state == "MOVING"
    assert await two.one("MATCH (p:Party {id: 'anna'}) RETURN p.merging AS x") == merge
    with pytest.raises(MergeRefused, match="under way"):
        await two.unmerge(merge)
    await two.merges.finish(merge)
    assert (await two.merges.standing(merge)).state == "DONE"
    assert await two.one("MATCH (:Party {id: 'anna'})-[:DID]->(e) RETURN count(e) AS x") == 40
    assert await two.one("MATCH (p:Party {id: 'anna'}) RETURN p.merging AS x") is None
    await two.unmerge(merge)
    assert await picture(two.database) == before
