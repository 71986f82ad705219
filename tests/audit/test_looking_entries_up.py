"""Looking entries up: by whom, about whom, when. Auditors see all, customers what concerns them; it leaves a trace."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from small_audit import ANNA, Ledger, whats

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.audit import acting
from graph_crm.audit import trail as trails
from graph_crm.audit.acting import Actor, ids_in, reason_of, short_agent
from graph_crm.audit.kinds import AuditKind
from graph_crm.audit.trail import AuditTrail, Question
from graph_crm.errors import InvalidInput
from graph_crm.security.roles import Caller, Role

pytestmark = pytest.mark.lts
AUDITOR = Caller("olga", Role.AUDITOR)
KIM = Caller("kim", Role.CUSTOMER, "party-1")
Ask = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def ask(ledger: Ledger) -> Ask:
    executor = Executor(platform_schema(), ledger.database, audit=ledger.audit)

    async def ask(query: str, caller: Caller = AUDITOR, **variables: Any) -> dict[str, Any]:
        return await executor.execute(Request(query, caller, variables))

    return ask


async def looked(ledger: Ledger, who: str, *ids: str) -> None:
    """``who`` looks at these parties, one after the other, within a moment."""
    with acting.acting(Actor(who, "agent"), "query Look"):
        for one in ids:
            await ledger.audit.readings.shown("party", [one])
    await ledger.audit.readings.drain()


async def test_the_newest_come_first_and_pages_lead_through_all_of_them(ledger: Ledger) -> None:
    await looked(ledger, "anna", *(f"party-{number}" for number in range(7)))
    await ledger.change("updatePerson", "party-3")
    trail = AuditTrail(ledger.database)
    whole = [record.id for _, record in await trail.find(Question(), 100)]
    assert len(whole) == len(set(whole)) == 8
    paged, after = [], None
    while page := await trail.find(Question(), 3, after):
        after = page[-1][0]
        paged += [record.id for _, record in page]
    assert paged == whole
    newest = (await trail.find(Question(), 1))[0][1]
    assert newest.what == "updatePerson"


async def test_they_are_found_by_whom_and_what_they_are_about_by_kind_and_by_time(ledger: Ledger) -> None:
    await looked(ledger, "anna", "party-1", "party-2")
    await looked(ledger, "bert", "party-1")
    await ledger.change("updatePerson", "party-1")
    trail = AuditTrail(ledger.database)

    async def found(question: Question) -> list[tuple[str, str]]:
        return sorted((one.who, one.what) for _, one in await trail.find(question, 100))

    assert await found(Question(about="party-1")) == [("anna", "party"), ("anna", "updatePerson"), ("bert", "party")]
    assert await found(Question(about="party-2")) == [("anna", "party")]
    assert await found(Question(who="bert")) == [("bert", "party")]
    assert await found(Question(about="party-1", who="anna", kinds=[AuditKind.WRITE])) == [("anna", "updatePerson")]
    assert await found(Question(kinds=[AuditKind.DENIAL])) == []
    now = dt.datetime.now(dt.UTC)
    assert len(await found(Question(since=now - dt.timedelta(minutes=1)))) == 4
    assert await found(Question(until=now - dt.timedelta(minutes=1))) == []
    assert await found(Question(about="party-' OR 1=1 // *")) == []


async def test_customers_and_what_was_no_id_are_found_by_what_somebody_asks_for(ledger: Ledger) -> None:
    with acting.acting(Actor("kim@post.example", Role.CUSTOMER, party_id="party-1")):
        await ledger.audit.readings.shown("party", ["party-1"])
    await looked(ledger, "anna", "zoe@post.example")
    trail = AuditTrail(ledger.database)
    (one,) = [record for _, record in await trail.find(Question(who="kim@post.example"), 10)]
    assert one.who == ledger.hidden("kim@post.example")
    (one,) = [record for _, record in await trail.find(Question(about="zoe@post.example"), 10)]
    assert one.who == "anna"
    assert "post.example" not in str(await ledger.records())


async def test_who_did_very_much_is_found_without_sorting_all_of_it(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trails, "NEWEST", 5)
    monkeypatch.setattr(trails, "CHUNK", 2)
    for number in range(12):
        await looked(ledger, "anna" if number % 3 else "bert", f"party-{number}")
    trail = AuditTrail(ledger.database)
    for who, numbers in (("anna", [11, 10, 8, 7, 5, 4, 2, 1]), ("bert", [9, 6, 3, 0]), ("eva", [])):
        for most in (1, 3, 100):
            paged: list[str] = []
            after = None
            while page := await trail.find(Question(who=who), most, after):
                after = page[-1][0]
                paged += page[0][1].ids if most == 1 else [one for _, record in page for one in record.ids]
            assert paged == [f"party-{number}" for number in numbers], (who, most)
    with ledger.database.counting() as asked:
        await trail.find(Question(who="anna"), 2)
    assert not [one for one in asked.statements if "fulltext" in one]


async def test_a_cursor_that_is_none_is_refused(ledger: Ledger) -> None:
    with pytest.raises(InvalidInput):
        await AuditTrail(ledger.database).find(Question(), 10, "1.2.3")


async def test_auditors_read_it_and_that_is_a_record_too(ledger: Ledger, ask: Ask) -> None:
    await looked(ledger, "anna", "party-1")
    answer = await ask('query Who { auditEntries(aboutId: "party-1") { kind what who ids times cursor } }')
    # The look itself is written within half a second: a slow first one finds itself.
    assert [one["who"] for one in answer["data"]["auditEntries"] if one["kind"] == "READ"] == ["anna"]
    await ledger.audit.readings.drain()
    last = (await ledger.records())[-1]
    assert (last.kind, last.what, last.who, last.ids) == (AuditKind.AUDIT, "auditEntries", "olga", ("party-1",))


@pytest.mark.parametrize("role", [Role.AGENT, Role.ANALYST, Role.SERVICE, Role.RULE_AUTHOR])
async def test_others_do_not_and_that_they_tried_is_a_record(ledger: Ledger, ask: Ask, role: Role) -> None:
    answer = await ask("{ auditEntries { who } }", Caller("curious", role))
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    await ledger.audit.readings.drain()
    assert [(one.kind, one.who) for one in await ledger.records()] == [(AuditKind.DENIAL, "curious")]


async def test_customers_see_when_and_why_their_data_were_used_and_no_names(ledger: Ledger, ask: Ask) -> None:
    await ledger.change("updatePerson", "party-1", actor=ANNA)
    await looked(ledger, "bert", "party-2")
    with acting.acting(Actor("kim", Role.CUSTOMER, party_id="party-1")):
        await ledger.audit.readings.shown("party", ["party-1"])
    answer = await ask("{ accessLog { at kind role what purpose } }", KIM)
    (one,) = answer["data"]["accessLog"]
    assert (one["kind"], one["role"], one["what"], one["purpose"]) == ("WRITE", "agent", "updatePerson", "case:SR-1")
    assert "anna" not in str(answer)
    refused = await ask("{ accessLog { role } }", Caller("anna", Role.AGENT))
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_without_a_reason_the_open_case_of_an_agent_is_the_reason(ledger: Ledger) -> None:
    await ledger.database.execute(
        "CREATE (:Party {id: 'party-1'})-[:ASKED]->(:ServiceRequest {number: 'SR-7', openOwnerId: 'bert'}),"
        " (:Employee {id: 'bert'})-[:LOOKS_AFTER]->(:Party {id: 'party-2'})"
    )
    await looked(ledger, "bert", "party-1", "party-2", "party-3")
    await looked(ledger, "anna", "party-1")
    told = {(one.who, one.ids): one.why for one in await ledger.records()}
    assert told == {
        ("bert", ("party-1",)): "SR-7",
        ("bert", ("party-2",)): "portfolio",
        ("bert", ("party-3",)): None,
        ("anna", ("party-1",)): None,
    }


async def test_no_value_of_a_person_stands_in_the_audit(ledger: Ledger, ask: Ask) -> None:
    await ask(
        """mutation Make($input: CreatePersonInput!) { createPerson(input: $input) { id displayName } }""",
        Caller("anna", Role.SERVICE),
        input={"givenName": "Zbigniew", "familyName": "Wojciechowski", "birthDate": "1971-02-03"},
    )
    for query in ('searchParties(query: "Wojciechowski")', 'searchParties(query: "Zbigniewa")'):
        answer = await ask(f"{{ {query} {{ nodes {{ displayName }} }} }}", Caller("anna", Role.SERVICE))
        assert "errors" not in answer
    await ask('{ party(id: "zbigniew@bank.example") { displayName } }', Caller("anna", Role.SERVICE))
    own = "{ accessLog { what } }"
    assert "errors" not in await ask(own, Caller("zbigniew@post.example", Role.CUSTOMER, "party-1"))
    await ledger.audit.readings.drain()
    assert whats(await ledger.records()) == [
        "accessLog",
        "createPerson",
        "createPerson",
        "searchParties",
        "searchParties",
    ]
    (row,) = await ledger.database.read(
        "MATCH (n:AuditEntry|AuditHead) RETURN collect([key IN keys(n) | toString(n[key])]) AS values"
    )
    text = str(row["values"]).lower()
    assert not [word for word in ("zbigniew", "wojciechowski", "1971") if word in text]


def test_a_reason_is_a_code_and_no_text() -> None:
    assert reason_of(" case:SR-2026-000012 ") == "case:SR-2026-000012"
    assert reason_of(None) is reason_of(" ") is None
    for given in ("called about Anna Nowak", "a" * 81, "x\ny", "Łódź"):
        with pytest.raises(InvalidInput):
            reason_of(given)


def test_the_program_at_the_other_end_is_told_in_a_few_plain_characters() -> None:
    assert short_agent("Desk/2.1 (Windows NT 10.0; <script>)" + "x" * 500) == (
        "Desk/2.1 (Windows NT 10.0; script)" + "x" * 26
    )
    assert short_agent("") is None


def test_ids_are_taken_out_of_arguments_and_telephone_numbers_are_none() -> None:
    given = {
        "input": {"partyId": "p-1", "note": "secret", "rows": [{"id": "p-2"}, {"ownerId": None}], "attachments": ["a"]},
        "articleIds": ["k-1", "k-2"],
        "number": "+48 600 100 200",
        "paid": "no id",
    }
    assert ids_in(given) == ["p-1", "p-2", "k-1", "k-2"]
    assert ids_in({"number": "SR-2026-000012"}) == ["SR-2026-000012"]
