"""The catalogue file: families, products and the cross-sell ladder, loaded as often as one likes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from graph_crm.errors import ConfigurationError
from graph_crm.graph.database import Database, Transaction
from graph_crm.products import cypher
from graph_crm.products.money import hundredths
from graph_crm.resources import folder
from graph_crm.settings.files import mistakes, read_toml

WHAT: Final = "The catalogue"
HINT: Final = "seed/catalogue.toml is a complete one."


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", str_min_length=1)


class _Family(_Entry):
    code: str
    name: str


class _Product(_Entry):
    code: str
    name: str
    family: str
    description: str
    kind: str
    currency: str | None = None
    active: bool = True
    value: Decimal | None = Field(default=None, ge=0, max_digits=17, decimal_places=2)


class _LadderStep(_Entry):
    start: str = Field(alias="from")  # a word of Python
    to: str
    after_days: int
    reason: str


class _Catalogue(_Entry):
    families: list[_Family]
    products: list[_Product]
    ladder: list[_LadderStep]


@dataclass(frozen=True)
class CatalogueLoad:
    """How many families, products and steps of the ladder the file holds; all of them are in the graph."""

    families: int
    products: int
    ladder: int


def read_catalogue(path: Path) -> _Catalogue:
    """The checked content of a catalogue file; raises `ConfigurationError` with the place of each mistake."""
    try:
        catalogue = _Catalogue.model_validate(read_toml(path, WHAT, hint=HINT, fractions=Decimal))
    except ValidationError as error:
        raise ConfigurationError(f"{WHAT} {path}: {mistakes(error)}.", hint=HINT) from None
    families = {family.code for family in catalogue.families}
    products = {product.code for product in catalogue.products}
    unknown = [f"family {product.family}" for product in catalogue.products if product.family not in families]
    unknown += [
        f"product {code}" for step in catalogue.ladder for code in (step.start, step.to) if code not in products
    ]
    if unknown:
        raise ConfigurationError(
            f"{WHAT} {path} names what it does not define: {', '.join(dict.fromkeys(unknown))}.", hint=HINT
        )
    return catalogue


async def load_catalogue(database: Database, path: Path | None = None) -> CatalogueLoad:
    """Load the catalogue (`seed/catalogue.toml` when no other is named) in one transaction; twice is once."""
    catalogue = read_catalogue(path or folder("seed") / "catalogue.toml")
    products = [_properties(product) for product in catalogue.products]
    ladder = [
        {"from": step.start, "to": step.to, "afterDays": step.after_days, "reason": step.reason}
        for step in catalogue.ladder
    ]

    async def work(tx: Transaction) -> CatalogueLoad:
        families = [family.model_dump() for family in catalogue.families]
        await tx.run(cypher.LOAD_FAMILIES, {"families": families})
        await tx.run(cypher.LOAD_PRODUCTS, {"products": products})
        await tx.run(cypher.LOAD_LADDER, {"ladder": ladder})
        return CatalogueLoad(len(families), len(products), len(ladder))

    return await database.write(work)


def _properties(product: _Product) -> dict[str, Any]:
    value = None if product.value is None else hundredths("value", product.value)
    return {"familyCode": product.family, **product.model_dump(exclude={"family", "value"}), "value": value}
