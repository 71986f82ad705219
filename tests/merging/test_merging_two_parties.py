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


COPY = """
CREATE (x:PrivacyExport {id: $id, partyId: $party, state: $state, readyAt: datetime.realtime()})
CREATE (x)-[:STORED_AS]->(:StoredFile {key: $id, state: 'KEPT'})
RETURN x.id AS x
"""


async def test_a_copy_of_what_is_held_on_both_is_handed_out_to_neither_when_they_are_two_again(two: Two):
    await two.one(COPY, id="before", party="ana", state="READY")
    merge = await two.merge(name=MERGED)
    await two.one(COPY, id="of both", party="anna", state="READY")
    await two.one(COPY, id="being made", party="anna", state="WANTED")
    await two.unmerge(merge)
    states = "MATCH (x:PrivacyExport) WITH x ORDER BY x.id RETURN collect([x.id, x.partyId, x.state]) AS x"
    assert await two.one(states) == [
        ["before", "ana", "READY"], ["being made", "anna", "GONE"], ["of both", "anna", "GONE"],
    ]  # fmt: skip
    kept = "MATCH (:PrivacyExport)-[:STORED_AS]->(s) RETURN collect(s.key) AS x"
    assert await two.one(kept) == ["before"]


async def test_two_again_the_one_is_not_found_in_what_is_kept_of_the_merge_at_the_other(two: Two):
    merge = await two.merge(name=MERGED)
    await two.unmerge(merge)
    kept = await two.one("MATCH (g:Merge) RETURN properties(g) AS x")
    assert "Nov" not in str(kept)
    assert not [name for name in kept if name.startswith("before_") or name in {"identifiers", "mergedName"}]


async def test_a_part_of_an_address_is_no_other_address(two: Two):
    await two.database.execute("MATCH (p:Party {id: 'anna'}) SET p.country = 'CZ'")
    await two.database.execute("MATCH (p:Party {id: 'ana'}) SET p.country = 'CZ', p.street = 'Dlouhá 1'")
    for keep, merge in (("anna", "ana"), ("ana", "anna")):
        shown = await two.merges.preview(keep, merge)
        assert [one.field for one in shown.conflicts] == ["name"]
        assert ("street" in shown.takes) is (keep == "anna")
    await two.database.execute("MATCH (p:Party {id: 'anna'}) SET p.country = 'SK'")
    assert [one.field for one in (await two.merges.preview("anna", "ana")).conflicts] == ["name", "address"]


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
