from __future__ import annotations
from collections.abc import Iterable
from graph_crm.graph.database import Database


async def ensure_products(database: Database, codes: Iterable[str]) -> None:
    fam = {"CURRENT_ACCOUNT": "CURRENT_ACCOUNT", "CASH_LOAN": "LOAN"}
    for c in codes:
        await database.execute(
            "MERGE (f:ProductFamily {code:$f}) MERGE (p:Product {code:$c}) SET p.familyCode=$f MERGE (p)-[:IN_FAMILY]->(f)",
            {"c": c, "f": fam.get(c, "CARD")},
        )
