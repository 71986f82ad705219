"""Rate of the import against a raw UNWIND loader, in one run on one database.

    python bench/import_rate.py BOLT_URI PASSWORD [BERKA_DIR]

The raw loader writes the same records by bare `UNWIND ... CREATE`: rows already converted and in memory, one batch
after the other, no check, no identity, no repetition. It is the most that the database takes this way. The import
reads and checks the files, finds each record by its id and counts what was written. Both start from an empty graph
with the same constraints and indexes; the database given is EMPTIED. Without a Berka folder the rows are generated.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from graph_crm.graph.database import Database, Transaction
from graph_crm.importing import berka
from graph_crm.importing.catalogue import ensure_products
from graph_crm.importing.cypher import Kind
from graph_crm.importing.file_import import FileImport
from graph_crm.importing.keys import KeyIndex
from graph_crm.importing.loader import Loader, Record, no_progress
from graph_crm.importing.rejects import ImportReport, Origin, RejectFile

FLOOR = 0.5
BATCH_ROWS = 2000
ROUNDS = 2

# With the hints, since a plan that is made while the graph is empty would scan: the floor is the best of this way.
RAW = {
    "person": "UNWIND $rows AS row CREATE (n:Party:Person) SET n = row.props, n.id = row.id",
    "agreement": "UNWIND $rows AS row MATCH (p:Product {code: row.productCode}) USING INDEX p:Product(code)"
    " CREATE (n:Agreement)-[:OF]->(p) SET n = row.props, n.id = row.id,"
    " n.productCode = p.code, n.familyCode = p.familyCode",
    "holding": "UNWIND $rows AS row MATCH (p:Party {id: row.partyId}) USING INDEX p:Party(id)"
    " MATCH (a:Agreement {id: row.agreementId}) USING INDEX a:Agreement(id)"
    " CREATE (p)-[r:HOLDS]->(a) SET r = row.props, r.id = row.id",
    "agreement_link": "UNWIND $rows AS row MATCH (a:Agreement {id: row.agreementId}) USING INDEX a:Agreement(id)"
    " MATCH (b:Agreement {id: row.toAgreementId}) USING INDEX b:Agreement(id)"
    " CREATE (a)-[:LINKED_TO {kind: row.kind}]->(b)",
    "standing_order": "UNWIND $rows AS row MATCH (a:Agreement {id: row.agreementId}) USING INDEX a:Agreement(id)"
    " CREATE (a)-[:HAS_ORDER]->(n:StandingOrder) SET n = row.props, n.id = row.id",
    "movement": "UNWIND $rows AS row MATCH (a:Agreement {id: row.agreementId}) USING INDEX a:Agreement(id)"
    " CREATE (n:Movement)-[:ON]->(a) SET n = row.props, n.id = row.id",
    "event": "UNWIND $rows AS row MATCH (p:Party {id: row.partyId}) USING INDEX p:Party(id)"
    " MATCH (a:Agreement {id: row.agreementId}) USING INDEX a:Agreement(id)"
    " CREATE (p)-[:DID]->(n:Event)-[:ON]->(a) SET n = row.props, n.id = row.id, n.partyId = p.id",
}


class Recorder(Loader):
    """Keeps the records of an import instead of writing them, for the raw loader."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.rows: dict[str, list[Record]] = {}

    async def add(self, kind: Kind, record: Record, origin: Origin | None = None) -> None:
        """Keep the record."""
        del origin
        self.rows.setdefault(kind.name, []).append(record)


async def empty(database: Database) -> None:
    await database.execute("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS", timeout=300)


async def products(database: Database) -> None:
    """The products of the data set, for the raw loader; the import brings its own."""
    await ensure_products(database, {"CURRENT_ACCOUNT", "CASH_LOAN", *berka.CARD_PRODUCTS.values()})


async def raw(database: Database, rows: dict[str, list[Record]]) -> float:
    await products(database)
    started = time.perf_counter()
    for kind, records in rows.items():
        for first in range(0, len(records), BATCH_ROWS):
            batch = records[first : first + BATCH_ROWS]

            async def work(transaction: Transaction, kind: str = kind, batch: list[Record] = batch) -> None:
                await transaction.run(RAW[kind], {"rows": batch})

            await database.write(work, timeout=120)
    return time.perf_counter() - started


def generate(folder: Path, accounts: int = 3000, movements: int = 40_000) -> None:
    """Files in Berka's form with generated rows."""
    chance = random.Random(1)
    day = date(1993, 1, 1)

    def write(name: str, rows: list[str]) -> None:
        header = ";".join(f'"{column}"' for column in berka.COLUMNS[name])
        (folder / name).write_text("\r\n".join([header, *rows]) + "\r\n")

    numbers = range(1, accounts + 1)
    write("district.asc", [f'{n};"Town {n}";"region"' + ";0" * 13 for n in range(1, 78)])
    write("client.asc", [f'{n};"{45 + n % 40}0{1 + n % 9}1{n % 9}";{1 + n % 77}' for n in numbers])
    write("account.asc", [f'{n};{1 + n % 77};"POPLATEK MESICNE";930101' for n in numbers])
    write("disp.asc", [f'{n};{n};{n};"OWNER"' for n in numbers])
    write("loan.asc", [f'{n};{n};930705;96396;12;8033.00;"A"' for n in numbers[::7]])
    write("card.asc", [f'{n};{n};"classic";931107 00:00:00' for n in numbers[::6]])
    write("order.asc", [f'{n};{n};"YZ";"87144583";2452.00;"SIPO"' for n in numbers])
    rows = []
    for n in range(1, movements + 1):
        booked = day + timedelta(days=n * 450 // movements)
        amount = f"{chance.randrange(1, 50_000)}.{chance.randrange(10)}0"
        kind = '"PRIJEM";"VKLAD"' if n % 3 else '"VYDAJ";"VYBER"'
        rows.append(f'{n};{chance.choice(numbers)};{booked:%y%m%d};{kind};{amount};{amount};"";;')
    write("trans.asc", rows)


async def recorded(database: Database, folder: Path) -> dict[str, list[Record]]:
    """The records of the import, without writing them."""
    found = berka.files(folder)
    recorder = Recorder(database)
    with KeyIndex() as keys:
        run = FileImport(recorder, keys, RejectFile(None), ImportReport("berka"), no_progress)
        await berka.load_files(run, found)
    return recorder.rows


async def main(uri: str, password: str, folder: Path) -> None:
    database = await Database.connect(uri, "neo4j", password)
    rows = await recorded(database, folder)
    records = sum(len(batch) for batch in rows.values())
    assert set(rows) == set(RAW), set(rows) ^ set(RAW)  # noqa: S101 - both loaders write the same
    raw_seconds = import_seconds = float("inf")
    for _ in range(ROUNDS + 1):  # the first round of each warms the database up
        await empty(database)
        raw_seconds = min(raw_seconds, await raw(database, rows))
        await empty(database)
        report = await berka.import_berka(database, folder, batch_rows=BATCH_ROWS)
        import_seconds = min(import_seconds, report.seconds)
        print(f"  round: raw {raw_seconds:.1f} s, import {report.seconds:.1f} s")
    ratio = raw_seconds / import_seconds
    print(f"records of the graph: {records} ({report.read} rows of files, {report.rejected} rejected)")
    print(f"raw UNWIND CREATE: {records / raw_seconds:,.0f} records/s")
    print(f"graph-crm import:  {records / import_seconds:,.0f} records/s")
    print(f"ratio {ratio:.2f} (floor {FLOOR})")
    await database.close()
    sys.exit(0 if ratio >= FLOOR else 1)


if __name__ == "__main__":
    if len(sys.argv) > 3:  # noqa: PLR2004 - the optional folder
        asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            generate(Path(temporary))
            asyncio.run(main(sys.argv[1], sys.argv[2], Path(temporary)))
