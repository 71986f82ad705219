"""Personal data go when their time is over: sort by sort, as the bank's file says, and with a report."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from planted_bank import PlantedBank, dump, files, tell_something

from graph_crm.contacts.policy import ContactPolicy
from graph_crm.errors import ConfigurationError
from graph_crm.parties.checks import utc_now
from graph_crm.privacy.retention import PrivacyRetention
from graph_crm.privacy.rules import PrivacyRules
from graph_crm.privacy.wiring import PrivacyParts
from graph_crm.rules.limits import ContactLimit

pytestmark = pytest.mark.lts

SHIPPED = PrivacyRules.load()


@pytest.fixture(scope="module")
async def bank(quiet: PlantedBank) -> PlantedBank:
    """A customer with a stay in the online bank, a decision, and a request with a document that was answered."""
    await tell_something(quiet)
    return quiet


def at(bank: PlantedBank, days: int) -> PrivacyRetention:
    """The retention as it will be in so many days."""
    parts = bank.platform.service(PrivacyParts)
    clock = lambda: utc_now() + dt.timedelta(days=days)  # noqa: E731 - a clock
    database = bank.platform.database
    return PrivacyRetention(database, SHIPPED, parts.erasure, exports=parts.exports, files=parts.files, clock=clock)


async def went(retention: PrivacyRetention, *, dry_run: bool = False) -> dict[str, int]:
    return {one.type: one.records for one in await retention.run(dry_run=dry_run) if one.records}


def records(dumped: str) -> list[str]:
    """What is held, without the audit: what was read before is written down a little later."""
    return [line for line in dumped.splitlines() if not line.startswith(("['Audit", "['Lock"))]


OF_THE_OPEN_CASE = """
MATCH (r:ServiceRequest {number: $number})
CREATE (:MailReceived {id: 'mail', state: 'SETTLED', subject: $mail, at: r.openedAt})-[:BECAME]->(r)
CREATE (:Call {id: 'call', state: 'ENDED', note: $call, requestId: r.id, endedAt: r.openedAt, heardAt: r.openedAt})
"""


async def test_nothing_goes_before_its_time_and_a_dry_run_takes_nothing(bank: PlantedBank) -> None:
    database = bank.platform.database
    before = records(await dump(database))
    assert await went(at(bank, 0), dry_run=True) == {}
    would = await went(at(bank, 4000), dry_run=True)
    assert would.keys() >= {
        "Decision",
        "Delivery",
        "RequestEntry",
        "ServiceRequest",
        "Attachment",
        "Interest",
    }
    assert records(await dump(database)) == before


async def test_old_sessions_lose_where_they_were_and_nothing_else_goes(bank: PlantedBank) -> None:
    await bank.do("endSession", {"id": "session:1"})
    retention = at(bank, SHIPPED.keep["Session"] + 1)
    first = await went(retention)
    assert first.keys() == {"Session"}
    kept = await dump(bank.platform.database)
    assert bank.planted.words["device"] not in kept
    assert bank.planted.words["request.text"] in kept
    session = 'query { session(id: "session:1") { kind startedAt device } }'
    shown = (await bank.ask(session))["session"]
    assert (shown["kind"], shown["device"]) == ("ONLINE", None)
    assert await went(retention) == {}  # what was let go is not found again


async def test_what_is_open_stays_however_old_it_is(bank: PlantedBank) -> None:
    ask = {"partyId": bank.party, "channel": "BRANCH", "text": "Still open.", "category": "CARD", "attachments": []}
    number = (await bank.do("openRequest", ask, "number"))["number"]
    await bank.work()
    mail, call = bank.planted.word("mail of the open case"), bank.planted.word("call of the open case")
    told = {"number": number, "mail": mail, "call": call}
    await bank.platform.database.execute(OF_THE_OPEN_CASE, told)
    await went(at(bank, 9000))
    shown = "query($n: String!) { request(number: $n) { text } }"
    assert (await bank.ask(shown, n=number))["request"]["text"] == "Still open."
    kept = await dump(bank.platform.database)
    assert mail in kept, "what the customer wrote is part of the case"
    assert call in kept
    sent = "MATCH (:ServiceRequest {number: $n})<-[:ABOUT_REQUEST]-(d:Delivery) RETURN collect(d.to) AS to"
    assert (await bank.platform.database.read(sent, {"n": number}))[0]["to"], "whom it was told to as well"
    await bank.platform.database.execute("MATCH (n:MailReceived|Call) DETACH DELETE n")


async def test_in_the_end_the_texts_and_the_documents_are_gone_and_the_customer_is_not(bank: PlantedBank) -> None:
    kept, on_disk = await dump(bank.platform.database), files(bank.data / "attachments")
    for place in ("request.subject", "request.text", "request.answer", "decide.context"):
        assert bank.planted.words[place] not in kept
    assert bank.planted.words["document"] not in on_disk
    for place in ("familyName", "email", "phone", "consent"):
        assert bank.planted.words[place] in kept


async def test_what_a_run_let_go_is_kept_as_a_report(bank: PlantedBank) -> None:
    asked = "query { privacyRetentionReports(first: 3) { at removed { type records } } }"
    reports = (await bank.ask(asked))["privacyRetentionReports"]
    assert reports[0]["removed"] != []
    audited = "MATCH (e:AuditEntry) WHERE e.body CONTAINS 'retention.done' RETURN count(e) AS n"
    assert (await bank.platform.database.read(audited))[0]["n"] > 0
    (error,) = (await bank.raw("query { privacyRetentionReports(first: 0) { id } }"))["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_who_left_long_ago_is_erased_where_nothing_speaks_against_it(bank: PlantedBank) -> None:
    gone = (await bank.do("createPerson", {"givenName": "Zora", "familyName": bank.planted.word("former")}))["id"]
    await bank.do("endParty", {"id": gone})
    holds = (await bank.do("createPerson", {"givenName": "Yvo", "familyName": bank.planted.word("debtor")}))["id"]
    opened = {"productCode": "CURRENT_ACCOUNT", "openedOn": "2020-01-10", "holders": [{"partyId": holds}]}
    await bank.do("openAgreement", opened)
    await bank.do("endParty", {"id": holds})
    merging = (await bank.do("createPerson", {"givenName": "Ada", "familyName": bank.planted.word("merging")}))["id"]
    await bank.do("endParty", {"id": merging})
    await bank.platform.database.execute("MATCH (p:Party {id: $id}) SET p.merging = 'merge:1'", {"id": merging})
    days = SHIPPED.former_customers_days
    assert days is not None
    assert "Party" not in await went(at(bank, days - 1))
    assert (await went(at(bank, days + 1)))["Party"] == 1
    await bank.work()
    kept = await dump(bank.platform.database)
    assert bank.planted.words["former"] not in kept
    assert bank.planted.words["debtor"] in kept
    assert bank.planted.words["merging"] in kept, "who is just being merged waits for the next run"


async def test_an_erasure_reaches_the_records_that_were_merged(bank: PlantedBank) -> None:
    plant = bank.planted
    shared = {"kind": "PHONE", "value": "+48600700800"}
    first = {"givenName": "Iga", "familyName": plant.word("kept name"), "contactPoints": [shared]}
    second = {"givenName": "Iga", "familyName": plant.word("merged name"), "street": plant.word("merged street")}
    points = [shared, {"kind": "EMAIL", "value": plant.value("merged mail", "zqmerged@post.example")}]
    kept = (await bank.do("createPerson", first))["id"]
    merged = (await bank.do("createPerson", {**second, "contactPoints": points}))["id"]
    choices = [{"field": "name", "take": "KEPT"}]
    asked = {"keepId": kept, "mergedId": merged, "choices": choices, "reason": plant.word("merge reason")}
    await bank.do("mergeParties", asked)
    await bank.work()
    erase = {"partyId": kept, "basis": "OBJECTED", "reason": "asked for it"}
    await bank.do("eraseParty", erase)
    await bank.work()
    left = await dump(bank.platform.database)
    places = ("kept name", "merged name", "merged street", "merged mail", "merge reason")
    assert {place for place in places if plant.words[place] in left} == set()
    assert shared["value"] not in left


async def test_a_phone_that_was_a_mistake_goes_after_a_day(bank: PlantedBank) -> None:
    wrong = "+48600123987"
    point = {"partyId": bank.other, "kind": "PHONE", "value": wrong}
    await bank.do("addContactPoint", point)
    await bank.do("removeContactPoint", point)
    assert wrong in await dump(bank.platform.database)
    await went(at(bank, 0))
    assert wrong in await dump(bank.platform.database)  # somebody may be adding it just now
    past = "MATCH (c:ContactPoint {value: $value}) SET c.createdAt = c.createdAt - duration({days: 2})"
    await bank.platform.database.execute(past, {"value": wrong})
    await went(at(bank, 0))
    assert wrong not in await dump(bank.platform.database)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("former_customers_days = 0", "former_customers_days"),
        ("[keep]\nSession = 0", "keep.Session"),
        ("[keep]\nProduct = 10", "keep.Product: is nothing that has an age"),
        ("[keep]\nDiary = 10", "keep.Diary: is nothing that has an age"),
        ("unknown = 1", "unknown"),
    ],
)
def test_a_wrong_file_of_rules_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    whole = "[erasure]\nafter_agreement_days = 1\nafter_complaint_days = 1\nlook_again_days = 1\n"
    whole += "[export]\nkeep_hours = 1\nlink_minutes = 1\n"
    file = tmp_path / "privacy.toml"
    file.write_text(f"{text}\n{whole}" if not text.startswith("[") else f"{whole}{text}\n", "utf-8")
    with pytest.raises(ConfigurationError, match=told.replace(".", r"\.")):
        PrivacyRules.load(file)


def test_contacts_that_a_limit_counts_do_not_lose_where_they_were() -> None:
    limit = ContactLimit(name="call", count=1, days=45, channels=("PHONE",), scope="contact_point")
    policy = ContactPolicy.load().model_copy(update={"limits": (limit,)})
    SHIPPED.require(policy)
    short = SHIPPED.model_copy(update={"keep": {**SHIPPED.keep, "Interaction": 44}})
    with pytest.raises(ConfigurationError, match=r"keep\.Interaction is 44 days, and the limit call"):
        short.require(policy)
