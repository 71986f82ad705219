"""The products that an import needs: they must be there before the agreements."""

from __future__ import annotations

from collections.abc import Iterable

from graph_crm.errors import InvalidInput
from graph_crm.graph.database import Database
from graph_crm.products.catalogue import load_catalogue


async def ensure_products(database: Database, codes: Iterable[str] | None = None) -> None:
    """Load the catalogue when one of ``codes`` is not in the graph, or always when no codes are given.

    A bank that has its own products with these codes keeps them as they are. Raises InvalidInput when a code is
    neither in the graph nor in the catalogue.
    """
    if codes is None:
        await load_catalogue(database)
        return
    wanted = sorted(set(codes))
    if await _missing(database, wanted):
        await load_catalogue(database)
        missing = await _missing(database, wanted)
        if missing:
            raise InvalidInput(
                f"The catalogue has no product {', '.join(missing)}",
                hint="Add it to seed/catalogue.toml, or create it before the import",
            )


async def _missing(database: Database, codes: list[str]) -> list[str]:
    rows = await database.read(
        "UNWIND $codes AS code OPTIONAL MATCH (p:Product {code: code})"
        " WITH code, p WHERE p IS NULL OR p.familyCode IS NULL RETURN code",
        {"codes": codes},
    )
    return [row["code"] for row in rows]
