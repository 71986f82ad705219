"""The GraphQL inputs of the product and agreement mutations, and how they become commands."""

from __future__ import annotations

import dataclasses
import datetime as dt
from decimal import Decimal

import strawberry
from strawberry import UNSET

from graph_crm.parties.inputs import KEY, SINCE, SOURCE, UNTIL, VERSION
from graph_crm.products.commands import AgreementDetails, AgreementRow, NewAgreement, NewHolder, ProductDetails
from graph_crm.products.kinds import AgreementLinkKind, AgreementStatus, HoldingRole


@strawberry.input
class ProductFields:
    """What is known of a product."""

    name: str | None = strawberry.field(default=UNSET, description="Name of the product.")
    family_code: strawberry.ID | None = strawberry.field(default=UNSET, description="Code of its family.")
    description: str | None = strawberry.field(default=UNSET, description="What the product is, in a sentence.")
    currency: str | None = strawberry.field(default=UNSET, description="Currency of new agreements, ISO 4217.")
    active: bool | None = strawberry.field(default=UNSET, description="Whether it is sold now.")
    kind: str | None = strawberry.field(default=UNSET, description="ACCOUNT, CREDIT, CARD or SERVICE.")
    value: Decimal | None = strawberry.field(
        default=UNSET, description="Expected margin of a year, in the bank's own currency: what a sale is worth."
    )


def product_details(fields: ProductFields) -> ProductDetails:
    """The fields in the words of the service."""
    return ProductDetails(**{each.name: getattr(fields, each.name) for each in dataclasses.fields(ProductDetails)})


@strawberry.input(description="A new product: name and familyCode are required.")
class CreateProductInput(ProductFields):
    """A new product."""

    code: strawberry.ID = strawberry.field(description="Its code, for example CREDIT_CARD; it never changes.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="Changes of a product: fields left out stay, null removes.")
class UpdateProductInput(ProductFields):
    """Changes of a product."""

    code: strawberry.ID = strawberry.field(description="The product.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A step of the cross-sell ladder; sent again it changes the step.")
class LinkProductsInput:
    """A step of the ladder."""

    from_code: strawberry.ID = strawberry.field(description="The product that the customer holds.")
    to_code: strawberry.ID = strawberry.field(description="The product that is offered next.")
    after_days: int = strawberry.field(default=0, description="Days to wait after the opening of the first.")
    reason: str | None = strawberry.field(default=None, description="Why the next product follows.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A step to take out of the cross-sell ladder.")
class UnlinkProductsInput:
    """A step to take out of the ladder."""

    from_code: strawberry.ID = strawberry.field(description="The product that the customer holds.")
    to_code: strawberry.ID = strawberry.field(description="The product that was offered next.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input
class AgreementFields:
    """The terms of an agreement."""

    number: str | None = strawberry.field(default=UNSET, description="Number that the customer knows.")
    matures_on: dt.date | None = strawberry.field(default=UNSET, description="Day on which it ends by contract.")
    amount: Decimal | None = strawberry.field(default=UNSET, description="Amount granted or insured.")
    balance: Decimal | None = strawberry.field(default=UNSET, description="Balance as last known.")
    payment: Decimal | None = strawberry.field(default=UNSET, description="Amount of one instalment.")
    currency: str | None = strawberry.field(
        default=UNSET, description="Currency, ISO 4217; the product's when it is opened without one."
    )
    interest_rate: float | None = strawberry.field(
        default=UNSET, description="Interest a year, 0.05 for five per cent."
    )
    term_months: int | None = strawberry.field(default=UNSET, description="Agreed duration in months.")
    purpose: str | None = strawberry.field(default=UNSET, description="What the customer wants it for.")
    frequency: str | None = strawberry.field(default=UNSET, description="How often it is reported or paid.")
    source: str | None = strawberry.field(default=UNSET, description="The system that the agreement came from.")


def agreement_details(fields: AgreementFields) -> AgreementDetails:
    """The terms in the words of the service."""
    names = [each.name for each in dataclasses.fields(AgreementDetails)]
    return AgreementDetails(**{name: getattr(fields, name) for name in names})


@strawberry.input(description="A party that holds an agreement.")
class HolderInput:
    """A party that holds an agreement."""

    party_id: strawberry.ID = strawberry.field(description="The party.")
    role: HoldingRole = strawberry.field(default=HoldingRole.OWNER, description="What it is in the agreement.")
    since: dt.date | None = strawberry.field(default=None, description="First day; the opening when left out.")
    source: str | None = strawberry.field(default=None, description=SOURCE)

    def command(self) -> NewHolder:
        """The same in the words of the service."""
        return NewHolder(party_id=self.party_id, role=self.role, since=self.since, source=self.source)


@strawberry.input(description="A new agreement on a product that is sold, for parties that are active.")
class OpenAgreementInput(AgreementFields):
    """A new agreement."""

    product_code: strawberry.ID = strawberry.field(description="The product.")
    holders: list[HolderInput] = strawberry.field(description="Who holds it; at least one OWNER.")
    id: strawberry.ID | None = strawberry.field(default=None, description="The bank's own id; made up when left out.")
    opened_on: dt.date | None = strawberry.field(default=None, description="Day of the opening; today when left out.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)

    def command(self) -> NewAgreement:
        """The same in the words of the service."""
        return NewAgreement(
            product_code=self.product_code,
            holders=[holder.command() for holder in self.holders],
            opened_on=self.opened_on,
            details=agreement_details(self),
        )


@strawberry.input(description="Changes of the terms of an agreement: fields left out stay, null removes.")
class UpdateAgreementInput(AgreementFields):
    """Changes of an agreement."""

    id: strawberry.ID = strawberry.field(description="The agreement.")
    version: int | None = strawberry.field(default=None, description=VERSION)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A new status of an agreement, appended to its history.")
class ChangeAgreementStatusInput:
    """A new status of an agreement."""

    id: strawberry.ID = strawberry.field(description="The agreement.")
    status: AgreementStatus = strawberry.field(description="Where it stands from then on; CLOSED ends its holdings.")
    on: dt.date | None = strawberry.field(
        default=None, description="The day, not before the last change and not in the future; today when left out."
    )
    version: int | None = strawberry.field(default=None, description=VERSION)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="The end of an agreement.")
class CloseAgreementInput:
    """The end of an agreement."""

    id: strawberry.ID = strawberry.field(description="The agreement.")
    closed_on: dt.date | None = strawberry.field(
        default=None, description="First day after the agreement; today when left out."
    )
    version: int | None = strawberry.field(default=None, description=VERSION)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="Another holder of an agreement.")
class AddHolderInput:
    """Another holder of an agreement."""

    agreement_id: strawberry.ID = strawberry.field(description="The agreement.")
    party_id: strawberry.ID = strawberry.field(description="The party.")
    role: HoldingRole = strawberry.field(description="What it is in the agreement.")
    since: dt.date | None = strawberry.field(default=None, description=SINCE)
    source: str | None = strawberry.field(default=None, description=SOURCE)
    version: int | None = strawberry.field(default=None, description=VERSION)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)

    def command(self) -> NewHolder:
        """The same in the words of the service."""
        return NewHolder(party_id=self.party_id, role=self.role, since=self.since, source=self.source)


@strawberry.input(description="The end of a holding; an agreement that is not closed keeps an owner.")
class EndHoldingInput:
    """The end of a holding."""

    agreement_id: strawberry.ID = strawberry.field(description="The agreement.")
    party_id: strawberry.ID = strawberry.field(description="The party.")
    role: HoldingRole = strawberry.field(description="What it was in the agreement.")
    until: dt.date | None = strawberry.field(default=None, description=UNTIL)
    version: int | None = strawberry.field(default=None, description=VERSION)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="An account on which an agreement depends; it replaces the one of the same kind.")
class LinkAgreementsInput:
    """An account on which an agreement depends."""

    from_id: strawberry.ID = strawberry.field(description="The loan or the card.")
    to_id: strawberry.ID = strawberry.field(description="The account.")
    kind: AgreementLinkKind = strawberry.field(description="PAID_FROM for a loan, ISSUED_ON for a card.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="One agreement of a batch: opened where it is missing, changed where it differs.")
class AgreementRowInput(AgreementFields):
    """One row of a batch of agreements."""

    id: strawberry.ID = strawberry.field(description="The bank's own id of the agreement.")
    product_code: strawberry.ID = strawberry.field(description="The product; it never changes.")
    holders: list[HolderInput] = strawberry.field(
        default_factory=list, description="Holders to add where they are missing; a new agreement needs an OWNER."
    )
    opened_on: dt.date | None = strawberry.field(default=None, description="Day of the opening; it never changes.")
    status: AgreementStatus | None = strawberry.field(
        default=None, description="Where it stands; appended to the history where it differs."
    )
    status_on: dt.date | None = strawberry.field(default=None, description="Since when; today when left out.")

    def command(self) -> AgreementRow:
        """The same in the words of the service."""
        return AgreementRow(
            id=self.id,
            product_code=self.product_code,
            holders=[holder.command() for holder in self.holders],
            opened_on=self.opened_on,
            status=self.status,
            status_on=self.status_on,
            details=agreement_details(self),
        )
