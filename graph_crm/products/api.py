"""The mutations of products and agreements. They hold no business logic: a service does the work."""

from __future__ import annotations

from typing import cast

import strawberry
from strawberry.types import Info

from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation
from graph_crm.parties.api import batch_report
from graph_crm.parties.inputs import BatchReport
from graph_crm.products.agreements import AgreementService
from graph_crm.products.batch import AgreementBatch
from graph_crm.products.inputs import (
    AddHolderInput,
    AgreementRowInput,
    ChangeAgreementStatusInput,
    CloseAgreementInput,
    CreateProductInput,
    EndHoldingInput,
    LinkAgreementsInput,
    LinkProductsInput,
    OpenAgreementInput,
    UnlinkProductsInput,
    UpdateAgreementInput,
    UpdateProductInput,
    agreement_details,
    product_details,
)
from graph_crm.products.service import ProductService
from graph_crm.products.types import Agreement, Product

Request = Info[RequestContext, None]


@strawberry.type
class ProductMutations:
    """Writing products, the ladder and agreements."""

    @mutation("Store a new product.")
    async def create_product(self, info: Request, input: CreateProductInput) -> Product:  # noqa: A002 - the schema's word
        """Store a new product and answer with it."""
        service = info.context.service(ProductService)
        written = await service.create(input.code, product_details(input), idempotency_key=input.idempotency_key)
        return cast(Product, await info.context.fetch("Product", written.id, info))

    @mutation("Change a product: fields left out stay, null removes.")
    async def update_product(self, info: Request, input: UpdateProductInput) -> Product:  # noqa: A002 - the schema's word
        """Change a product and answer with it."""
        service = info.context.service(ProductService)
        written = await service.update(input.code, product_details(input), idempotency_key=input.idempotency_key)
        return cast(Product, await info.context.fetch("Product", written.id, info))

    @mutation("Put a step on the cross-sell ladder, or change it; the answer is its start.")
    async def link_products(self, info: Request, input: LinkProductsInput) -> Product:  # noqa: A002 - the schema's word
        """Put a step on the ladder and answer with the product that it starts at."""
        written = await info.context.service(ProductService).link(
            input.from_code,
            input.to_code,
            after_days=input.after_days,
            reason=input.reason,
            idempotency_key=input.idempotency_key,
        )
        return cast(Product, await info.context.fetch("Product", written.id, info))

    @mutation("Take a step out of the cross-sell ladder; the answer is its start.")
    async def unlink_products(self, info: Request, input: UnlinkProductsInput) -> Product:  # noqa: A002 - the schema's word
        """Take a step out of the ladder and answer with the product that it started at."""
        written = await info.context.service(ProductService).unlink(
            input.from_code, input.to_code, idempotency_key=input.idempotency_key
        )
        return cast(Product, await info.context.fetch("Product", written.id, info))

    @mutation("Open an agreement.")
    async def open_agreement(self, info: Request, input: OpenAgreementInput) -> Agreement:  # noqa: A002 - the schema's word
        """Open an agreement and answer with it."""
        written = await info.context.service(AgreementService).open(
            input.command(), id=input.id, idempotency_key=input.idempotency_key
        )
        return cast(Agreement, await info.context.fetch("Agreement", written.id, info))

    @mutation("Change the terms of an agreement: fields left out stay, null removes.")
    async def update_agreement(self, info: Request, input: UpdateAgreementInput) -> Agreement:  # noqa: A002 - the schema's word
        """Change an agreement and answer with it."""
        written = await info.context.service(AgreementService).update(
            input.id, agreement_details(input), version=input.version, idempotency_key=input.idempotency_key
        )
        return cast(Agreement, await info.context.fetch("Agreement", written.id, info))

    @mutation("Move an agreement to another status; the history keeps every change.")
    async def change_agreement_status(
        self,
        info: Request,
        input: ChangeAgreementStatusInput,  # noqa: A002 - the schema's word
    ) -> Agreement:
        """Change the status and answer with the agreement."""
        written = await info.context.service(AgreementService).change_status(
            input.id, input.status, on=input.on, version=input.version, idempotency_key=input.idempotency_key
        )
        return cast(Agreement, await info.context.fetch("Agreement", written.id, info))

    @mutation("Close an agreement; its holdings end that day.")
    async def close_agreement(self, info: Request, input: CloseAgreementInput) -> Agreement:  # noqa: A002 - the schema's word
        """Close an agreement and answer with it."""
        written = await info.context.service(AgreementService).close(
            input.id, closed_on=input.closed_on, version=input.version, idempotency_key=input.idempotency_key
        )
        return cast(Agreement, await info.context.fetch("Agreement", written.id, info))

    @mutation("Give an agreement another holder, once in each role at a time.")
    async def add_holder(self, info: Request, input: AddHolderInput) -> Agreement:  # noqa: A002 - the schema's word
        """Add a holder and answer with the agreement."""
        written = await info.context.service(AgreementService).add_holder(
            input.agreement_id, input.command(), version=input.version, idempotency_key=input.idempotency_key
        )
        return cast(Agreement, await info.context.fetch("Agreement", written.id, info))

    @mutation("Say that a party no longer holds an agreement; an owner must be left.")
    async def end_holding(self, info: Request, input: EndHoldingInput) -> Agreement:  # noqa: A002 - the schema's word
        """End a holding and answer with the agreement."""
        written = await info.context.service(AgreementService).end_holding(
            input.agreement_id,
            input.party_id,
            input.role,
            until=input.until,
            version=input.version,
            idempotency_key=input.idempotency_key,
        )
        return cast(Agreement, await info.context.fetch("Agreement", written.id, info))

    @mutation("Say from which account a loan is paid, or on which one a card is issued.")
    async def link_agreements(self, info: Request, input: LinkAgreementsInput) -> Agreement:  # noqa: A002 - the schema's word
        """Link two agreements and answer with the one that depends on the other."""
        written = await info.context.service(AgreementService).link(
            input.from_id, input.to_id, input.kind, idempotency_key=input.idempotency_key
        )
        return cast(Agreement, await info.context.fetch("Agreement", written.id, info))

    @mutation(
        "Write up to 1,000 agreements at once. A row that can't be used is reported and does not hold up "
        "the rest; the same call again changes nothing."
    )
    async def upsert_agreements(self, info: Request, rows: list[AgreementRowInput]) -> BatchReport:
        """Write a batch of agreements and report on each bad row."""
        commands = [row.command() for row in rows]
        result = await info.context.service(AgreementBatch).upsert(commands)
        return batch_report(result, [], list(range(len(commands))))
