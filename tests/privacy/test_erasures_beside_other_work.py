"""An erasure beside what goes on at the same time, and beside merges: nothing that was taken away comes back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from planted_bank import PlantedBank, dump, files

from graph_crm.audit.service import Audit
from graph_crm.graph.outbox import OutboxEntry
from graph_crm.merging.kinds import MergeSide
from graph_crm.merging.service import MergeService
from graph_crm.privacy.retention_cypher import FORGET_POINTS
from graph_crm.privacy.wiring import PrivacyParts
from graph_crm.security.roles import Role

pytestmark = pytest.mark.lts

EXPORT = "mutation($p: ID) { exportParty(partyId: $p) { id state } }"
STANDS = "query($id: ID!) { privacyExport(id: $id) { state url } }"
ONE = "MATCH (x:PrivacyExport {id: $id}) RETURN x.state AS state, COUNT { (x)-[:STORED_AS]->() } AS files"


async def person(bank: PlantedBank, place: str, **more: Any) -> str:
    """Somebody with a name that occurs nowhere else."""
    given = {"givenName": "Iga", "familyName": bank.planted.word(place), **more}
    return str((await bank.do("createPerson", given))["id"])


async def erase(bank: PlantedBank, party: str) -> None:
    await bank.do("eraseParty", {"partyId": party, "basis": "OBJECTED", "reason": "asked for it"}, "state")


async def test_a_copy_is_not_handed_out_any_more_once_the_party_is_erased(quiet: PlantedBank) -> None:
    party = await person(quiet, "copied")
    copy = (await quiet.ask(EXPORT, p=party))["exportParty"]["id"]
    await quiet.work()
    link = (await quiet.ask(STANDS, id=copy))["privacyExport"]["url"]
    assert (await quiet.client.get(link)).status_code == 200
    await erase(quiet, party)  # no worker has done anything yet
    assert (await quiet.client.get(link)).status_code == 404
    assert (await quiet.ask(STANDS, id=copy))["privacyExport"] == {"state": "GONE", "url": None}
    await quiet.work()
    assert quiet.planted.words["copied"] not in files(quiet.data)


async def test_a_copy_that_is_being_made_meanwhile_is_not_kept(quiet: PlantedBank) -> None:
    party = await person(quiet, "being copied")
    exports = quiet.platform.service(PrivacyParts).exports
    copy = (await quiet.ask(EXPORT, p=party))["exportParty"]["id"]
    before = len(list((quiet.data / "attachments").rglob("*.*")))
    entry = OutboxEntry("e", "privacy.export", party, {"exportId": copy, "partyId": party}, 1, "worker")
    effect = await exports.carry_out(entry)
    assert effect is not None
    await erase(quiet, party)
    await quiet.platform.database.write(effect)
    assert [dict(row) for row in await quiet.platform.database.read(ONE, {"id": copy})] == [
        {"state": "GONE", "files": 0}
    ]
    await quiet.work()
    assert await quiet.platform.database.read("MATCH (s:StoredFile) RETURN s.key AS key") == []
    assert len(list((quiet.data / "attachments").rglob("*.*"))) == before


async def test_copies_are_made_one_at_a_time(quiet: PlantedBank, monkeypatch: pytest.MonkeyPatch) -> None:
    exports = quiet.platform.service(PrivacyParts).exports
    made, most = 0, 0
    real = exports.holdings

    async def counted(party_id: str) -> Any:
        nonlocal made, most
        made += 1
        most = max(most, made)
        try:
            return await real(party_id)
        finally:
            made -= 1

    monkeypatch.setattr(exports, "holdings", counted)
    party = await person(quiet, "often")
    await asyncio.gather(*[exports.packed(party) for _ in range(3)])
    assert most == 1


async def test_two_who_erase_the_same_party_at_once_erase_it_once(quiet: PlantedBank) -> None:
    party = await person(quiet, "twice")
    await asyncio.gather(*[erase(quiet, party) for _ in range(4)])
    erasure = quiet.platform.service(PrivacyParts).erasure
    await asyncio.gather(*[erasure.finish(f"erasure:{party}") for _ in range(3)])
    assert quiet.planted.words["twice"] not in await dump(quiet.platform.database)
    found = await erasure.standing(party)
    assert found is not None
    assert (found.state, found.counts.get("PartyChange", 0)) == ("ERASED", 0)


async def test_who_was_merged_by_mistake_is_not_found_in_the_merge_when_erased(quiet: PlantedBank) -> None:
    kept, other = await person(quiet, "kept"), await person(quiet, "mistaken")
    merges = quiet.platform.service(MergeService)
    reason = quiet.planted.word("reason of the merge")
    choices = {"name": MergeSide.MERGED}
    merge = (await merges.merge(kept, other, choices=choices, reason=reason, by="jana")).id
    await merges.unmerge(merge, reason="two persons", by="jana")
    await quiet.work()
    mine = (await quiet.platform.service(PrivacyParts).exports.holdings(kept)).as_json().decode()
    assert quiet.planted.words["mistaken"] not in mine, "nor does the other get to see it"
    await erase(quiet, other)
    await quiet.work()
    left = "\n".join(one for one in (await dump(quiet.platform.database)).splitlines() if "PartyChange" not in one)
    assert quiet.planted.words["mistaken"] not in left
    assert reason not in left
    assert quiet.planted.words["kept"] in left


async def test_a_tie_to_who_was_erased_does_not_come_back_with_a_merge_that_is_taken_back(quiet: PlantedBank) -> None:
    kept, other, spouse = [await person(quiet, name) for name in ("one", "the same", "spouse")]
    for party in (kept, other):
        tie = {"kind": "SPOUSE_OF", "fromId": party, "toId": spouse, "note": quiet.planted.word(f"tie of {party}")}
        await quiet.do("relateParties", tie)
    merges = quiet.platform.service(MergeService)
    choices = {"name": MergeSide.KEPT}
    merge = (await merges.merge(kept, other, choices=choices, reason="one", by="jana")).id
    await quiet.work()
    await erase(quiet, spouse)
    await quiet.work()
    assert quiet.planted.words[f"tie of {other}"] not in await dump(quiet.platform.database)
    await merges.unmerge(merge, reason="two", by="jana")
    await quiet.work()
    asked = "query($p: ID!) { party(id: $p) { relationships { nodes { id } } } }"
    for party in (kept, other):
        assert (await quiet.ask(asked, p=party))["party"]["relationships"]["nodes"] == []


async def test_a_phone_that_somebody_is_given_just_now_is_not_taken_away(quiet: PlantedBank) -> None:
    database = quiet.platform.database
    party = await person(quiet, "caller")
    await database.execute(
        "CREATE (:ContactPoint {kind: 'PHONE', valueKey: 'PHONE:+48600', value: '+48600',"
        " createdAt: datetime() - duration('P2D')})"
    )
    given, go = asyncio.Event(), asyncio.Event()

    async def give(tx: Any) -> None:
        await tx.run(
            "MATCH (p:Party {id: $id}), (c:ContactPoint {value: '+48600'}) CREATE (p)-[:REACHABLE_AT {id: 'r'}]->(c)",
            {"id": party},
        )
        given.set()
        await go.wait()

    giving = asyncio.create_task(database.write(give))
    await given.wait()
    taking = asyncio.create_task(database.write(lambda tx: tx.run(FORGET_POINTS, {"most": 10})))
    blocked = "SHOW TRANSACTIONS YIELD status WHERE status STARTS WITH 'Blocked' RETURN count(*) AS n"
    while not (await database.read(blocked))[0]["n"]:
        assert not taking.done()
    go.set()
    await asyncio.gather(giving, taking)
    rows = await database.read("MATCH (:Party {id: $id})-[:REACHABLE_AT]->(c) RETURN c.value AS value", {"id": party})
    assert [row["value"] for row in rows] == ["+48600"]


async def test_who_may_name_a_party_and_names_none_is_told_so(quiet: PlantedBank) -> None:
    (error,) = (await quiet.raw(EXPORT))["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "partyId" in error["message"]


async def test_how_a_customer_logs_in_is_nowhere_when_erased(quiet: PlantedBank) -> None:
    party = await person(quiet, "login")
    own = {"role": Role.CUSTOMER, "subject": "zq-mine@post.example", "as_party": party}
    await quiet.ask(EXPORT, **own)
    await quiet.platform.service(Audit).readings.drain()
    await erase(quiet, party)
    await quiet.work()
    assert "zq-mine" not in await dump(quiet.platform.database)
