"""A customer reads the own party and the catalogue, and nothing leads from there to anybody else."""

from __future__ import annotations

from typing import Any

import pytest
from small_bank import Bank

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import MappedSchema
from graph_crm.errors import Forbidden
from graph_crm.graph.database import Database
from graph_crm.graph.mapping import Relation
from graph_crm.security.roles import Caller, Role
from graph_crm.security.sight import RoleSight, Sights

ANNA = Caller("anna", Role.CUSTOMER, "p1")
JAN = Caller("jan", Role.CUSTOMER, "p2")
AGENT = Caller("desk", Role.AGENT)


@pytest.fixture
def ask_as(executor: Executor, bank: Bank):
    """Ask as a caller."""

    async def ask(caller: Caller, query: str, **variables: Any) -> dict[str, Any]:
        return await executor.execute(Request(query, caller, variables))

    return ask


def forbidden(response: dict[str, Any]) -> None:
    assert not any((response.get("data") or {}).values()), response
    assert {error["extensions"]["code"] for error in response["errors"]} == {"FORBIDDEN"}


async def test_the_own_party_and_the_catalogue_are_open(ask_as):
    response = await ask_as(
        ANNA,
        """
        {
          party(id: "p1") {
            id displayName ... on Person { birthDate }
            agreements { edges { role node { id status product { name leadsTo { nodes { code } } } movements(first: 1) {
              nodes { amount } } standingOrders { nodes { toBank } } } } }
            contactPoints { nodes { value } }
          }
          product(code: "CASH_LOAN") { name family { products { nodes { code } } } }
          products { totalCount }
          productFamilies { nodes { code } }
        }
        """,
    )
    assert "errors" not in response
    assert response["data"]["party"]["id"] == "p1"
    assert response["data"]["products"]["totalCount"] == 4


LITERAL = '{ party(id: "p1") { id } }'
VARIABLE = "query($id: ID!) { party(id: $id) { id } }"


async def test_a_kept_plan_shows_nobody_else(ask_as):
    """Whoever asked first, by literal or by variable, each caller gets an own answer."""
    for _ in range(2):
        assert (await ask_as(ANNA, LITERAL)) == {"data": {"party": {"id": "p1"}}}
        forbidden(await ask_as(JAN, LITERAL))
        assert (await ask_as(AGENT, LITERAL)) == {"data": {"party": {"id": "p1"}}}
        assert (await ask_as(ANNA, VARIABLE, id="p1")) == {"data": {"party": {"id": "p1"}}}
        forbidden(await ask_as(ANNA, VARIABLE, id="p2"))
        forbidden(await ask_as(JAN, VARIABLE, id="p1"))
        assert (await ask_as(JAN, VARIABLE, id="p2")) == {"data": {"party": {"id": "p2"}}}
        assert (await ask_as(AGENT, VARIABLE, id="p2")) == {"data": {"party": {"id": "p2"}}}


async def test_whether_another_party_exists_is_not_told(ask_as, database: Database):
    with database.counting() as sent:
        there, not_there = await ask_as(ANNA, VARIABLE, id="p2"), await ask_as(ANNA, VARIABLE, id="nobody")
    assert there == not_there
    assert len(sent) == 0


@pytest.mark.parametrize(
    "query",
    [
        "{ parties { totalCount } }",
        "{ parties { __typename } }",
        '{ searchParties(query: "novak") { totalCount } }',
        '{ agreement(id: "a1") { id } }',
        "{ agreements { totalCount } }",
        '{ household(id: "h1") { id } }',
        '{ event(id: "e1") { id } }',
        "{ events { totalCount } }",
        '{ decision(id: "d1") { id } }',
        "{ offers { totalCount } }",
        "{ interactions { totalCount } }",
        "{ x: __schema { types { name } } }",
        '{ __type(name: "Party") { fields { name } } }',
        'mutation { recordEvent(input: {type: "atm_balance_check", partyId: "p1"}) { id } }',
        "mutation { __typename }",
    ],
)
async def test_other_root_fields_are_closed(ask_as, database: Database, query: str):
    with database.counting() as sent:
        forbidden(await ask_as(ANNA, query))
    assert len(sent) == 0


@pytest.mark.parametrize(
    "selection",
    [
        "segment",
        "x: segment",
        "... on Person { blocked }",
        "...F",
        "relationships { totalCount }",
        "relationships { __typename }",
        "households { nodes { id } }",
        "decisions { totalCount }",
        "events { nodes { id } }",
        "interactions { nodes { note } }",
        "agreements { nodes { holders { nodes { id } } } }",
        "agreements { edges { node { source } } }",
        "agreements { nodes { dependsOn { nodes { id } } } }",
        "agreements { nodes { supports { totalCount } } }",
        "agreements { nodes { transfersOut { edges { amount } } } }",
        "agreements { nodes { transfersIn { nodes { id } } } }",
        "contactPoints { nodes { parties { totalCount } } }",
        # On a shared phone it was perhaps somebody else's wish, in an employee's words.
        "contactPoints { nodes { blockedReason } }",
        "contactPoints { nodes { blockedAt } }",
        'contactPoints(where: {blockedAt: {gt: "2020-01-01T00:00:00Z"}}) { totalCount }',
        # What the bank earns.
        "agreements { nodes { product { value } } }",
        "agreements { nodes { product { leadsTo(where: {value: {gt: 1}}) { totalCount } } } }",
        # How decisions about a customer are explained to staff.
        'whyContacted(interactionId: "i1") { text }',
        'whyNot(productCode: "CREDIT_CARD") { text }',
        "reservations { totalCount }",
        "consents { nodes { note } }",
        "vulnerable",
        "agreements { nodes { offer { id } } }",
        # Filters and orderings tell as much as the field itself.
        'agreements(where: {holders: {some: {displayName: {startsWith: "A"}}}}) { totalCount }',
        'agreements(where: {source: {eq: "x"}}) { totalCount }',
        'agreements(where: {not: {not: {source: {eq: "x"}}}}) { totalCount }',
        "agreements(where: {or: [{dependsOn: {some: {holders: {none: {}}}}}]}) { totalCount }",
        "agreements(where: {transfersOut: {every: {}}}) { totalCount }",
        "contactPoints(where: {parties: {some: {edge: {preferred: {eq: true}}}}}) { totalCount }",
        "contactPoints(where: $points) { totalCount }",
        "agreements(orderBy: $order) { edges { node { dependsOn { totalCount } } } }",
    ],
)
async def test_hidden_fields_are_closed_in_selections_filters_and_orderings(ask_as, database: Database, selection: str):
    declared = "$points: ContactPointFilter, " if "$points" in selection else ""
    declared += "$order: [HoldingAgreementOrderBy!]" if "$order" in selection else ""
    if "$points" in selection:
        declared = "$points: ReachContactPointFilter"
    query = f'query{f"({declared})" if declared else ""} {{ party(id: "p1") {{ id {selection} }} }}'
    query += " fragment F on Party { createdAt }" if "...F" in selection else ""
    with database.counting() as sent:
        forbidden(await ask_as(ANNA, query, points={"parties": {"none": {}}}, order=["ID_ASC"]))
    assert len(sent) == 0
    assert "errors" not in await ask_as(AGENT, query, points={"parties": {"none": {}}}, order=["ID_ASC"])


def test_no_way_leads_from_what_a_customer_may_read_to_another_party(schema: MappedSchema):
    """Over the whole mapping, also for types that are added later."""
    visible = Sights().of(ANNA).check
    reached, waiting = set(), ["Party", "Product", "ProductFamily"]
    ways = []
    while waiting:
        name = waiting.pop()
        for kind in schema.registry.nodes[name].concrete:
            for spec in kind.fields.values():
                try:
                    visible(kind.name, spec.name)
                except Forbidden:
                    continue
                if isinstance(spec, Relation):
                    target = schema.registry.of(spec.target)
                    ways.append((name, spec.name, target.name))
                    if target.name not in reached:
                        reached.add(target.name)
                        waiting.append(target.name)
    assert ways
    assert not [way for way in ways if way[2] in {"Party", "Person", "Organization", "Household", "Decision", "Event"}]


async def test_an_ordering_by_a_hidden_field_is_closed(
    schema: MappedSchema, bank: Bank, database: Database, monkeypatch: pytest.MonkeyPatch
):
    """No type that a customer sees has one today; the check is there for the day when one has."""
    hidden = {("Agreement", "amount"), ("Holding", "since"), ("Holding", "role")}

    def check(_sight: RoleSight, type_name: str, field: str) -> None:
        if (type_name, field) in hidden:
            raise Forbidden("hidden")

    monkeypatch.setattr(RoleSight, "check_compared", check)
    executor = Executor(schema, database)
    for arguments in [
        "orderBy: AMOUNT_DESC",
        "orderBy: [ID_ASC, HOLDING_SINCE_ASC]",
        "where: {edge: {role: {eq: OWNER}}}",
        "where: {or: [{amount: {gt: 1}}]}",
    ]:
        query = f'{{ party(id: "p1") {{ agreements({arguments}) {{ nodes {{ id }} }} }} }}'
        forbidden(await executor.execute(Request(query, ANNA)))
