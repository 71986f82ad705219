"""What a request names is judged before anything is done, by the same rows as what a query shows."""

from __future__ import annotations

import pytest

from graph_crm.security.roles import Caller, Role

pytestmark = pytest.mark.lts
EVA = Caller("eva", Role.AGENT)
FLAG = 'mutation ($id: ID!) { flagVulnerability(input: {partyId: $id, reason: "x"}) { id } }'
STATE = "query ($id: ID!) { consentState(partyId: $id, purpose: MARKETING, channel: PHONE) { allowed } }"


async def test_an_employee_acts_for_customers_with_an_open_case(bank) -> None:
    with bank.database.counting() as sent:
        assert await bank.code(EVA, FLAG, id="ben") == "FORBIDDEN"
    assert len(sent) == 1, "one look, and nothing was done"
    assert await bank.code(EVA, FLAG, id="nobody") == "NOT_FOUND"
    assert (await bank.ask(EVA, STATE, id="anna"))["consentState"] == {"allowed": False}
    assert await bank.code(EVA, STATE, id="ben") == "FORBIDDEN"


async def test_who_sees_everybody_is_not_looked_at(bank) -> None:
    with bank.database.counting() as sent:
        await bank.ask(Role.SERVICE, STATE, id="anna")
    service = len(sent)
    with bank.database.counting() as sent:
        await bank.ask(EVA, STATE, id="anna")
    assert len(sent) == service + 1


@pytest.mark.parametrize(
    ("document", "there", "hidden", "code"),
    [
        ('mutation { endSession(input: {id: "@"}) { id } }', "x", "x", "NOT_FOUND"),
        ('mutation { closeAgreement(input: {id: "@", version: 99}) { id } }', "joint", "alone", "NOT_FOUND"),
        ('mutation { noteOnRequest(number: "@", text: "x") { id } }', "R-0000-0A0A", "R-0000-0B0B", "NOT_FOUND"),
        (
            'mutation { endRelationship(input: {relationshipId: "@", until: "2022-01-01"}) { id } }',
            "t1",
            "t3",
            "NOT_FOUND",
        ),
        ('query { request(number: "@") { id } }', "R-0000-0A0A", "R-0000-0B0B", "NOT_FOUND"),
    ],
)
async def test_records_of_others_are_not_there(bank, document: str, there: str, hidden: str, code: str) -> None:
    refused = [await bank.answer(EVA, document.replace("@", key)) for key in (hidden, "missing-one")]
    assert {each["errors"][0]["extensions"]["code"] for each in refused} == {code}
    assert refused[0]["errors"][0]["message"] == refused[1]["errors"][0]["message"], "nor is it told that one is"


async def test_a_batch_with_one_customer_of_others_is_refused_whole(bank) -> None:
    rows = '[{type: "login", partyId: "anna"}, {type: "login", partyId: "ben"}]'
    assert await bank.code(EVA, f"mutation {{ recordEvents(events: {rows}) {{ recorded }} }}") == "FORBIDDEN"


@pytest.mark.parametrize("role", [Role.ANALYST, Role.MARKETER, Role.RULE_AUTHOR])
async def test_a_protected_customer_is_not_there_for_who_explores(bank, role: Role) -> None:
    """The same words as for one who is not there at all."""
    answers = [await bank.answer(role, STATE, id=key) for key in ("vip", "nobody")]
    assert answers[0] == answers[1]
    assert answers[0]["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_a_customer_names_nobody_else(bank) -> None:
    anna = Caller("anna", Role.CUSTOMER, "anna")
    asked = 'mutation { openRequest(input: {partyId: "@", text: "x", channel: ONLINE}) { id } }'
    answers = [await bank.answer(anna, asked.replace("@", key)) for key in ("ben", "nobody")]
    assert answers[0] == answers[1]
    assert answers[0]["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_an_employee_opens_a_case_by_starting_a_session(bank) -> None:
    """Whoever comes to the counter is served; who let whom in is in the audit."""
    ola = Caller("ola", Role.AGENT)
    birth = '{ party(id: "rose") { ... on Person { birthDate } } }'
    assert (await bank.ask(ola, birth))["party"] == {"birthDate": None}
    start = (
        'mutation { startSession(input: {partyId: "rose", kind: BRANCH, id: "at the counter"}) { id party { id } } }'
    )
    assert (await bank.ask(ola, start))["startSession"] == {"id": "at the counter", "party": {"id": "rose"}}
    assert (await bank.ask(ola, birth))["party"] == {"birthDate": "1970-03-03"}
    assert (await bank.ask(EVA, birth))["party"] == {"birthDate": None}
    await bank.ask(ola, 'mutation { endSession(input: {id: "at the counter"}) { id } }')
    assert (await bank.ask(ola, birth))["party"] == {"birthDate": None}
    await bank.database.execute("MATCH (s:Session {id: 'at the counter'}) DETACH DELETE s")


async def test_a_portfolio_is_given_and_taken(bank) -> None:
    rita = Caller("rita", Role.RELATIONSHIP_MANAGER)
    birth = '{ party(id: "ben") { ... on Person { birthDate } } }'
    give = 'mutation { assignPortfolio(employeeId: "rita", partyIds: ["ben"]) { portfolio { nodes { id } } } }'
    take = 'mutation { endPortfolio(employeeId: "rita", partyIds: ["ben"]) { portfolio { nodes { id } } } }'
    assert await bank.code(rita, give) == "FORBIDDEN"
    for _ in range(2):
        found = (await bank.ask(Role.ADMINISTRATOR, give))["assignPortfolio"]
        assert [each["id"] for each in found["portfolio"]["nodes"]] == ["ben", "rose"]
    assert (await bank.ask(rita, birth))["party"] == {"birthDate": "1990-02-02"}
    found = (await bank.ask(Role.ADMINISTRATOR, take))["endPortfolio"]
    assert [each["id"] for each in found["portfolio"]["nodes"]] == ["rose"]
    assert (await bank.ask(rita, birth))["party"] == {"birthDate": None}
    unknown = give.replace('["ben"]', '["ben", "nobody"]')
    assert await bank.code(Role.ADMINISTRATOR, unknown) == "NOT_FOUND"
    assert (await bank.ask(rita, birth))["party"] == {"birthDate": None}, "all of them or none"
    assert await bank.code(Role.ADMINISTRATOR, give.replace('"rita"', '"nobody"')) == "NOT_FOUND"
    assert await bank.code(Role.ADMINISTRATOR, give.replace('["ben"]', "[]")) == "BAD_USER_INPUT"


async def test_a_customer_is_protected_and_shown_again(bank) -> None:
    protect = 'mutation { protectParty(partyId: "rose", reason: "Works here.") { protected protectedReason } }'
    show = 'mutation { unprotectParty(partyId: "rose", reason: "Left us.") { protected protectedReason } }'
    name = '{ party(id: "rose") { displayName } }'
    assert await bank.code(Role.SERVICE, protect) == "FORBIDDEN"
    assert (await bank.ask(Role.ANALYST, name))["party"] == {"displayName": "Rose Maly"}
    made = (await bank.ask(Role.ADMINISTRATOR, protect))["protectParty"]
    assert made == {"protected": True, "protectedReason": "Works here."}
    assert (await bank.ask(Role.ANALYST, name))["party"] is None
    made = (await bank.ask(Role.ADMINISTRATOR, show))["unprotectParty"]
    assert made == {"protected": None, "protectedReason": None}
    assert (await bank.ask(Role.ANALYST, name))["party"] == {"displayName": "Rose Maly"}
    assert await bank.code(Role.ADMINISTRATOR, protect.replace("rose", "nobody")) == "NOT_FOUND"


async def test_whoever_is_restricted_stays_protected_for_that(bank) -> None:
    await bank.database.execute(
        "MATCH (p:Party {id: 'rose'}) SET p.protected = true, p.protectedBefore = false, p.alias = 'party-r',"
        " p.restrictedAt = datetime.realtime()"
    )
    show = 'mutation { unprotectParty(partyId: "rose", reason: "x") { protected } }'
    assert (await bank.ask(Role.ADMINISTRATOR, show))["unprotectParty"] == {"protected": True}
    await bank.database.execute(
        "MATCH (p:Party {id: 'rose'}) REMOVE p.protected, p.protectedBefore, p.alias, p.restrictedAt"
    )


@pytest.mark.parametrize("who", [EVA, Caller("anna", Role.CUSTOMER, "anna")], ids=lambda who: who.role.value)
async def test_a_document_of_somebody_else_goes_into_no_request(bank, who: Caller) -> None:
    """Otherwise who names it would read it there: the service compares who sent it, and nothing is opened."""
    await bank.database.execute(
        "CREATE (:Attachment {id: 'of ben', uploadedBy: 'ben', partyId: 'ben', state: 'CLEAN', name: 'a.pdf'})"
    )
    at_work = {"team": "CARDS", "role": "AGENT", "skills": [], "languages": ["en"]}
    await bank.database.execute("MATCH (e:Employee) SET e += $given", {"given": at_work})
    ask = 'mutation { openRequest(input: {partyId: "anna", text: "x", channel: ONLINE, attachments: ["@"]}) { id } }'
    count = "MATCH (r:ServiceRequest) RETURN count(r) AS requests"
    before = await bank.database.read(count)
    try:
        answers = [await bank.answer(who, ask.replace("@", key)) for key in ("of ben", "nothing")]
        assert answers[0] == answers[1]
        assert answers[0]["errors"][0]["extensions"]["code"] == "NOT_FOUND"
        assert await bank.database.read(count) == before
    finally:
        await bank.database.execute("MATCH (a:Attachment) DETACH DELETE a")
