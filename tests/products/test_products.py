"""What the use cases of products and agreements promise."""

from __future__ import annotations

import asyncio
import datetime as dt
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_crm.errors import (
    AlreadyExists,
    ConfigurationError,
    CrmError,
    InvalidInput,
    NotFound,
    VersionConflict,
)
from graph_crm.graph.database import Database
from graph_crm.parties.commands import PersonDetails
from graph_crm.parties.service import PartyService
from graph_crm.products.agreements import AgreementService
from graph_crm.products.batch import AgreementBatch
from graph_crm.products.catalogue import load_catalogue, read_catalogue
from graph_crm.products.commands import (
    AgreementDetails,
    AgreementRow,
    NewAgreement,
    NewHolder,
    ProductDetails,
)
from graph_crm.products.kinds import AgreementLinkKind, AgreementStatus, HoldingRole
from graph_crm.products.money import hundredths
from graph_crm.products.service import ProductService

DAY = dt.date(2020, 1, 1)
ONE_PRODUCT = """
families = [{code='F', name='F'}]
ladder = []
[[products]]
code='A'
name='A'
family='F'
description='d'
kind='K'
"""


@pytest.fixture
async def agreements(empty_database: Database) -> AgreementService:
    """Agreements in a bank with the catalogue and the parties `jan`, `eva` and `gone` (ended)."""
    await load_catalogue(empty_database)
    parties = PartyService(empty_database)
    for name in ("jan", "eva", "gone"):
        await parties.create_person(PersonDetails(given_name=name), id=name)
    await parties.end_party("gone")
    return AgreementService(empty_database)


async def stored(database: Database, agreement_id: str) -> dict[str, Any]:
    rows = await database.read(
        "MATCH (a:Agreement {id: $id}) RETURN a {.*, openedOn: toString(a.openedOn), closedOn: toString(a.closedOn),"
        " maturesOn: toString(a.maturesOn), statusDates: [d IN a.statusDates | toString(d)],"
        " createdAt: null, updatedAt: null} AS a",
        {"id": agreement_id},
    )
    return {key: value for key, value in rows[0]["a"].items() if value is not None}


async def whole_graph(database: Database) -> list[Any]:
    rows = await database.read(
        "MATCH (n) WHERE NOT n:Migration AND NOT n:Lock "
        "RETURN labels(n) AS labels, properties(n) AS properties,"
        " COLLECT { MATCH (n)-[r]->(m) WITH r, coalesce(m.id, m.code) AS to"
        "           RETURN [type(r), properties(r), to] ORDER BY type(r), to } AS relationships"
        " ORDER BY n.id, n.code"
    )
    return [dict(row) for row in rows]


def loan(*holders: str, **more: Any) -> NewAgreement:
    return NewAgreement(
        product_code="CASH_LOAN", holders=[NewHolder(party_id=each) for each in holders], opened_on=DAY, **more
    )


async def test_the_catalogue_loads_and_loading_it_again_changes_nothing(empty_database: Database) -> None:
    first = await load_catalogue(empty_database)
    before = await whole_graph(empty_database)
    assert await load_catalogue(empty_database) == first
    assert await whole_graph(empty_database) == before
    rows = await empty_database.read(
        "MATCH (p:Product)-[:IN_FAMILY]->(f) RETURN count(p) AS products, count(DISTINCT f) AS families,"
        " count(CASE WHEN p.familyCode = f.code THEN 1 END) AS agreeing"
    )
    assert tuple(rows[0].values()) == (first.products, first.families, first.products)
    assert {"CASH_LOAN", "CREDIT_CARD", "SMS_INFO", "SMALL_LOAN", "CARD_JUNIOR"} <= {
        row["code"] for row in await empty_database.read("MATCH (p:Product) RETURN p.code AS code")
    }


@pytest.mark.parametrize(
    "text",
    [
        "families = 1",
        "[[families",
        "families = []\nladder = []\n[[products]]\ncode='A'\nname='A'\nfamily='B'\ndescription='d'\nkind='K'",
        "families = []\nproducts = []\n[[ladder]]\nfrom='A'\nto='B'\nafter_days=1\nreason='r'",
        "families = []\nproducts = []\nladder = []\nextra = 1",
        f"{ONE_PRODUCT}\nvalue=1.001",
        f"{ONE_PRODUCT}\nvalue=-1",
    ],
)
async def test_a_broken_catalogue_is_refused_and_nothing_is_loaded(
    empty_database: Database, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "catalogue.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError):
        await load_catalogue(empty_database, file)
    assert await empty_database.read("MATCH (p:Product) RETURN p") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[families", "is no TOML: "),
        ("families = 1", "families: must be a valid list; products: is missing; write it"),
        ("families = []\nproducts = []\n[[ladder]]\nto='B'", "ladder[1] from: is missing; write it; ladder[1] after"),
        ("families = []\nproducts = []\nladder = []\nextra = 1", "extra: is not known; remove it"),
    ],
)
def test_a_mistake_in_the_catalogue_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "catalogue.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        read_catalogue(file)
    assert refused.value.message.startswith(f"The catalogue {file}")
    assert message in refused.value.message
    assert refused.value.message.endswith(".")
    assert "seed/catalogue.toml" in (refused.value.hint or "")


async def test_what_a_sale_is_worth_comes_from_the_catalogue_and_can_be_changed(empty_database: Database) -> None:
    await load_catalogue(empty_database)
    worth = "MATCH (p:Product {code: 'CREDIT_CARD'}) RETURN p.value AS value"
    assert await empty_database.read(worth) == [{"value": 240_000}]
    products = ProductService(empty_database)
    await products.update("CREDIT_CARD", ProductDetails(value=Decimal("99.95")))
    assert await empty_database.read(worth) == [{"value": 9_995}]
    await products.update("CREDIT_CARD", ProductDetails(value=None))
    assert await empty_database.read(worth) == [{"value": None}]
    with pytest.raises(InvalidInput):
        await products.update("CREDIT_CARD", ProductDetails(value=Decimal(-1)))


async def test_products_are_made_changed_and_put_on_the_ladder(empty_database: Database) -> None:
    await load_catalogue(empty_database)
    products = ProductService(empty_database)
    await products.create("PET_INSURANCE", ProductDetails(name="Pet insurance", family_code="INSURANCE"))
    with pytest.raises(AlreadyExists):
        await products.create("PET_INSURANCE", ProductDetails(name="Other", family_code="INSURANCE"))
    with pytest.raises(NotFound):
        await products.create("X", ProductDetails(name="X", family_code="NONE"))
    with pytest.raises(InvalidInput):
        await products.create("Y", ProductDetails(family_code="INSURANCE"))
    with pytest.raises(InvalidInput):
        await products.create("bad code", ProductDetails(name="X", family_code="INSURANCE"))
    await products.update("PET_INSURANCE", ProductDetails(active=False, family_code="SERVICE", name="Pets"))
    await products.link("SMS_INFO", "PET_INSURANCE", after_days=5, reason="why not")
    await products.link("SMS_INFO", "PET_INSURANCE", after_days=10)
    rows = await empty_database.read(
        "MATCH (:Product {code: 'SMS_INFO'})-[r:LEADS_TO]->(p)-[:IN_FAMILY]->(f)"
        " RETURN p.name AS name, p.active AS active, f.code AS family, r.afterDays AS days"
    )
    assert [tuple(row.values()) for row in rows] == [("Pets", False, "SERVICE", 10)]
    await products.unlink("SMS_INFO", "PET_INSURANCE")
    for refused in (
        products.unlink("SMS_INFO", "PET_INSURANCE"),
        products.link("SMS_INFO", "NONE"),
        products.link("SMS_INFO", "SMS_INFO"),
        products.link("SMS_INFO", "CASH_LOAN", after_days=-1),
        products.update("NONE", ProductDetails(name="X")),
        products.update("SMS_INFO", ProductDetails(name=None)),
    ):
        with pytest.raises(CrmError):
            await refused


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_money_with_two_decimals_is_exact(amount: Decimal) -> None:
    assert Decimal(hundredths("amount", amount, negative=True)) / 100 == amount


@pytest.mark.parametrize(
    "amount", ["0.001", "NaN", "Infinity", "-1", "1e30", "1.234", "1e1000000", "1e-9999999", "1." + "0" * 40 + "1"]
)
def test_what_is_no_money_is_refused(amount: str) -> None:
    with pytest.raises(InvalidInput):
        hundredths("amount", Decimal(amount))


async def test_an_opened_agreement_carries_product_family_and_history(
    agreements: AgreementService, database: Database
) -> None:
    written = await agreements.open(
        loan(
            "jan",
            details=AgreementDetails(amount=Decimal("1234.5"), term_months=12, interest_rate=0.05, currency="CZK"),
        )
    )
    agreement = await stored(database, written.id)
    assert agreement == {
        "id": written.id,
        "version": 1,
        "productCode": "CASH_LOAN",
        "familyCode": "LOAN",
        "openedOn": "2020-01-01",
        "status": "ACTIVE",
        "statusDates": ["2020-01-01"],
        "statusValues": ["ACTIVE"],
        "amount": 123450,
        "termMonths": 12,
        "interestRate": 0.05,
        "currency": "CZK",
    }
    rows = await database.read(
        "MATCH (p)-[r:HOLDS]->(a)-[:OF]->(product)"
        " RETURN p.id AS p, r.role AS role, toString(r.since) AS s, product.code AS c"
    )
    assert [tuple(row.values()) for row in rows] == [("jan", "OWNER", "2020-01-01", "CASH_LOAN")]


@pytest.mark.parametrize(
    ("agreement", "field"),
    [
        (loan("nobody"), "partyId"),
        (loan("gone"), "partyId"),
        (loan(), "holders"),
        (loan("jan", "jan"), "holders"),
        (NewAgreement(product_code="NONE", holders=[NewHolder(party_id="jan")]), "productCode"),
        (
            NewAgreement(product_code="CASH_LOAN", holders=[NewHolder(party_id="jan", role=HoldingRole.GUARANTOR)]),
            "holders",
        ),
        (loan("jan", details=AgreementDetails(amount=Decimal("1.005"))), "amount"),
        (loan("jan", details=AgreementDetails(amount=Decimal(-1))), "amount"),
        (loan("jan", details=AgreementDetails(currency="crowns")), "currency"),
        (loan("jan", details=AgreementDetails(currency="ZZZ")), "currency"),
        (loan("jan", details=AgreementDetails(amount=Decimal(100))), "currency"),
        (loan("jan", details=AgreementDetails(balance=Decimal(0))), "currency"),
        (
            NewAgreement(
                product_code="CASH_LOAN",
                holders=[NewHolder(party_id="jan")],
                opened_on=dt.datetime.now(dt.UTC).date() + dt.timedelta(days=2),
            ),
            "openedOn",
        ),
        (loan("jan", details=AgreementDetails(term_months=0)), "termMonths"),
        (loan("jan", details=AgreementDetails(interest_rate=float("inf"))), "interestRate"),
        (loan("jan", details=AgreementDetails(matures_on=dt.date(2019, 1, 1))), "maturesOn"),
        (loan("jan", details=AgreementDetails(purpose="\x00")), "purpose"),
    ],
)
async def test_what_can_not_be_opened_is_refused_by_field(
    agreements: AgreementService, database: Database, agreement: NewAgreement, field: str
) -> None:
    with pytest.raises(CrmError) as refused:
        await agreements.open(agreement)
    assert refused.value.details["field"] == field
    assert refused.value.hint
    assert await database.read("MATCH (a:Agreement) RETURN a") == []


async def test_without_a_currency_an_agreement_takes_the_products(
    agreements: AgreementService, database: Database
) -> None:
    plain = await agreements.open(loan("jan"))
    assert "currency" not in await stored(database, plain.id)
    with pytest.raises(InvalidInput, match=r"currency: is missing: there is payment, and the product has no currency"):
        await agreements.update(plain.id, AgreementDetails(payment=Decimal(10)))
    await ProductService(database).update("CASH_LOAN", ProductDetails(currency="CZK"))
    written = await agreements.open(loan("jan", details=AgreementDetails(amount=Decimal(100))))
    assert (await stored(database, written.id))["currency"] == "CZK"


async def test_a_product_that_is_not_sold_is_not_opened(agreements: AgreementService, database: Database) -> None:
    await ProductService(database).update("CASH_LOAN", ProductDetails(active=False))
    with pytest.raises(InvalidInput):
        await agreements.open(loan("jan"))


async def test_the_status_history_grows_and_is_never_rewritten(
    agreements: AgreementService, database: Database
) -> None:
    written = await agreements.open(loan("jan"))
    await agreements.change_status(written.id, AgreementStatus.IN_ARREARS, on=dt.date(2020, 3, 1), version=1)
    await agreements.change_status(written.id, AgreementStatus.ACTIVE, on=dt.date(2020, 4, 1))
    for status, day in (
        (AgreementStatus.ACTIVE, dt.date(2020, 5, 1)),
        (AgreementStatus.DEFAULTED, dt.date(2020, 2, 1)),
        (AgreementStatus.DEFAULTED, dt.date(2999, 1, 1)),
        ("GONE", dt.date(2020, 5, 1)),
    ):
        with pytest.raises(InvalidInput):
            await agreements.change_status(written.id, status, on=day)  # type: ignore[arg-type]  # as a caller might
    with pytest.raises(VersionConflict) as conflict:
        await agreements.close(written.id, version=1)
    assert conflict.value.details["currentVersion"] == 3
    await agreements.close(written.id, closed_on=dt.date(2021, 1, 1), version=3)
    agreement = await stored(database, written.id)
    assert agreement["statusValues"] == ["ACTIVE", "IN_ARREARS", "ACTIVE", "CLOSED"]
    assert agreement["statusDates"] == ["2020-01-01", "2020-03-01", "2020-04-01", "2021-01-01"]
    assert agreement["closedOn"] == "2021-01-01"
    rows = await database.read("MATCH ()-[r:HOLDS]->() RETURN toString(r.until) AS until")
    assert rows[0]["until"] == "2021-01-01"
    with pytest.raises(InvalidInput):
        await agreements.change_status(written.id, AgreementStatus.ACTIVE)
    with pytest.raises(InvalidInput):
        await agreements.add_holder(written.id, NewHolder(party_id="eva"))


@pytest.mark.lts
async def test_of_16_changes_of_one_version_exactly_one_wins(agreements: AgreementService, database: Database) -> None:
    written = await agreements.open(loan("jan"))

    async def change(number: int) -> bool:
        try:
            await agreements.update(written.id, AgreementDetails(term_months=number + 1), version=1)
        except VersionConflict:
            return False
        return True

    won = await asyncio.gather(*[change(number) for number in range(16)])
    agreement = await stored(database, written.id)
    assert sum(won) == 1
    assert (agreement["version"], agreement["termMonths"]) == (2, won.index(True) + 1)


@pytest.mark.lts
async def test_16_concurrent_status_changes_leave_a_history_in_which_each_step_was_allowed(
    agreements: AgreementService, database: Database
) -> None:
    written = await agreements.open(loan("jan"))
    steps = [AgreementStatus.IN_ARREARS, AgreementStatus.ACTIVE] * 8

    async def change(status: AgreementStatus) -> bool:
        try:
            await agreements.change_status(written.id, status)
        except InvalidInput:
            return False
        return True

    done = await asyncio.gather(*[change(status) for status in steps])
    agreement = await stored(database, written.id)
    values = agreement["statusValues"]
    assert len(values) == len(agreement["statusDates"]) == 1 + sum(done) == agreement["version"]
    assert all(first != second for first, second in pairwise(values))


@pytest.mark.lts
async def test_one_idempotency_key_opens_one_agreement_from_16_calls(
    agreements: AgreementService, database: Database
) -> None:
    written = await asyncio.gather(*[agreements.open(loan("jan"), idempotency_key="open-1") for _ in range(16)])
    assert len({each.id for each in written}) == 1
    assert (await database.read("MATCH (a:Agreement)<-[r:HOLDS]-() RETURN count(r) AS n"))[0]["n"] == 1


@pytest.mark.lts
async def test_holders_come_and_go_but_an_owner_stays(agreements: AgreementService, database: Database) -> None:
    written = await agreements.open(loan("jan"))
    await agreements.add_holder(written.id, NewHolder(party_id="eva", role=HoldingRole.GUARANTOR), version=1)
    await agreements.add_holder(written.id, NewHolder(party_id="eva", since=DAY))
    with pytest.raises(AlreadyExists):
        await agreements.add_holder(written.id, NewHolder(party_id="eva"))
    with pytest.raises(InvalidInput):
        await agreements.add_holder(written.id, NewHolder(party_id="gone"))
    with pytest.raises(NotFound):
        await agreements.end_holding(written.id, "jan", HoldingRole.AUTHORISED)

    async def leave(party: str) -> bool:
        try:
            await agreements.end_holding(written.id, party)
        except InvalidInput:
            return False
        return True

    left = await asyncio.gather(leave("jan"), leave("eva"))
    assert sorted(left) == [False, True], "the last owner stays, even when both leave at once"
    rows = await database.read("MATCH ()-[r:HOLDS {role: 'OWNER'}]->() WHERE r.until IS NULL RETURN count(r) AS n")
    assert rows[0]["n"] == 1


async def test_a_loan_is_paid_from_one_account(agreements: AgreementService, database: Database) -> None:
    lent = await agreements.open(loan("jan"))
    jan = [NewHolder(party_id="jan")]
    accounts = [await agreements.open(NewAgreement(product_code="CURRENT_ACCOUNT", holders=jan)) for _ in range(2)]
    for account in accounts:
        await agreements.link(lent.id, account.id, AgreementLinkKind.PAID_FROM)
    rows = await database.read("MATCH (a)-[r:LINKED_TO]->(b) RETURN a.id AS a, r.kind AS kind, b.id AS b")
    assert [tuple(row.values()) for row in rows] == [(lent.id, "PAID_FROM", accounts[1].id)]
    for source, target, kind in (
        (lent.id, lent.id, AgreementLinkKind.PAID_FROM),
        (accounts[0].id, lent.id, AgreementLinkKind.PAID_FROM),
        (lent.id, accounts[0].id, AgreementLinkKind.ISSUED_ON),
        (lent.id, "none", AgreementLinkKind.PAID_FROM),
    ):
        with pytest.raises(CrmError):
            await agreements.link(source, target, kind)


@pytest.mark.usefixtures("agreements")
async def test_a_batch_opens_changes_and_reports(database: Database) -> None:
    batch = AgreementBatch(database)
    jan = [NewHolder(party_id="jan")]

    def row(number: str, **more: Any) -> AgreementRow:
        fields: dict[str, Any] = {"product_code": "CASH_LOAN", "holders": jan, "opened_on": DAY, **more}
        return AgreementRow(id=f"b:{number}", **fields)

    rows = [
        row("1", details=AgreementDetails(amount=Decimal(100), currency="CZK")),
        row("2", product_code="NONE"),
        row("3", holders=[NewHolder(party_id="nobody")]),
        row("4", holders=[]),
        row("5", details=AgreementDetails(amount=Decimal("0.001"))),
        row("1"),
        row("6", status=AgreementStatus.CLOSED, status_on=dt.date(2021, 1, 1)),
        row("7", status=AgreementStatus.CLOSED, status_on=dt.date(2019, 1, 1)),
        row("8", holders=[NewHolder(party_id="gone")]),
        row("10", opened_on=dt.datetime.now(dt.UTC).date() + dt.timedelta(days=2)),
        row("11", details=AgreementDetails(amount=Decimal(100))),
        row("12", details=AgreementDetails(currency="ZZZ")),
        row("9", product_code="CARD_GOLD", holders=[*jan, NewHolder(party_id="eva", role=HoldingRole.CARDHOLDER)]),
    ]
    result = await batch.upsert(rows)
    assert (result.created, result.updated, result.unchanged) == (3, 0, 0)
    assert result.ids == ("b:1", "b:6", "b:9")
    assert [(bad.index, bad.field) for bad in result.refused] == [
        (1, "productCode"),
        (2, "partyId"),
        (3, "holders"),
        (4, "amount"),
        (5, "id"),
        (7, "on"),
        (8, "partyId"),
        (9, "openedOn"),
        (10, "currency"),
        (11, "currency"),
    ]
    assert (await stored(database, "b:6"))["statusValues"] == ["ACTIVE", "CLOSED"]
    before = await whole_graph(database)
    again = await batch.upsert(rows)
    assert (again.created, again.updated, again.unchanged) == (0, 0, 3)
    assert await whole_graph(database) == before
    changed = await batch.upsert(
        [
            row("1", status=AgreementStatus.IN_ARREARS, status_on=dt.date(2020, 2, 1)),
            row("9"),
            row("6", status=AgreementStatus.ACTIVE),
        ]
    )
    assert (changed.created, changed.updated, changed.unchanged) == (0, 1, 0)
    assert [(bad.index, bad.field) for bad in changed.refused] == [(1, "productCode"), (2, "status")]


@pytest.mark.usefixtures("agreements")
@pytest.mark.lts
async def test_concurrent_equal_batches_open_each_agreement_once(database: Database) -> None:
    batch = AgreementBatch(database)
    rows = [
        AgreementRow(
            id=f"b:{number}", product_code="CASH_LOAN", holders=[NewHolder(party_id="jan" if number % 2 else "eva")]
        )
        for number in range(30)
    ]
    await asyncio.gather(*[batch.upsert(rows if number % 2 else rows[::-1]) for number in range(8)])
    found = await database.read(
        "MATCH (p)-[r:HOLDS]->(a:Agreement)-[o:OF]->() RETURN count(DISTINCT a) AS a, count(r) AS r, count(o) AS o"
    )
    assert tuple(found[0].values()) == (30, 30, 30)
