"""Which customers a role sees, and what is left of the others."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any, cast

import pytest
from graphql import FieldNode, OperationDefinitionNode, parse

from graph_crm.api.schema import platform_schema
from graph_crm.graph.compiler import Compiler
from graph_crm.security.roles import Caller, Role
from graph_crm.security.sight import Sights

pytestmark = pytest.mark.lts
EVA, NOBODYS_AGENT = Caller("eva", Role.AGENT), Caller("ola", Role.AGENT)
FULL = """
{ id displayName status version city segment vulnerable
  ... on Person { birthDate }
  contactPoints { totalCount nodes { value kind blocked } }
  agreements { totalCount nodes { id balance } }
  events { totalCount nodes { id } pageInfo { hasNextPage endCursor } }
  requests { totalCount nodes { number } }
  households { totalCount }
  relationships { totalCount }
  whyNot(productCode: "CARD") { text }
}"""


@pytest.mark.parametrize("role", [Role.AGENT, Role.RELATIONSHIP_MANAGER])
async def test_of_a_customer_without_a_case_employees_see_who_it_is_and_no_more(bank, role: Role) -> None:
    found = (await bank.ask(role, f'{{ party(id: "ben") {FULL} }}'))["party"]
    empty: dict[str, Any] = {"totalCount": 0, "nodes": []}
    assert found == {
        "id": "ben",
        "displayName": "Ben Kral",
        "status": "ACTIVE",
        "version": 5,
        "city": "Praha",
        "segment": None,
        "vulnerable": None,
        "birthDate": None,
        "contactPoints": {"totalCount": 1, "nodes": [{"value": "...42", "kind": "PHONE", "blocked": None}]},
        "agreements": empty,
        "events": {**empty, "pageInfo": {"hasNextPage": False, "endCursor": None}},
        "requests": empty,
        "households": {"totalCount": 0},
        "relationships": {"totalCount": 0},
        "whyNot": None,
    }


@pytest.mark.parametrize(("who", "customer"), [(EVA, "anna"), (Caller("rita", Role.RELATIONSHIP_MANAGER), "rose")])
async def test_a_customer_of_ones_own_is_seen_in_full(bank, who: Caller, customer: str) -> None:
    asked = f'{{ party(id: "{customer}") {FULL.replace("endCursor", "")} }}'  # cursors are sealed
    assert await bank.ask(who, asked) == await bank.ask(Role.SERVICE, asked)


async def test_a_case_opens_the_customer_and_its_end_closes_it(bank) -> None:
    """Each kind of open case by itself, for an agent who has no other."""
    asked = '{ party(id: "ben") { ... on Person { birthDate } agreements { totalCount } } }'
    seen = {"party": {"birthDate": "1990-02-02", "agreements": {"totalCount": 2}}}
    unseen = {"party": {"birthDate": None, "agreements": {"totalCount": 0}}}
    for make, end in [
        (
            "MATCH (r:ServiceRequest {id: 'rb'}) SET r.openOwnerId = 'ola'",
            "MATCH (r:ServiceRequest {id: 'rb'}) SET r.openOwnerId = 'someone'",
        ),
        (
            "MATCH (r:ServiceRequest {id: 'rb'}) SET r.ownerId = 'ola', r.closedAt = datetime.realtime()",
            "MATCH (r:ServiceRequest {id: 'rb'}) SET r.closedAt = datetime.realtime() - duration('PT31M')",
        ),
        (
            """MATCH (p:Party {id: 'ben'}) CREATE (p)-[:WAS_SENT]->(:CallEntry {id: 'ce', claimedBy: 'ola',
                state: 'QUEUED', claimedUntil: datetime.realtime() + duration('PT5M')})""",
            "MATCH (c:CallEntry {id: 'ce'}) SET c.claimedUntil = datetime.realtime() - duration('PT1S')",
        ),
        (
            """MATCH (p:Party {id: 'ben'}) CREATE (p)<-[:FROM]-(:Call {id: 'ca', agentId: 'ola', state: 'ANSWERED',
                answeredAt: datetime.realtime() - duration('PT1H'),
                endedAt: datetime.realtime() - duration('PT29M')})""",
            "MATCH (c:Call {id: 'ca'}) SET c.endedAt = datetime.realtime() - duration('PT31M')",
        ),
        (
            """MATCH (p:Party {id: 'ben'}) CREATE (p)-[:HAD_SESSION]->(:Session {id: 'se', openedBy: 'ola',
                state: 'OPEN'})""",
            "MATCH (s:Session {id: 'se'}) SET s.state = 'ENDED'",
        ),
    ]:
        assert await bank.ask(NOBODYS_AGENT, asked) == unseen
        await bank.database.execute(make)
        assert await bank.ask(NOBODYS_AGENT, asked) == seen, make
        assert await bank.ask(EVA, asked) == unseen, make
        await bank.database.execute(end)
        assert await bank.ask(NOBODYS_AGENT, asked) == unseen, end
    await bank.database.execute(
        "MATCH (r:ServiceRequest {id: 'rb'}) SET r.ownerId = 'someone', r.closedAt = null"
        " WITH r MATCH (n:CallEntry|Call|Session) DETACH DELETE n"
    )


async def test_through_what_is_shared_others_are_only_recognised(bank) -> None:
    """Both hold the loan: the agent of one sees that the other does, and nothing else of the other."""
    asked = """{ party(id: "anna") { agreements(first: 2) { nodes { id
      holders(first: 3, orderBy: DISPLAY_NAME_ASC) { totalCount edges { role
        node { id displayName ... on Person { birthDate }
        agreements(first: 2) { nodes { id } } } } }
      transfersOut(first: 2) { totalCount nodes { id movements(first: 2) { nodes { id } } } }
      movements(first: 2) { nodes { id } } } } } }"""
    (loan,) = (await bank.ask(EVA, asked))["party"]["agreements"]["nodes"]
    assert loan["movements"] == {"nodes": [{"id": "m1"}]}
    assert loan["transfersOut"] == {"totalCount": 0, "nodes": []}
    assert loan["holders"]["totalCount"] == 3
    ben = loan["holders"]["edges"][1]
    assert ben == {
        "role": "OWNER",
        "node": {"id": "ben", "displayName": "Ben Kral", "birthDate": None, "agreements": {"nodes": []}},
    }


@pytest.mark.parametrize(
    ("field", "own"),
    [
        ("agreements", ["joint"]),
        ("events", ["ea"]),
        ("requests", ["ra", "rs"]),
        ("households", ["h"]),
        ("consents", []),
        ("decisions", []),
        ("sessions", []),
    ],
)
async def test_an_agents_pages_have_the_records_of_the_agents_customers(bank, field: str, own: list[str]) -> None:
    asked = f"{{ {field}(orderBy: ID_ASC) {{ totalCount nodes {{ id }} }} }}"
    if field not in {"agreements", "requests", "households"}:
        asked = asked.replace("(orderBy: ID_ASC)", "")
    found = (await bank.ask(EVA, asked))[field]
    assert (found["totalCount"], [each["id"] for each in found["nodes"]]) == (len(own), own)
    assert (await bank.ask(NOBODYS_AGENT, asked))[field] == {"totalCount": 0, "nodes": []}


@pytest.mark.parametrize("asked", ['agreement(id: "alone")', 'event(id: "eb")', 'agreement(id: "hidden")'])
async def test_a_record_of_others_is_not_there(bank, asked: str) -> None:
    assert list((await bank.ask(EVA, f"{{ {asked} {{ id }} }}")).values()) == [None]
    assert list((await bank.ask(Role.SERVICE, f"{{ {asked} {{ id }} }}")).values()) != [None]


async def test_who_reads_of_an_interest_is_seen_in_full(bank) -> None:
    """To be on the list says what a customer looked at: managers find their own there, and nobody else."""
    await bank.database.execute(
        "UNWIND ['ben', 'rose'] AS id CREATE (:InterestDay {key: id, partyId: id, productCode: 'CARD',"
        " day: date('2022-01-01'), views: 3, started: 0, abandoned: 0})"
    )
    asked = """{ interestedCustomers(productCode: "CARD", from: "2022-01-01", to: "2022-01-31") {
      totalCount edges { views node { id } } } }"""
    found = (await bank.ask(Role.RELATIONSHIP_MANAGER, asked))["interestedCustomers"]
    assert found == {"totalCount": 1, "edges": [{"views": 3, "node": {"id": "rose"}}]}
    assert (await bank.ask(Role.ANALYST, asked))["interestedCustomers"]["totalCount"] == 2
    assert await bank.code(Role.AGENT, asked) == "FORBIDDEN"
    await bank.database.execute("MATCH (d:InterestDay) DETACH DELETE d")


EXPLORERS = [Role.MARKETER, Role.RULE_AUTHOR, Role.ANALYST]


@pytest.mark.parametrize("role", EXPLORERS)
async def test_a_path_leads_through_a_protected_node_that_nobody_recognises(bank, role: Role) -> None:
    asked = """{ party(id: "anna") { relationships(where: {edge: {kind: {eq: PARENT_OF}}}) { totalCount edges { id kind
      role node { __typename id displayName status version city segment
        contactPoints { totalCount } agreements { totalCount } events { totalCount }
        relationships(where: {edge: {kind: {eq: OWNS}}}) { edges { share node { id displayName } } } } } } } }"""
    (edge,) = (await bank.ask(role, asked))["party"]["relationships"]["edges"]
    assert edge == {
        "id": "party-a1b2c3",
        "kind": "PARENT_OF",
        "role": "child",
        "node": {
            "__typename": "Person",
            "id": "party-a1b2c3",
            "displayName": "party-a1b2c3",
            "status": "ACTIVE",
            "version": 0,
            "city": None,
            "segment": None,
            "contactPoints": {"totalCount": 0},
            "agreements": {"totalCount": 0},
            "events": {"totalCount": 0},
            "relationships": {"edges": [{"share": 0.5, "node": {"id": "acme", "displayName": "Acme"}}]},
        },
    }


HOW_MUCH = """{
  anna: party(id: "anna") { ...seen agreements { nodes { holders { nodes { sight } } } } }
  ben: party(id: "ben") { ...seen }
  found: searchParties(query: "rose") { nodes { sight } }
}
fragment seen on Party { sight relationships(where: {edge: {kind: {eq: PARENT_OF}}}) { nodes { sight } } }"""


@pytest.mark.parametrize(
    ("role", "anna", "ben", "holders", "found"),
    [
        (Role.AGENT, "FULL", "RECOGNISED", ["FULL", "RECOGNISED", "RECOGNISED"], ["RECOGNISED"]),
        (Role.RELATIONSHIP_MANAGER, "RECOGNISED", "RECOGNISED", None, ["FULL"]),
        *((role, "FULL", "FULL", ["FULL", "FULL", "ALIAS"], ["FULL"]) for role in EXPLORERS),
        *(
            (role, "FULL", "FULL", ["FULL", "FULL", "FULL"], ["FULL"])
            for role in (Role.SERVICE, Role.AUDITOR, Role.ADMINISTRATOR)
        ),
    ],
)
async def test_each_customer_says_how_much_of_it_is_seen(
    bank, role: Role, anna: str, ben: str, holders: list[str] | None, found: list[str]
) -> None:
    """What is null or empty of a customer who is only recognised, or an alias, may well be there."""
    seen = await bank.ask(role, HOW_MUCH)
    assert (seen["anna"]["sight"], seen["ben"]["sight"]) == (anna, ben)
    assert [each["sight"] for each in seen["found"]["nodes"]] == found
    pages = [[one["sight"] for one in each["holders"]["nodes"]] for each in seen["anna"]["agreements"]["nodes"]]
    assert [sorted(page) for page in pages] == ([sorted(holders)] if holders else [])
    # The protected parent, who is the last of the holders, too.
    assert [each["sight"] for each in seen["anna"]["relationships"]["nodes"]] == (holders or [])[-1:]


async def test_a_customer_sees_the_own_party_in_full(bank) -> None:
    assert await bank.ask(Role.CUSTOMER, '{ party(id: "anna") { sight } }') == {"party": {"sight": "FULL"}}


async def test_the_page_shows_what_an_agent_without_a_case_is_answered_and_how_another_sees_more(bank) -> None:
    page = (Path(__file__).parents[2] / "docs" / "permissions.md").read_text("utf-8")
    query, change = re.findall(r"```graphql\n(.*?)```", page, re.DOTALL)
    shown, given = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL))
    assert await bank.answer(Role.AGENT, query, id="ben") == shown
    try:
        changed = await bank.ask(Role.ADMINISTRATOR, change, **given)
        seen = [(await bank.ask(role, query, id="ben"))["party"] for role in (Role.RELATIONSHIP_MANAGER, Role.ANALYST)]
    finally:
        await bank.database.execute(
            "MATCH (p:Party {id: 'ben'}) REMOVE p.protected, p.alias, p.protectedReason, p.updatedAt SET p.version = 5"
            " WITH p MATCH (:Employee {id: 'rita'})-[r:LOOKS_AFTER]->(p) DELETE r"
        )
    assert changed["protectParty"] == {"sight": "FULL", "protected": True}
    assert {"displayName": "Ben Kral"} in changed["assignPortfolio"]["portfolio"]["nodes"]
    assert seen == [
        {"displayName": "Ben Kral", "sight": "FULL", "segment": "SILVER", "agreements": {"totalCount": 2}},
        None,
    ]


def nodes(selection: str) -> list[FieldNode]:
    """The field nodes of ``x { selection }``."""
    (operation,) = parse(f"{{ x {{ {selection} }} }}").definitions
    assert isinstance(operation, OperationDefinitionNode)
    return [cast(FieldNode, each) for each in operation.selection_set.selections]


def test_what_is_not_asked_for_is_not_in_the_statement() -> None:
    schema = platform_schema()
    for role in Role:
        statements = [
            Compiler(schema.registry, {}, {}, sight=Sights().of(Caller("x", role, "p1")))
            .node(schema.registry.nodes["Person"], "x", nodes(asked))
            .text
            for asked in ("id displayName", "id sight displayName")
        ]
        assert ["'FULL'" in each for each in statements] == [False, True]


async def test_what_is_seen_changes_with_the_case(bank) -> None:
    asked = '{ party(id: "ben") { sight } }'
    await bank.database.execute("MATCH (r:ServiceRequest {id: 'rb'}) SET r.openOwnerId = 'ola'")
    during = await bank.ask(NOBODYS_AGENT, asked)
    await bank.database.execute("MATCH (r:ServiceRequest {id: 'rb'}) SET r.openOwnerId = 'someone'")
    assert [during, await bank.ask(NOBODYS_AGENT, asked)] == [
        {"party": {"sight": "FULL"}},
        {"party": {"sight": "RECOGNISED"}},
    ]


@pytest.mark.parametrize("role", EXPLORERS)
@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ('party(id: "vip") { id }', None),
        ('party(id: "party-a1b2c3") { id }', None),
        ("parties { totalCount }", {"totalCount": 4}),
        ('parties(where: {id: {eq: "vip"}}) { totalCount }', {"totalCount": 0}),
        ('parties(where: {displayName: {startsWith: "Vera"}}) { totalCount }', {"totalCount": 0}),
        ('parties(where: {relationships: {some: {displayName: {startsWith: "V"}}}}) { totalCount }', {"totalCount": 0}),
        ('parties(where: {relationships: {some: {id: {eq: "vip"}}}}) { totalCount }', {"totalCount": 0}),
        ('parties(where: {relationships: {some: {segment: {eq: "PRIVATE"}}}}) { totalCount }', {"totalCount": 0}),
        ('searchParties(query: "vera important") { totalCount nodes { id } }', {"totalCount": 0, "nodes": []}),
        ('searchParties(query: "ann") { nodes { id } }', {"nodes": [{"id": "anna"}]}),
        ('agreement(id: "hidden") { id }', None),
        ("agreements { totalCount }", {"totalCount": 2}),
        ('event(id: "ev") { id }', None),
        ("events { totalCount }", {"totalCount": 2}),
        ('household(id: "h") { members { totalCount } }', {"members": {"totalCount": 2}}),
    ],
)
async def test_a_protected_customer_is_found_by_no_page_filter_or_search(bank, role: Role, asked: str, shown) -> None:
    (found,) = (await bank.ask(role, f"{{ {asked} }}")).values()
    assert found == shown


@pytest.mark.parametrize("role", EXPLORERS)
async def test_what_is_called_after_a_protected_customer_has_no_name(bank, role: Role) -> None:
    asked = """{ household(id: "h") { name members(first: 5) { totalCount } }
      party(id: "anna") { households(where: {name: {startsWith: "Now"}}) { totalCount nodes { name } } }
      households(orderBy: NAME_ASC) { nodes { id name } } }"""
    seen = await bank.ask(role, asked)
    assert seen["household"] == {"name": "Nowak", "members": {"totalCount": 2}}
    await bank.database.execute(
        "MATCH (p:Party {id: 'vip'}), (h:Household {id: 'h'}) CREATE (p)-[:MEMBER_OF {id: 'm9', role: 'CHILD'}]->(h)"
    )
    unnamed = await bank.ask(role, asked)
    await bank.database.execute("MATCH ()-[r:MEMBER_OF {id: 'm9'}]->() DELETE r")
    assert unnamed == {
        "household": {"name": None, "members": {"totalCount": 3}},
        "party": {"households": {"totalCount": 0, "nodes": []}},
        "households": {"nodes": [{"id": "h", "name": None}]},
    }
    assert await bank.ask(role, asked) == seen


@pytest.mark.parametrize("role", EXPLORERS)
async def test_a_contact_with_a_protected_customer_is_not_there_for_the_other_either(bank, role: Role) -> None:
    """It says with whom it was; a loan that both hold says it of the one who is shown."""
    await bank.database.execute(
        "MATCH (a:Party {id: 'anna'}), (v:Party {id: 'vip'})"
        " CREATE (a)-[:HAD]->(i:Interaction {id: 'both', channel: 'PHONE', direction: 'OUTBOUND',"
        " at: datetime('2022-01-01T00:00:00Z')})<-[:HAD]-(v)"
    )
    asked = '{ interactions { totalCount } interaction(id: "both") { id } }'
    assert await bank.ask(role, asked) == {"interactions": {"totalCount": 0}, "interaction": None}
    assert (await bank.ask(Role.SERVICE, asked))["interactions"] == {"totalCount": 1}
    await bank.database.execute("MATCH (i:Interaction {id: 'both'}) DETACH DELETE i")


@pytest.mark.parametrize("role", [Role.SERVICE, Role.AUDITOR, Role.ADMINISTRATOR])
async def test_who_serves_everybody_sees_the_protected_as_well(bank, role: Role) -> None:
    found = await bank.ask(role, '{ party(id: "vip") { displayName protected } parties { totalCount } }')
    assert found == {"party": {"displayName": "Vera Important", "protected": True}, "parties": {"totalCount": 5}}


@pytest.mark.parametrize("role", EXPLORERS)
async def test_contact_points_are_masked_so_that_they_can_be_recognised(bank, role: Role) -> None:
    asked = '{ a: party(id: "anna") { contactPoints { nodes { id value } } } b: party(id: "ben") { contactPoints { nodes { value } } } }'  # noqa: E501 - one query
    assert await bank.ask(role, asked) == {
        "a": {"contactPoints": {"nodes": [{"id": "E...@example.org", "value": "a...@example.org"}]}},
        "b": {"contactPoints": {"nodes": [{"value": "...42"}]}},
    }


async def test_identifiers_are_masked_one_by_one(bank) -> None:
    assert (await bank.ask(Role.ANALYST, '{ party(id: "anna") { identifiers } }'))["party"]["identifiers"] == ["...56"]


@pytest.mark.parametrize("role", [Role.AGENT, Role.RELATIONSHIP_MANAGER, *EXPLORERS, Role.CUSTOMER])
async def test_cursors_of_who_does_not_see_everybody_tell_nothing(bank, role: Role) -> None:
    asked = '{ party(id: "anna") { agreements(first: 1) { edges { cursor } } contactPoints { edges { cursor } } } }'
    party = (await bank.ask(role, asked))["party"]
    edges = [edge for page in party.values() for edge in page["edges"]]
    assert role is Role.RELATIONSHIP_MANAGER or edges
    for edge in edges:
        raw = base64.urlsafe_b64decode(edge["cursor"] + "==")
        assert not any(told in raw for told in (b"joint", b"anna", b"EMAIL", b"o1"))


async def test_a_sealed_cursor_leads_on_and_only_for_its_role(bank) -> None:
    asked = "query ($after: String) { parties(first: 2, after: $after, orderBy: CITY_DESC) { nodes { id } pageInfo { endCursor } } }"  # noqa: E501 - one query
    pages, after = [], None
    for _ in range(2):
        page = (await bank.ask(Role.ANALYST, asked, after=after))["parties"]
        pages += [each["id"] for each in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    everybody = (await bank.ask(Role.SERVICE, "{ parties(orderBy: CITY_DESC) { nodes { id } } }"))["parties"]["nodes"]
    assert pages == [each["id"] for each in everybody if each["id"] != "vip"]
    for role in (Role.MARKETER, Role.SERVICE, Role.AGENT):
        assert await bank.code(role, asked, after=after) == "BAD_USER_INPUT"
    forged = after[:-4] + ("AAAA" if after[-4:] != "AAAA" else "BBBB")
    assert await bank.code(Role.ANALYST, asked, after=forged) == "BAD_USER_INPUT"


async def test_each_root_field_is_one_statement_whoever_asks(bank) -> None:
    asked = '{ party(id: "anna") { id displayName agreements { nodes { holders { nodes { displayName } } } } } }'
    for role in (Role.SERVICE, Role.AGENT, Role.RELATIONSHIP_MANAGER, Role.MARKETER, Role.ANALYST):
        with bank.database.counting() as sent:
            await bank.ask(role, asked)
        assert len(sent) == 1, role


@pytest.mark.parametrize("typed", ["+420602123442", "602 123 442", "00420602123442"])
async def test_a_customer_is_found_by_a_phone_that_is_known_whole(bank, typed: str) -> None:
    """Of a part of it employees learn no more of it, and who explores finds nobody by a phone."""
    asked = "query ($q: String!) { searchParties(query: $q) { totalCount nodes { id } } }"
    found, nobody = {"totalCount": 1, "nodes": [{"id": "ben"}]}, {"totalCount": 0, "nodes": []}
    for role, whole, part in (
        (Role.SERVICE, found, found),
        (Role.AGENT, found, nobody),
        (Role.RELATIONSHIP_MANAGER, found, nobody),
        (Role.MARKETER, nobody, nobody),
        (Role.ANALYST, nobody, nobody),
    ):
        assert (await bank.ask(role, asked, q=typed))["searchParties"] == whole, role
        assert (await bank.ask(role, asked, q=typed[:-1]))["searchParties"] == part, role


async def test_names_are_searched_as_ever_whoever_searches(bank) -> None:
    asked = "query ($q: String!) { searchParties(query: $q) { nodes { id } } }"
    for role in (Role.SERVICE, Role.AGENT, Role.RELATIONSHIP_MANAGER, Role.ANALYST):
        for typed in ("ben", "krall", "kral ben", "BEN KR"):
            assert (await bank.ask(role, asked, q=typed))["searchParties"]["nodes"] == [{"id": "ben"}], (role, typed)
