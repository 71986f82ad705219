"""The mutations of parties, products and contacts, as a front-end sends them."""

from __future__ import annotations

from typing import Any

import pytest

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.graph.database import Database
from graph_crm.products.catalogue import load_catalogue
from graph_crm.security.roles import Caller, Role

CORE = Caller("desk-1", Role.SERVICE)


class Bank:
    """The API over an empty bank with the catalogue."""

    def __init__(self, database: Database) -> None:
        self.executor = Executor(platform_schema(), database)
        self.database = database

    async def answer(self, query: str, **variables: Any) -> dict[str, Any]:
        return await self.executor.execute(Request(query, CORE, variables))

    async def do(self, query: str, **variables: Any) -> Any:
        """The data of the only field; fails on errors."""
        answer = await self.answer(query, **variables)
        assert "errors" not in answer, answer
        (value,) = answer["data"].values()
        return value

    async def refused(self, query: str, **variables: Any) -> dict[str, Any]:
        """The extensions of the only error."""
        answer = await self.answer(query, **variables)
        assert len(answer["errors"]) == 1, answer
        extensions: dict[str, Any] = answer["errors"][0]["extensions"]
        return extensions


@pytest.fixture
async def bank(empty_database: Database) -> Bank:
    await load_catalogue(empty_database)
    return Bank(empty_database)


CREATE = """
mutation ($input: CreatePersonInput!) {
  createPerson(input: $input) {
    id displayName version birthDate sex status
    contactPoints { nodes { kind value } edges { usage preferred since } }
  }
}
"""


async def test_a_change_that_is_refused_hides_neither_the_one_before_nor_the_one_after(bank: Bank) -> None:
    answer = await bank.answer(
        """
        mutation {
          a: createPerson(input: {id: "bank:a", givenName: "Ada"}) { id }
          b: createPerson(input: {id: "bank:b", givenName: "Bea", birthDate: "2090-01-01"}) { id }
          c: createPerson(input: {id: "bank:c", givenName: "Cid"}) { id }
        }
        """
    )
    assert answer["data"] == {"a": {"id": "bank:a"}, "b": None, "c": {"id": "bank:c"}}
    assert [error["path"] for error in answer["errors"]] == [["b"]]


async def test_a_person_is_created_and_answered_in_the_asked_shape(bank: Bank) -> None:
    person = {
        "id": "bank:1",
        "givenName": "Jan",
        "familyName": "Novák",
        "birthDate": "1970-05-01",
        "sex": "MALE",
        "country": "CZ",
        "contactPoints": [{"kind": "PHONE", "value": "602 123 456", "usage": "MOBILE", "since": "2020-01-01"}],
        "idempotencyKey": "k1",
    }
    expected = {
        "id": "bank:1",
        "displayName": "Jan Novák",
        "version": 1,
        "birthDate": "1970-05-01",
        "sex": "MALE",
        "status": "ACTIVE",
        "contactPoints": {
            "nodes": [{"kind": "PHONE", "value": "+420602123456"}],
            "edges": [{"usage": "MOBILE", "preferred": False, "since": "2020-01-01"}],
        },
    }
    assert await bank.do(CREATE, input=person) == expected
    assert await bank.do(CREATE, input=person) == expected, "the same key has the same answer"
    found = await bank.do('{ searchParties(query: "+420 602 123 456") { nodes { displayName } } }')
    assert found == {"nodes": [{"displayName": "Jan Novák"}]}


async def test_null_removes_and_left_out_stays(bank: Bank) -> None:
    await bank.do(CREATE, input={"id": "bank:1", "givenName": "Jan", "familyName": "Novák", "country": "CZ"})
    update = "mutation ($input: UpdatePersonInput!) { updatePerson(input: $input) { displayName country version } }"
    changed = await bank.do(update, input={"id": "bank:1", "version": 1, "givenName": None})
    assert changed == {"displayName": "Novák", "country": "CZ", "version": 2}
    conflict = await bank.refused(update, input={"id": "bank:1", "version": 1, "country": "PL"})
    assert (conflict["code"], conflict["currentVersion"]) == ("VERSION_CONFLICT", 2)
    assert conflict["hint"]


@pytest.mark.parametrize(
    ("person", "field"),
    [
        ({"givenName": ""}, "givenName"),
        ({"familyName": "A", "birthDate": "2999-01-01"}, "birthDate"),
        (
            {
                "familyName": "A",
                "contactPoints": [{"kind": "EMAIL", "value": "a@example.com"}, {"kind": "EMAIL", "value": "nobody"}],
            },
            "contactPoints[1].value",
        ),
        ({}, "displayName"),
    ],
)
async def test_what_can_not_be_used_names_its_field(bank: Bank, person: dict[str, Any], field: str) -> None:
    refused = await bank.refused(CREATE, input=person)
    assert (refused["code"], refused["field"]) == ("BAD_USER_INPUT", field)
    assert refused["hint"]


async def test_the_life_of_a_family_and_its_firm(bank: Bank) -> None:
    for name in ("jan", "eva"):
        await bank.do(CREATE, input={"id": name, "givenName": name.title()})
    firm = await bank.do(
        "mutation ($i: CreateOrganizationInput!) { createOrganization(input: $i) { id displayName } }",
        i={"id": "firm", "legalName": "Firma a.s.", "website": "https://firma.example"},
    )
    assert firm == {"id": "firm", "displayName": "Firma a.s."}
    await bank.do(
        "mutation ($i: UpdateOrganizationInput!) { updateOrganization(input: $i) { id } }",
        i={"id": "firm", "industry": "Mills"},
    )
    home = await bank.do(
        "mutation ($i: CreateHouseholdInput!) { createHousehold(input: $i) { id version members { nodes { id } } } }",
        i={"id": "home", "name": "Novákovi", "members": [{"partyId": "jan", "role": "HEAD", "since": "2020-01-01"}]},
    )
    assert home == {"id": "home", "version": 1, "members": {"nodes": [{"id": "jan"}]}}
    await bank.do(
        "mutation ($i: AddHouseholdMemberInput!) { addHouseholdMember(input: $i) { id } }",
        i={"householdId": "home", "partyId": "eva", "since": "2020-01-01", "version": 1},
    )
    left = await bank.do(
        """mutation ($i: EndHouseholdMembershipInput!) { endHouseholdMembership(input: $i) {
             before: members(asOf: "2020-06-01") { nodes { id } }
             after: members(asOf: "2021-06-01") { nodes { id } } } }""",
        i={"householdId": "home", "partyId": "eva", "until": "2021-01-01"},
    )
    assert {each["id"] for each in left["before"]["nodes"]} == {"eva", "jan"}
    assert left["after"]["nodes"] == [{"id": "jan"}]
    await bank.do(
        "mutation ($i: UpdateHouseholdInput!) { updateHousehold(input: $i) { name } }", i={"id": "home", "name": "Jiní"}
    )
    tied = await bank.do(
        """mutation ($i: RelatePartiesInput!) { relateParties(input: $i) {
             id relationships { edges { id role reciprocalRole share node { id } } } } }""",
        i={"kind": "OWNS", "fromId": "jan", "toId": "firm", "share": 0.5, "since": "2020-01-01"},
    )
    (edge,) = tied["relationships"]["edges"]
    tie = edge.pop("id")
    assert edge == {"role": "owner", "reciprocalRole": "owned", "share": 0.5, "node": {"id": "firm"}}
    await bank.do(
        "mutation ($i: EndRelationshipInput!) { endRelationship(input: $i) { id } }",
        i={"relationshipId": tie, "until": "2022-01-01"},
    )
    await bank.do(
        "mutation ($i: AddContactPointInput!) { addContactPoint(input: $i) { id } }",
        i={"partyId": "jan", "kind": "EMAIL", "value": "Jan@Example.com", "since": "2020-01-01"},
    )
    await bank.do(
        "mutation ($i: RemoveContactPointInput!) { removeContactPoint(input: $i) { id } }",
        i={"partyId": "jan", "kind": "EMAIL", "value": "jan@example.COM"},
    )
    await bank.do(
        "mutation ($i: EndHouseholdInput!) { endHousehold(input: $i) { endedOn } }",
        i={"id": "home", "endedOn": "2023-01-01"},
    )
    ended = await bank.do(
        "mutation ($i: EndPartyInput!) { endParty(input: $i) { __typename status endedOn } }",
        i={"id": "jan", "endedOn": "2024-01-01"},
    )
    assert ended == {"__typename": "Person", "status": "ENDED", "endedOn": "2024-01-01"}


async def test_a_payload_is_read_as_it_was_sent(bank: Bank) -> None:
    await bank.do(CREATE, input={"id": "jan", "givenName": "Jan"})
    recorded = await bank.do(
        "mutation ($i: RecordEventInput!) { recordEvent(input: $i) { type payload } }",
        i={"type": "atm_balance_check", "partyId": "jan", "payload": {"balance": "120.50", "currency": "CZK"}},
    )
    assert recorded == {"type": "atm_balance_check", "payload": {"balance": "120.50", "currency": "CZK"}}


async def test_the_life_of_a_loan(bank: Bank) -> None:
    for name in ("jan", "eva"):
        await bank.do(CREATE, input={"id": name, "givenName": name.title()})
    opened = await bank.do(
        "mutation ($i: OpenAgreementInput!) { openAgreement(input: $i) "
        "{ id version amount status product { code } holders { edges { role node { id } } } } }",
        i={
            "id": "loan",
            "productCode": "CASH_LOAN",
            "holders": [{"partyId": "jan"}],
            "openedOn": "2020-01-01",
            "amount": "1234.50",
            "currency": "CZK",
            "termMonths": 12,
        },
    )
    assert opened == {
        "id": "loan",
        "version": 1,
        "amount": "1234.50",
        "status": "ACTIVE",
        "product": {"code": "CASH_LOAN"},
        "holders": {"edges": [{"role": "OWNER", "node": {"id": "jan"}}]},
    }
    refused = await bank.refused(
        "mutation ($i: UpdateAgreementInput!) { updateAgreement(input: $i) { id } }",
        i={"id": "loan", "payment": "1.005"},
    )
    assert (refused["code"], refused["field"]) == ("BAD_USER_INPUT", "payment")
    await bank.do(
        "mutation ($i: UpdateAgreementInput!) { updateAgreement(input: $i) { id } }",
        i={"id": "loan", "payment": "105.10", "version": 1},
    )
    changed = await bank.do(
        """mutation ($i: ChangeAgreementStatusInput!) { changeAgreementStatus(input: $i) {
             status before: status(asOf: "2020-02-01") } }""",
        i={"id": "loan", "status": "IN_ARREARS", "on": "2020-03-01"},
    )
    assert changed == {"status": "IN_ARREARS", "before": "ACTIVE"}
    await bank.do(
        "mutation ($i: AddHolderInput!) { addHolder(input: $i) { id } }",
        i={"agreementId": "loan", "partyId": "eva", "role": "GUARANTOR", "since": "2020-01-01"},
    )
    await bank.do(
        "mutation ($i: EndHoldingInput!) { endHolding(input: $i) { id } }",
        i={"agreementId": "loan", "partyId": "eva", "role": "GUARANTOR"},
    )
    await bank.do(
        "mutation ($i: OpenAgreementInput!) { openAgreement(input: $i) { id } }",
        i={"id": "account", "productCode": "CURRENT_ACCOUNT", "holders": [{"partyId": "jan"}]},
    )
    linked = await bank.do(
        "mutation ($i: LinkAgreementsInput!) { linkAgreements(input: $i) "
        "{ dependsOn { edges { kind node { id } } } } }",
        i={"fromId": "loan", "toId": "account", "kind": "PAID_FROM"},
    )
    assert linked == {"dependsOn": {"edges": [{"kind": "PAID_FROM", "node": {"id": "account"}}]}}
    closed = await bank.do(
        "mutation ($i: CloseAgreementInput!) { closeAgreement(input: $i) { status closedOn version } }",
        i={"id": "loan", "closedOn": "2021-01-01"},
    )
    assert closed == {"status": "CLOSED", "closedOn": "2021-01-01", "version": 6}


async def test_products_and_their_ladder(bank: Bank) -> None:
    made = await bank.do(
        "mutation ($i: CreateProductInput!) { createProduct(input: $i) { code name active family { code } } }",
        i={"code": "PET_INSURANCE", "name": "Pets", "familyCode": "INSURANCE"},
    )
    assert made == {"code": "PET_INSURANCE", "name": "Pets", "active": True, "family": {"code": "INSURANCE"}}
    changed = await bank.do(
        "mutation ($i: UpdateProductInput!) { updateProduct(input: $i) { name active } }",
        i={"code": "PET_INSURANCE", "active": False},
    )
    assert changed == {"name": "Pets", "active": False}
    step = {"fromCode": "SMS_INFO", "toCode": "PET_INSURANCE"}
    linked = await bank.do(
        "mutation ($i: LinkProductsInput!) { linkProducts(input: $i) "
        "{ leadsTo { edges { afterDays node { code } } } } }",
        i={**step, "afterDays": 30},
    )
    assert linked == {"leadsTo": {"edges": [{"afterDays": 30, "node": {"code": "PET_INSURANCE"}}]}}
    unlinked = await bank.do(
        "mutation ($i: UnlinkProductsInput!) { unlinkProducts(input: $i) { leadsTo { nodes { code } } } }", i=step
    )
    assert unlinked == {"leadsTo": {"nodes": []}}


async def test_a_contact_is_recorded(bank: Bank) -> None:
    await bank.do(CREATE, input={"id": "jan", "givenName": "Jan"})
    recorded = await bank.do(
        "mutation ($i: RecordInteractionInput!) { recordInteraction(input: $i) "
        "{ channel direction purpose outcome at productCode parties { nodes { id } } } }",
        i={
            "partyId": "jan",
            "channel": "PHONE",
            "direction": "OUTBOUND",
            "purpose": "OFFER",
            "outcome": "NO_ANSWER",
            "at": "2026-01-02T12:00:00+02:00",
            "productCode": "CREDIT_CARD",
        },
    )
    assert recorded.pop("at").startswith("2026-01-02T10:00:00")
    assert recorded == {
        "channel": "PHONE",
        "direction": "OUTBOUND",
        "purpose": "OFFER",
        "outcome": "NO_ANSWER",
        "productCode": "CREDIT_CARD",
        "parties": {"nodes": [{"id": "jan"}]},
    }


BATCH = "{ created updated unchanged ids refused { index field reason hint } }"


async def test_batches_report_each_bad_row_at_its_place(bank: Bank) -> None:
    parties = [
        {"id": "a", "person": {"givenName": "A"}},
        {"id": "b"},
        {"id": "c", "person": {"givenName": "C"}, "organization": {"legalName": "C"}},
        {"id": "d", "organization": {"legalName": "D", "country": "XX"}},
        {"id": "e", "organization": {"legalName": "E"}},
    ]
    mutation = "mutation ($rows: [PartyRowInput!]!) { upsertParties(rows: $rows) " + BATCH + " }"
    report = await bank.do(mutation, rows=parties)
    assert (report["created"], report["ids"]) == (2, ["a", "e"])
    assert [(row["index"], row["field"]) for row in report["refused"]] == [(1, "rows"), (2, "rows"), (3, "country")]
    assert all(row["reason"] and row["hint"] for row in report["refused"])
    assert (await bank.do(mutation, rows=parties))["unchanged"] == 2

    agreements = [
        {"id": "x", "productCode": "CASH_LOAN", "holders": [{"partyId": "a"}], "amount": "10", "currency": "CZK"},
        {"id": "y", "productCode": "NONE", "holders": [{"partyId": "a"}]},
    ]
    mutation = "mutation ($rows: [AgreementRowInput!]!) { upsertAgreements(rows: $rows) " + BATCH + " }"
    report = await bank.do(mutation, rows=agreements)
    assert (report["created"], report["ids"]) == (1, ["x"])
    assert [(row["index"], row["field"]) for row in report["refused"]] == [(1, "productCode")]


def test_every_mutation_argument_and_input_field_is_described() -> None:
    core = platform_schema().core
    mutation = core.mutation_type
    assert mutation
    assert all(field.description for field in mutation.fields.values())
    inputs = [kind for kind in core.type_map.values() if kind.name.endswith("Input") or kind.name.endswith("Fields")]
    assert len(inputs) > 25
    for kind in inputs:
        assert kind.description, kind.name
        for name, field in kind.fields.items():  # type: ignore[attr-defined]  # input objects only, by their names
            assert field.description, f"{kind.name}.{name}"
