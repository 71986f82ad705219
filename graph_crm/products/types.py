"""The GraphQL types of products and agreements and where they live in the graph."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import strawberry

from graph_crm.graph.mapping import Argument, Root, graph, many, one, prop
from graph_crm.parties.types import Party
from graph_crm.products.kinds import AgreementLinkKind, AgreementStatus, HoldingRole, MovementDirection

AS_OF = {"asOf": Argument(dt.date, "Answer as it was on this day; as it is now when left out.")}


@graph.edge
class Holding:
    """What a party is in an agreement, and since when."""

    id: strawberry.ID = prop("Identifier of the holding.")
    role: HoldingRole = prop("What the party is in the agreement.")
    since: dt.date | None = prop("First day.", order=True)
    until: dt.date | None = prop("First day after it; null while it lasts.", order=True)
    source: str | None = prop("The system that said so.")


@graph.edge
class Step:
    """A step of the cross-sell ladder."""

    after_days: int | None = prop("Days to wait with the first product before the next is offered.", order=True)
    reason: str | None = prop("Why the next product follows.")


@graph.edge
class AgreementLink:
    """How an agreement depends on another."""

    kind: AgreementLinkKind = prop("How the first agreement depends on the other.")


@graph.edge
class Transfer:
    """Money sent from one account to another."""

    id: strawberry.ID = prop("Identifier of the transfer.")
    amount: Decimal = prop("Amount.", order=True)
    currency: str | None = prop("Currency, ISO 4217.")
    at: dt.datetime | None = prop("When it was sent.", order=True)
    channel: str | None = prop("How it was sent.")
    purpose: str | None = prop("What it was for.")
    source: str | None = prop("The system that said so.")


@graph.node(label="ProductFamily", key="code")
class ProductFamily:
    """Products of one kind, for example LOAN or CARD."""

    code: strawberry.ID = prop("Code of the family, for example LOAN.", order=True)
    name: str = prop("Name of the family.", order=True)


@graph.node(label="Product", key="code")
class Product:
    """Something that the bank sells."""

    code: strawberry.ID = prop("Code of the product, for example CASH_LOAN.", order=True)
    name: str = prop("Name of the product.", order=True)
    family_code: str | None = prop("Code of the family.")
    description: str | None = prop("What the product is, in a sentence.", filter=False)
    kind: str | None = prop("Account, credit, card or service.")
    currency: str | None = prop("Currency, ISO 4217.")
    active: bool | None = prop("Whether the product is sold now.")
    value: Decimal | None = prop("Expected margin of a year, in the bank's own currency.", order=True)
    family: ProductFamily | None = one("The family of the product.", "IN_FAMILY", ProductFamily)


@graph.extend(Product)
class _Ladder:
    leads_to: Product = many("What is offered next to its holders.", "LEADS_TO", Product, edge=Step)
    follows: Product = many("After which products it is offered.", "LEADS_TO", Product, direction="in", edge=Step)


@graph.extend(ProductFamily)
class _FamilyProducts:
    products: Product = many("The products of the family.", "IN_FAMILY", Product, direction="in")


@graph.node(label="StandingOrder")
class StandingOrder:
    """A payment that the bank makes each month on the customer's order."""

    id: strawberry.ID = prop("Identifier of the order.", order=True)
    to_bank: str | None = prop("Bank of the receiver.")
    to_account: str | None = prop("Account of the receiver.")
    amount: Decimal | None = prop("Amount of each payment.", order=True)
    currency: str | None = prop("Currency, ISO 4217.")
    purpose: str | None = prop("What it pays for.")
    source: str | None = prop("The system that said so.")


@graph.node(label="Movement")
class Movement:
    """One booking on an account."""

    id: strawberry.ID = prop("Identifier of the booking.", order=True)
    booked_on: dt.date | None = prop("Day of the booking.", order=True)
    direction: MovementDirection = prop("Which way the money went.")
    operation: str | None = prop("How it was done.")
    amount: Decimal = prop("Amount, always positive.", order=True)
    balance: Decimal | None = prop("Balance after the booking.")
    currency: str | None = prop("Currency, ISO 4217.")
    purpose: str | None = prop("What it was for.")
    counter_bank: str | None = prop("Bank of the other side.")
    counter_account: str | None = prop("Account of the other side.")
    source: str | None = prop("The system that said so.")


@graph.node(
    label="Agreement",
    as_of="({n}.openedOn IS NULL OR {n}.openedOn <= {asOf}) AND ({n}.closedOn IS NULL OR {n}.closedOn > {asOf})",
)
class Agreement:
    """A contract on a product: an account, a loan, a card, a service."""

    id: strawberry.ID = prop("Identifier of the agreement, for example berka:loan:5314.", order=True)
    number: str | None = prop("Number that the customer knows.", order=True)
    product_code: str = prop("Code of the product.")
    family_code: str = prop("Code of the product's family.")
    status: AgreementStatus | None = prop(
        "Where the agreement stands; as of a day, where it stood then, null before it began.",
        cypher="[i IN range(0, size(coalesce({n}.statusDates, [])) - 1)"
        " WHERE {n}.statusDates[i] <= {asOf} | {n}.statusValues[i]][-1]",
        arguments=AS_OF,
    )
    opened_on: dt.date | None = prop("Day of the opening.", order=True)
    closed_on: dt.date | None = prop("First day after the agreement; null while it lasts.", order=True)
    matures_on: dt.date | None = prop("Day on which it ends by contract.", order=True)
    amount: Decimal | None = prop("Amount granted or insured.", order=True)
    balance: Decimal | None = prop(
        "Balance as last known; as of a day, the balance after the last booking of that day or before.",
        order=True,
        cypher="COLLECT { MATCH ({n})<-[:ON]-(b:Movement) WHERE b.bookedOn <= {asOf}"
        " RETURN b.balance ORDER BY b.bookedOn DESC, b.id DESC LIMIT 1 }[0]",
        arguments=AS_OF,
    )
    payment: Decimal | None = prop("Amount of one instalment.", order=True)
    currency: str | None = prop("Currency, ISO 4217.")
    interest_rate: float | None = prop("Interest a year, 0.05 for five per cent.", order=True)
    term_months: int | None = prop("Agreed duration in months.", order=True)
    purpose: str | None = prop("What the customer wanted it for.")
    frequency: str | None = prop("How often the account is reported or paid.")
    source: str | None = prop("The system that the agreement came from.")
    version: int = prop("Grows by one with each change; send it with an update.")
    created_at: dt.datetime | None = prop("When the agreement was stored first.", order=True)
    updated_at: dt.datetime | None = prop("When the agreement was changed last.", order=True)
    product: Product | None = one("The product.", "OF", Product)
    holders: Party = many("Who holds it and as what.", "HOLDS", Party, direction="in", edge=Holding, as_of=True)
    standing_orders: StandingOrder = many("Payments that leave it each month.", "HAS_ORDER", StandingOrder)
    movements: Movement = many(
        "Bookings on the account.", "ON", Movement, direction="in", order="BOOKED_ON_DESC", fan=200
    )


@graph.extend(Agreement)
class _AgreementLinks:
    depends_on: Agreement = many(
        "Agreements that it is paid from or issued on.", "LINKED_TO", Agreement, edge=AgreementLink
    )
    supports: Agreement = many(
        "Agreements that are paid from it or issued on it.", "LINKED_TO", Agreement, direction="in", edge=AgreementLink
    )
    transfers_out: Agreement = many("Money sent to other accounts.", "TRANSFERRED_TO", Agreement, edge=Transfer)
    transfers_in: Agreement = many(
        "Money received from other accounts.", "TRANSFERRED_TO", Agreement, direction="in", edge=Transfer
    )


@graph.extend(Party)
class _PartyAgreements:
    agreements: Agreement = many(
        "Everything that the party holds, ended ones too.", "HOLDS", Agreement, edge=Holding, as_of=True
    )


graph.root(
    Root(name="product", node=Product, by="code", description="The product with this code; null when there is none.")
)
graph.root(Root(name="products", node=Product, page=True, description="The catalogue."))
graph.root(Root(name="productFamilies", node=ProductFamily, page=True, description="The families of products."))
graph.root(
    Root(name="agreement", node=Agreement, description="The agreement with this identifier; null when there is none.")
)
graph.root(Root(name="agreements", node=Agreement, page=True, description="Agreements, by identifier or as ordered."))
