"""The use cases of products: what the bank sells, and what it offers next."""

from __future__ import annotations

from graph_crm.errors import AlreadyExists, NotFound
from graph_crm.graph.database import Database, Transaction
from graph_crm.parties import checks
from graph_crm.parties.writes import Written, write_once
from graph_crm.products import cypher
from graph_crm.products.commands import LONGEST_WAIT, ProductDetails, product_changes


def unknown_product(field: str = "productCode") -> NotFound:
    """The error for a product code that nobody defined."""
    return NotFound(f"{field}: there is no such product", hint="Use a code that products lists.", field=field)


class ProductService:
    """The use cases of products and of the ladder."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, code: str, details: ProductDetails, *, idempotency_key: str | None = None) -> Written:
        """Store a new product; name and family are required, it is sold unless ``active`` says otherwise."""
        checks.code("code", code)
        properties = {"active": True, **product_changes(details)}
        for needed in ("name", "familyCode"):
            if not properties.get(needed):
                raise checks.refuse(needed, "is missing", f"A new product needs a {needed}.")

        async def work(tx: Transaction) -> Written:
            rows = await tx.run(cypher.CREATE_PRODUCT, {"code": code, "properties": properties})
            if not rows:
                raise NotFound("familyCode: there is no such family", hint="Use a code that productFamilies lists.")
            if not rows[0]["created"]:
                raise AlreadyExists("code: a product with this code exists", hint="Update it.", field="code")
            return Written(code)

        command = {"code": code, "details": details}
        return await write_once(self._database, "createProduct", idempotency_key, command, work)

    async def update(self, code: str, details: ProductDetails, *, idempotency_key: str | None = None) -> Written:
        """Change what the details give. The family of existing agreements stays what it was at their opening."""
        asked = product_changes(details)

        async def work(tx: Transaction) -> Written:
            found = await tx.run(cypher.LOCK_PRODUCTS, {"codes": [code]})
            if not found:
                raise unknown_product("code")
            family = asked.get("familyCode") or found[0]["properties"]["familyCode"]
            rows = await tx.run(cypher.CHANGE_PRODUCT, {"code": code, "familyCode": family, "properties": asked})
            if not rows:
                raise NotFound("familyCode: there is no such family", hint="Use a code that productFamilies lists.")
            return Written(code)

        command = {"code": code, "details": details}
        return await write_once(self._database, "updateProduct", idempotency_key, command, work)

    async def link(
        self,
        from_code: str,
        to_code: str,
        *,
        after_days: int = 0,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> Written:
        """Say that ``to_code`` is offered next to holders of ``from_code``, after so many days; again to change it."""
        if from_code == to_code:
            raise checks.refuse("toCode", "is the same product as fromCode", "Name two products.")
        if not 0 <= after_days <= LONGEST_WAIT:
            raise checks.refuse("afterDays", "is out of range", f"Send a number of days from 0 to {LONGEST_WAIT}.")
        stored = None if reason is None else checks.text("reason", reason)

        async def work(tx: Transaction) -> Written:
            found = {row["code"] for row in await tx.run(cypher.LOCK_PRODUCTS, {"codes": sorted([from_code, to_code])})}
            for field, code in (("fromCode", from_code), ("toCode", to_code)):
                if code not in found:
                    raise unknown_product(field)
            step = {"from": from_code, "to": to_code, "afterDays": after_days, "reason": stored}
            await tx.run(cypher.LINK_PRODUCTS, step)
            return Written(from_code, related=(to_code,))

        command = {"from": from_code, "to": to_code, "afterDays": after_days, "reason": reason}
        return await write_once(self._database, "linkProducts", idempotency_key, command, work)

    async def unlink(self, from_code: str, to_code: str, *, idempotency_key: str | None = None) -> Written:
        """Take a step out of the ladder."""

        async def work(tx: Transaction) -> Written:
            rows = await tx.run(cypher.UNLINK_PRODUCTS, {"from": from_code, "to": to_code})
            if not rows or not rows[0]["deleted"]:
                raise NotFound("toCode: the ladder has no such step", hint="Read leadsTo of the product.")
            return Written(from_code, related=(to_code,))

        command = {"from": from_code, "to": to_code}
        return await write_once(self._database, "unlinkProducts", idempotency_key, command, work)
