"""One customer who told the bank everything: shown all of it, and then recognisable nowhere. The tests run in order."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import orjson
import pytest
from planted_bank import PlantedBank, dump, files

from graph_crm.audit.service import Audit
from graph_crm.events.service import RECORDED
from graph_crm.graph.database import Database, Transaction
from graph_crm.importing.demo_desk import seed_demo
from graph_crm.privacy.erasure import ErasureService, erasure_id
from graph_crm.privacy.inventory import inventory
from graph_crm.privacy.rules import PrivacyRules
from graph_crm.privacy.wiring import PrivacyParts
from graph_crm.requests.attachments.service import AttachmentService
from graph_crm.security.roles import Role

pytestmark = pytest.mark.lts

T = TypeVar("T")
EXPORT = "mutation($p: ID) { exportParty(partyId: $p) { id state url } }"
EXPORTED = "query($id: ID!) { privacyExport(id: $id) { state url bytes expiresAt } }"
ERASE = "mutation($input: ErasePartyInput!) { eraseParty(input: $input) { state } }"
OUTLOOK = (
    "query($p: ID!) { erasureOutlook(partyId: $p) { erased against { obstacle until } records { type records } } }"
)
ERASURE = "query($p: ID!) { partyErasure(partyId: $p) { state basis despite doneAt removed { type records } } }"
NOT_THEIRS = {"subject of the customer", "createPerson.key", "consent.key", "request.key"}
"""What was told and is none of what is held on the customer: names of repeated writes."""


async def used(database: Database) -> tuple[dict[tuple[str, ...], set[str]], dict[str, set[str]]]:
    """What the graph holds: by labels, and by the type of a tie, the names of properties."""
    nodes: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for row in await database.read("MATCH (n) UNWIND keys(n) AS k RETURN DISTINCT labels(n) AS labels, k AS name"):
        nodes[tuple(row["labels"])].add(row["name"])
    ties: dict[str, set[str]] = defaultdict(set)
    every = "MATCH ()-[r]->() UNWIND [null] + keys(r) AS k RETURN DISTINCT type(r) AS kind, k AS name"
    for row in await database.read(every):
        ties[row["kind"]].update({row["name"]} - {None})
    return nodes, ties


async def test_nothing_is_in_a_bank_that_lived_without_a_rule(bank: PlantedBank) -> None:
    assert inventory().unknown(*await used(bank.platform.database)) == []


async def test_everything_was_told(bank: PlantedBank) -> None:
    """What the tests below look for is there before: else they would find nothing, and prove nothing."""
    kept = await dump(bank.platform.database) + files(bank.data)
    keys = {"request.key", "createPerson.key", "consent.key"}  # kept as a hash, with whose key it is
    assert {place for place, word in bank.planted.words.items() if word not in kept} <= keys


async def test_a_customer_gets_everything_that_is_held_by_a_link(bank: PlantedBank) -> None:
    own: dict[str, Any] = {"role": Role.CUSTOMER, "subject": "zq-own-login", "as_party": bank.party}
    asked = (await bank.ask(EXPORT, **own))["exportParty"]
    assert asked == {"id": asked["id"], "state": "WANTED", "url": None}
    assert (await bank.ask(EXPORT, **own))["exportParty"]["id"] == asked["id"]  # asked twice is one copy
    await bank.work()
    ready = (await bank.ask(EXPORTED, **own, id=asked["id"]))["privacyExport"]
    assert ready["state"] == "READY"
    answer = await bank.client.get(ready["url"])
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        parts = {name: archive.read(name).decode("utf-8", "replace") for name in archive.namelist()}
    whole = "".join(parts) + "".join(parts.values())
    assert [place for place, word in bank.planted.words.items() if word not in whole and place not in NOT_THEIRS] == []
    assert any(name.startswith("documents/0001-") for name in parts)
    assert any(name.startswith("mails/") for name in parts)
    data = orjson.loads(parts["data.json"])
    assert data["partyId"] == bank.party
    assert data["sections"]["Event"]["records"][0].keys() >= {"id", "type", "at"}
    assert "nameKey" not in parts["data.json"]
    assert "Olga" not in whole  # who else there is, is theirs
    assert "eva@bank.example" not in whole  # and employees are not the customer's business


async def test_the_page_of_an_export_shows_texts_as_texts(bank: PlantedBank) -> None:
    hostile = '<script>alert("x")</script>'
    person = await bank.do("createPerson", {"givenName": hostile, "familyName": "X"})
    content = await bank.platform.service(PrivacyParts).exports.packed(person["id"])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        page = archive.read("index.html").decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


async def test_a_link_opens_one_copy_and_nothing_else(bank: PlantedBank) -> None:
    asked = (await bank.ask(EXPORT, p=bank.party))["exportParty"]
    link = (await bank.ask(EXPORTED, id=asked["id"]))["privacyExport"]["url"]
    assert (await bank.client.get(link[:-3] + "xyz")).status_code == 401
    assert (await bank.client.get(re.sub(r"\?.*", "", link))).status_code == 401
    assert (await bank.client.get(link.replace(asked["id"], "export:other"))).status_code == 401


async def test_only_the_customer_and_who_looks_after_privacy_gets_a_copy(bank: PlantedBank) -> None:
    who: dict[str, Any]
    for who in ({"role": Role.SERVICE}, {"role": Role.CUSTOMER, "as_party": bank.other}):
        answer = await bank.raw(EXPORT, **who, p=bank.party)
        assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    asked = (await bank.ask(EXPORT, p=bank.party))["exportParty"]
    answer = await bank.raw(EXPORTED, Role.CUSTOMER, as_party=bank.other, id=asked["id"])
    assert answer["errors"][0]["extensions"]["code"] in {"NOT_FOUND", "FORBIDDEN"}


async def test_a_copy_goes_when_its_time_is_over(bank: PlantedBank) -> None:
    exports = bank.platform.service(PrivacyParts).exports
    asked = (await bank.ask(EXPORT, p=bank.party))["exportParty"]
    later = "MATCH (x:PrivacyExport) SET x.expiresAt = datetime.realtime() - duration({hours: 1})"
    await bank.platform.database.execute(later)
    before = len(files(bank.data))
    assert await exports.tidy() == 1
    assert len(files(bank.data)) < before
    gone = (await bank.ask(EXPORTED, id=asked["id"]))["privacyExport"]
    assert (gone["state"], gone["url"]) == ("GONE", None)


async def test_an_erasure_is_refused_with_every_reason(bank: PlantedBank) -> None:
    asked = {"partyId": bank.party, "basis": "OBJECTED", "reason": "asked for it"}
    complaint = {"partyId": bank.party, "channel": "BRANCH", "kind": "COMPLAINT", "text": "Again.", "attachments": []}
    number = (await bank.do("openRequest", complaint, "number"))["number"]
    outlook = (await bank.ask(OUTLOOK, p=bank.party))["erasureOutlook"]
    against = [one["obstacle"] for one in outlook["against"]]
    assert against == ["OPEN_AGREEMENT", "OPEN_COMPLAINT", "RETENTION_DUTY"]
    assert {one["type"] for one in outlook["records"]} >= {"Event", "ServiceRequest", "Decision", "Delivery"}
    kept = await dump(bank.platform.database)
    for despite in ([], ["OPEN_AGREEMENT"], ["OPEN_COMPLAINT", "RETENTION_DUTY"]):
        (error,) = (await bank.raw(ERASE, input={**asked, "despite": despite}))["errors"]
        assert error["extensions"]["code"] == "ERASURE_REFUSED"
        assert error["extensions"]["obstacles"] == [one for one in against if one not in despite]
    assert bank.planted.words["familyName"] in kept
    for role in (Role.AGENT, Role.SERVICE, Role.MARKETER, Role.AUDITOR):
        (error,) = (await bank.raw(ERASE, role, input=asked))["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"
    close = 'mutation($n: String!) { closeRequest(number: $n, outcome: REJECTED, rootCause: "FEES_AND_RATES") { id } }'
    await bank.ask(close, n=number)
    assert (await bank.ask(ERASURE, p=bank.party))["partyErasure"] is None


class Dying(Database):
    """A database whose process dies after some transactions of an erasure."""

    def __init__(self, real: Database, after: int) -> None:  # the state is that of the real one
        self.__dict__ = real.__dict__ | {"left": after}

    async def write(self, work: Callable[[Transaction], Awaitable[T]], **more: Any) -> T:
        if self.__dict__["left"] == 0:
            raise SystemExit
        self.__dict__["left"] -= 1
        return await super().write(work, **more)


async def test_who_it_is_is_gone_at_once_and_nothing_is_on_its_way_any_more(bank: PlantedBank) -> None:
    database = bank.platform.database
    await bank.work()
    ask = {"partyId": bank.party, "channel": "BRANCH", "text": "One more.", "category": "CARD", "attachments": []}
    await bank.do("openRequest", ask, "number")  # its acknowledgement waits to be sent
    await bank.do("recordEvent", {"type": "atm_balance_check", "partyId": bank.party, "id": "event:last"})
    waiting = "MATCH (e:OutboxEntry {state: 'PENDING', topic: $topic}) RETURN count(e) AS entries"
    assert (await database.read(waiting, {"topic": RECORDED}))[0]["entries"] == 1
    everything = ["OPEN_AGREEMENT", "OPEN_COMPLAINT", "OPEN_REQUEST", "RETENTION_DUTY"]
    asked = {"partyId": bank.party, "basis": "OBJECTED", "reason": "asked for it", "despite": everything}
    key = {"idempotencyKey": "erase once"}
    assert (await bank.ask(ERASE, input={**asked, **key}))["eraseParty"]["state"] == "ERASING"
    assert (await bank.ask(ERASE, input={**asked, **key}))["eraseParty"]["state"] == "ERASING"
    assert (await database.read(waiting, {"topic": RECORDED}))[0]["entries"] == 0
    open_ones = "MATCH (:Party {id: $id})-[:WAS_SENT]->(d:Delivery {state: 'QUEUED'}) RETURN count(d) AS messages"
    assert (await database.read(open_ones, {"id": bank.party}))[0]["messages"] == 0
    seen = "query($p: ID!) { party(id: $p) { displayName status erasedAt ... on Person { familyName birthDate } } }"
    party = (await bank.ask(seen, p=bank.party))["party"]
    assert party["erasedAt"] is not None
    del party["erasedAt"]
    assert party == {"displayName": "(erased)", "status": "ENDED", "familyName": None, "birthDate": None}
    found = "query($q: String!) { searchParties(query: $q) { nodes { id } } }"
    for place in ("familyName", "email", "phone"):
        answer = await bank.ask(found, q=bank.planted.words[place])
        assert answer["searchParties"]["nodes"] == []


async def test_a_worker_that_dies_again_and_again_leaves_nothing_half_done(bank: PlantedBank) -> None:
    database = bank.platform.database
    files_of = bank.platform.service(AttachmentService).files
    for after in (0, 2, 5, 11):
        dying = ErasureService(
            Dying(database, after), PrivacyRules.load(), files=files_of, message_folder=bank.data / "messages"
        )
        with pytest.raises(SystemExit):
            await dying.finish(erasure_id(bank.party))
    assert (await bank.ask(ERASURE, p=bank.party))["partyErasure"]["state"] == "ERASING"
    await bank.work()
    erased = (await bank.ask(ERASURE, p=bank.party))["partyErasure"]
    assert erased["state"] == "ERASED"
    assert erased["despite"] == ["OPEN_AGREEMENT", "OPEN_COMPLAINT", "OPEN_REQUEST", "RETENTION_DUTY"]
    assert {one["type"] for one in erased["removed"]} >= {"Attachment", "Delivery", "ServiceRequest", "ContactPoint"}


async def test_nothing_that_the_customer_told_is_anywhere(bank: PlantedBank) -> None:
    await bank.platform.service(Audit).readings.drain()
    kept = await dump(bank.platform.database)
    on_disk = files(bank.data)
    left = {place for place, word in bank.planted.words.items() if word in kept or word in on_disk}
    assert left == set()


async def test_accounting_stays(bank: PlantedBank) -> None:
    asked = "query($id: ID!) { agreement(id: $id) { number openedOn status holders { edges { role node { id } } } } }"
    agreement = (await bank.ask(asked, id=bank.agreements[0]))["agreement"]
    assert (agreement["number"], agreement["openedOn"]) == ("PL61 1090", "2018-01-10")
    assert agreement["holders"]["edges"] == [{"role": "OWNER", "node": {"id": bank.party}}]


async def test_who_stays_keeps_everything(bank: PlantedBank) -> None:
    asked = """query($p: ID!) { party(id: $p) { displayName relationships { nodes { id } }
      contactPoints { nodes { kind } } households { nodes { name } } } }"""
    relative = (await bank.ask(asked, p=bank.other))["party"]
    assert relative == {
        "displayName": "Olga Stays",
        "relationships": {"nodes": []},
        "contactPoints": {"nodes": [{"kind": "PHONE"}]},
        "households": {"nodes": [{"name": "Stays"}]},
    }


async def test_who_was_erased_is_not_written_down_again(bank: PlantedBank) -> None:
    update = "mutation($input: UpdatePersonInput!) { updatePerson(input: $input) { id } }"
    (error,) = (await bank.raw(update, input={"id": bank.party, "familyName": "Back"}))["errors"]
    assert error["extensions"]["code"] == "PARTY_ERASED"
    rows = [{"id": bank.party, "person": {"familyName": "Back"}}]
    batch = "mutation($rows: [PartyRowInput!]!) { upsertParties(rows: $rows) { refused { index reason } } }"
    (refused,) = (await bank.ask(batch, rows=rows))["upsertParties"]["refused"]
    assert "erased" in refused["reason"]
    event = "mutation($input: RecordEventInput!) { recordEvent(input: $input) { id } }"
    told = {"type": "atm_balance_check", "partyId": bank.party, "id": "event:late"}
    (error,) = (await bank.raw(event, input=told))["errors"]
    assert error["extensions"]["code"] == "NOT_FOUND"


async def test_what_comes_in_late_goes_with_the_next_look(bank: PlantedBank) -> None:
    contact = {"partyId": bank.party, "channel": "BRANCH", "direction": "INBOUND", "purpose": "SERVICE"}
    await bank.do("recordInteraction", {**contact, "note": bank.planted.word("late note")})
    late = await bank.platform.service(PrivacyParts).erasure.look_again()
    assert late >= 1
    assert bank.planted.words["late note"] not in await dump(bank.platform.database)


async def test_what_was_erased_is_erased_once(bank: PlantedBank) -> None:
    asked = {"partyId": bank.party, "basis": "UNLAWFUL", "reason": "again"}
    assert (await bank.ask(ERASE, input=asked))["eraseParty"]["state"] == "ERASED"
    assert (await bank.ask(ERASURE, p=bank.party))["partyErasure"]["basis"] == "OBJECTED"
    (error,) = (await bank.raw(ERASE, input={**asked, "partyId": "party:nobody"}))["errors"]
    assert error["extensions"]["code"] == "NOT_FOUND"


async def test_nothing_is_in_the_demo_bank_without_a_rule(bank: PlantedBank) -> None:
    """The last test of the module: the generated bank has what no customer told, such as movements."""
    database = bank.platform.database
    await seed_demo(database, customers=12, seed=3, as_of=dt.datetime.now(dt.UTC).date())
    nodes, ties = await used(database)
    assert inventory().unknown(nodes, ties) == []
    assert {"Movement", "Household", "Employee"} <= {label for labels in nodes for label in labels}
