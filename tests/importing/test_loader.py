from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from graph_crm.graph.database import Database
from graph_crm.importing import berka, cypher
from graph_crm.importing.loader import Loader
from graph_crm.importing.reading import DelimitedFile
from graph_crm.importing.rejects import FileTally, Origin, RejectFile
from graph_crm.importing.values import digest


def person(number: int, **props: Any) -> dict[str, Any]:
    values = {"displayName": f"Person {number}", "nameKey": f"person {number}", "searchText": "", **props}
    return {"id": f"t:{number}", "props": values, "digest": digest(values)}


def agreement(number: int) -> dict[str, Any]:
    props = {"status": "ACTIVE", "openedOn": date(2026, 1, 1)}
    return {"id": f"a:{number}", "productCode": "CASH_LOAN", "props": props, "digest": digest(props)}


def holding(party: int, account: int, identity: str = "h:1") -> dict[str, Any]:
    return {"id": identity, "partyId": f"t:{party}", "agreementId": f"a:{account}", "props": {"role": "OWNER"}}


class Bench:
    """A loader with a tally, to write records by hand."""

    def __init__(self, database: Database, **options: Any) -> None:
        self.database = database
        self.options = options
        self.tally = FileTally("test")

    async def load(self, *records: tuple[cypher.Kind, dict[str, Any]]) -> FileTally:
        async with Loader(self.database, **self.options) as loader:
            for kind, record in records:
                self.tally.read += 1
                await loader.add(kind, record, Origin(self.tally, self.tally.read, ""))
        return self.tally


@pytest.fixture
async def bench(empty_database: Database) -> Bench:
    await berka.ensure_products(empty_database)
    return Bench(empty_database)


async def one(database: Database, statement: str) -> Any:
    return (await database.read(statement))[0][0]


async def test_records_may_come_in_any_order_because_what_they_refer_to_is_written_first(bench: Bench) -> None:
    tally = await bench.load(
        (cypher.HOLDING, holding(1, 1)), (cypher.AGREEMENT, agreement(1)), (cypher.PERSON, person(1))
    )
    assert (tally.loaded, tally.rejected) == (3, 0)
    assert await one(bench.database, "MATCH (:Party)-[:HOLDS]->(:Agreement)-[:OF]->(:Product) RETURN count(*)") == 1


async def test_a_record_that_refers_to_nothing_is_rejected_by_name_and_its_batch_is_loaded(bench: Bench) -> None:
    reasons: list[str] = []

    class Kept(RejectFile):
        def reject(self, origin: Origin, reason: str) -> None:
            super().reject(origin, reason)
            reasons.append(reason)

    bench.options["rejects"] = Kept(None)
    tally = await bench.load(
        (cypher.PERSON, person(1)),
        (cypher.AGREEMENT, agreement(1)),
        (cypher.AGREEMENT, {**agreement(2), "productCode": "MOON_LOAN"}),
        (cypher.HOLDING, holding(1, 1)),
        (cypher.HOLDING, holding(9, 1, "h:2")),
        (cypher.ORGANIZATION, person(1)),
    )
    assert (tally.read, tally.loaded, tally.rejected) == (6, 3, 3)
    # The two records of the same id may be written at the same time: the first one stays.
    assert sorted(reason.replace("is not a Person", "is not a Organization") for reason in reasons) == [
        "'t:1' exists and is not a Organization",
        "unknown Party 't:9'",
        "unknown Product 'MOON_LOAN'",
    ]


async def test_an_unchanged_record_keeps_its_version_and_what_people_changed_in_the_platform(bench: Bench) -> None:
    await bench.load((cypher.PERSON, person(1, city="Praha")))
    await bench.database.write(
        lambda tx: tx.run("MATCH (p:Party {id: 't:1'}) SET p.city = 'Brno', p.version = p.version + 1")
    )
    await bench.load((cypher.PERSON, person(1, city="Praha")))
    assert await one(bench.database, "MATCH (p:Party) RETURN p.city + p.version") == "Brno2"
    await bench.load((cypher.PERSON, person(1, city="Plzen", region=None)))
    assert await one(bench.database, "MATCH (p:Party) RETURN p.city + p.version") == "Plzen3"


async def test_a_value_that_the_source_emptied_is_removed(bench: Bench) -> None:
    await bench.load((cypher.PERSON, person(1, city="Praha")))
    await bench.load((cypher.PERSON, person(1, city=None)))
    assert await one(bench.database, "MATCH (p:Party) RETURN p.city") is None


async def test_a_relationship_whose_end_moved_is_one_relationship(bench: Bench) -> None:
    await bench.load(
        (cypher.PERSON, person(1)),
        (cypher.PERSON, person(2)),
        (cypher.AGREEMENT, agreement(1)),
        (cypher.HOLDING, holding(1, 1)),
    )
    await bench.load((cypher.HOLDING, holding(2, 1)))
    assert await one(bench.database, "MATCH (p)-[:HOLDS]->() RETURN collect(p.id)") == ["t:2"]


async def test_a_shared_phone_is_one_contact_point_and_finds_both(bench: Bench) -> None:
    def phone(party: int) -> dict[str, Any]:
        return {
            "id": f"r:{party}",
            "partyId": f"t:{party}",
            "kind": "PHONE",
            "value": "+420602123456",
            "valueKey": "PHONE:+420602123456",
            "props": {"since": date(2026, 1, 1), "until": None},
        }

    await bench.load(
        (cypher.CONTACT_POINT, phone(1)),
        (cypher.CONTACT_POINT, phone(2)),
        (cypher.PERSON, person(1)),
        (cypher.PERSON, person(2)),
    )
    assert await one(bench.database, "MATCH (c:ContactPoint) RETURN count(*)") == 1
    texts = await one(bench.database, "MATCH (p:Party) RETURN collect(p.searchText)")
    assert all("420602123456" in text for text in texts)
    # The person again with another name: its phone is still found.
    await bench.load((cypher.PERSON, {**person(1), "digest": "new"}))
    assert "420602123456" in await one(bench.database, "MATCH (p:Party {id: 't:1'}) RETURN p.searchText")


class Crash(Exception):
    pass


@pytest.mark.parametrize("batches", [1, 3, 6, 9])
async def test_an_import_that_died_anywhere_and_is_repeated_gives_the_same_graph(
    empty_database: Database,
    berka_folder: Path,
    fingerprint: Callable[[], Awaitable[str]],
    monkeypatch: pytest.MonkeyPatch,
    batches: int,
) -> None:
    await berka.import_berka(empty_database, berka_folder)
    whole = await fingerprint()
    await empty_database.execute("MATCH (n) WHERE NOT n:Migration AND NOT n:Lock DETACH DELETE n")

    write, left = Loader._write, batches

    async def dying(self: Loader, kind: cypher.Kind, batch: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Crash
        await write(self, kind, batch)

    monkeypatch.setattr(Loader, "_write", dying)
    with pytest.raises(Crash):
        await berka.import_berka(empty_database, berka_folder, batch_rows=2)
    assert await fingerprint() != whole
    monkeypatch.undo()
    await berka.import_berka(empty_database, berka_folder)
    assert await fingerprint() == whole


async def test_batches_that_share_accounts_do_not_wait_for_each_other(bench: Bench) -> None:
    bench.options["batch_rows"] = 20
    bookings = [
        (
            cypher.MOVEMENT,
            {"id": f"m:{number}", "agreementId": f"a:{number % 3}", "props": {"amount": number}},
        )
        for number in range(600)
    ]
    retries = bench.database.retries
    tally = await bench.load(*[(cypher.AGREEMENT, agreement(number)) for number in range(3)], *bookings)
    assert (tally.loaded, tally.rejected) == (603, 0)
    assert bench.database.retries == retries


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"

    def peak(rows: int) -> int:
        path.write_text("a;b\n" + "".join(f"{number};text {number}\n" for number in range(rows)))
        tracemalloc.start()
        try:
            assert sum(1 for _ in DelimitedFile(path, ("a", "b")).rows()) == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(50_000) < peak(5_000) + 50_000


async def test_what_waits_to_be_written_is_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    most = 0

    async def slow(self: Loader, kind: cypher.Kind, batch: Any) -> None:
        del kind
        nonlocal most
        await asyncio.sleep(0.001)
        waiting = sum(len(other.rows) for other in self._batches.values())
        most = max(most, waiting + len(batch.rows) * len(self._running))

    monkeypatch.setattr(Loader, "_write", slow)
    bench.options["batch_rows"] = 50
    await bench.load(*[(cypher.PERSON, person(number)) for number in range(5000)])
    assert 0 < most <= 50 * 4
