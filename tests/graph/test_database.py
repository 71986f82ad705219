"""The database wrapper: what it sends, counts and bounds, and what callers see when something is wrong."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import logging
import time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_crm.errors import (
    AlreadyExists,
    ConfigurationError,
    DatabaseBusy,
    DatabaseRefused,
    DatabaseTimeout,
    DatabaseUnavailable,
    InvalidInput,
    NotFound,
    StatementFailed,
)
from graph_crm.graph import database as module
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.metrics import BOUNDS, Histogram
from graph_crm.graph.parameters import sendable

pytestmark = pytest.mark.lts

LONG = "UNWIND range(1, 1000000) AS x UNWIND range(1, 100000) AS y RETURN sum(x * y) AS n"


async def test_rows_are_read_by_column_name(database: Database):
    rows = await database.read("UNWIND range(1, $n) AS i RETURN i, i * i AS square", {"n": 3})
    assert [(row["i"], row["square"]) for row in rows] == [(1, 1), (2, 4), (3, 9)]


async def test_version_and_edition_are_known(database: Database):
    assert database.version.startswith(("5.26", "2026"))
    assert database.edition == "community"


async def test_instants_of_every_zone_are_sent_as_utc(database: Database):
    prague = dt.datetime(2026, 7, 1, 12, 0, tzinfo=ZoneInfo("Europe/Prague"))
    rows = await database.read(
        "RETURN toString($a) AS a, [x IN $b | toString(x.at)] AS b", {"a": prague, "b": [{"at": prague}]}
    )
    assert rows[0]["a"] == rows[0]["b"][0] == "2026-07-01T10:00:00Z"


async def test_an_instant_without_a_zone_is_refused(database: Database):
    with pytest.raises(InvalidInput, match="time zone"):
        await database.read("RETURN $a", {"a": dt.datetime(2026, 1, 1)})  # noqa: DTZ001 - that is the point


plain = st.none() | st.booleans() | st.integers() | st.text() | st.dates()
zones = st.sampled_from([dt.UTC, ZoneInfo("Asia/Tokyo"), ZoneInfo("UTC"), dt.timezone(dt.timedelta(hours=2))])
instants = st.datetimes(min_value=dt.datetime(1900, 1, 1), max_value=dt.datetime(2200, 1, 1), timezones=zones)  # noqa: DTZ001 - hypothesis adds the zone
values = st.recursive(
    plain | instants, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner)
)


def _listed(value: object) -> object:
    """The value with tuples as lists and instants in UTC, as Neo4j sees them.

    Python compares instants of two zones as never equal near a change of the clocks, so both sides are in UTC first.
    """
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC)
    if isinstance(value, dict):
        return {key: _listed(item) for key, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value


def _zones(value: object) -> set[dt.tzinfo | None]:
    if isinstance(value, dict):
        return {zone for item in value.values() for zone in _zones(item)}
    if isinstance(value, list | tuple):
        return {zone for item in value for zone in _zones(item)}
    return {value.tzinfo} if isinstance(value, dt.datetime) else set()


@given(values)
def test_what_is_sent_equals_what_was_given_and_knows_only_utc(value: object):
    sent = sendable(value)
    assert _listed(sent) == _listed(value)
    assert _zones(sent) <= {dt.UTC}
    if _zones(value) <= {dt.UTC}:
        assert sent is value, "nothing is copied where nothing is to be done"


@pytest.mark.parametrize("value", [object(), 2**70, "\ud800", {1: 2}])
async def test_a_value_that_can_not_be_stored_is_the_callers_fault(database: Database, value: object):
    with pytest.raises(InvalidInput):
        await database.read("RETURN $v", {"v": value})
    with pytest.raises(InvalidInput):
        await database.write(lambda tx: tx.run("RETURN $v", {"v": value}))
    assert (await database.read("RETURN 1 AS one"))[0]["one"] == 1


async def test_a_taken_identity_names_label_and_property_but_not_the_value(empty_database: Database):
    create = "CREATE (:Product {code: $code})"
    await empty_database.write(lambda tx: tx.run(create, {"code": "secret"}))
    with pytest.raises(AlreadyExists, match="Product with this code exists") as caught:
        await empty_database.write(lambda tx: tx.run(create, {"code": "secret"}))
    assert caught.value.details == {"label": "Product", "properties": ["code"]}
    assert "secret" not in str(caught.value)


async def test_work_may_catch_an_error_but_the_transaction_is_lost(empty_database: Database):
    async def work(tx: Transaction) -> None:
        await tx.run("CREATE (:Product {code: 'a'})")
        with pytest.raises(AlreadyExists):
            await tx.run("CREATE (:Product {code: 'a'})")

    with pytest.raises(AlreadyExists):
        await empty_database.write(work)
    assert not await empty_database.read("MATCH (p:Product) RETURN p.code")


async def test_what_the_work_raises_passes_and_nothing_is_stored(empty_database: Database):
    async def work(tx: Transaction) -> None:
        await tx.run("CREATE (:Product {code: 'a'})")
        raise NotFound("no such thing")

    with pytest.raises(NotFound, match="no such thing"):
        await empty_database.write(work)
    assert not await empty_database.read("MATCH (p:Product) RETURN p.code")


async def test_a_statement_that_is_wrong_says_so(database: Database):
    with pytest.raises(StatementFailed, match="Invalid input"):
        await database.read("RETRN 1")
    with pytest.raises(StatementFailed, match="Expected parameter"):
        await database.read("RETURN $missing")
    with pytest.raises(StatementFailed, match="ArithmeticError"):
        await database.write(lambda tx: tx.run("RETURN 1/0"))


async def test_a_write_in_a_read_is_refused(database: Database):
    with pytest.raises(DatabaseRefused, match="sent as a read"):
        await database.read("CREATE (:Product {code: 'x'})")


async def test_what_the_edition_lacks_is_named(database: Database):
    with pytest.raises(DatabaseRefused, match=r"existence constraint needs the Enterprise edition"):
        await database.execute("CREATE CONSTRAINT never IF NOT EXISTS FOR (n:Never) REQUIRE n.x IS NOT NULL")
    with pytest.raises(DatabaseRefused, match="edition"):
        await database.execute("CREATE DATABASE other")


async def test_a_long_statement_is_stopped_at_its_limit(database: Database):
    started = time.monotonic()
    with pytest.raises(DatabaseTimeout):
        await database.read(LONG, timeout=0.3)
    with pytest.raises(DatabaseTimeout):
        await database.write(lambda tx: tx.run(LONG), timeout=0.3)
    assert time.monotonic() - started < 8


async def test_waiting_for_a_lock_ends_at_the_limit(empty_database: Database):
    touch = "MERGE (l:Product {code: 'a'}) SET l.n = coalesce(l.n, 0) + 1"
    await empty_database.write(lambda tx: tx.run(touch))
    held, release = asyncio.Event(), asyncio.Event()

    async def holds(tx: Transaction) -> None:
        await tx.run(touch)
        held.set()
        await release.wait()

    holder = asyncio.create_task(empty_database.write(holds))
    await held.wait()
    with pytest.raises((DatabaseTimeout, DatabaseBusy)):
        await empty_database.write(lambda tx: tx.run(touch), timeout=0.4)
    release.set()
    await holder
    assert (await empty_database.read("MATCH (p:Product) RETURN p.n AS n"))[0]["n"] == 2


async def test_crossed_locks_are_repeated_until_all_are_through(empty_database: Database):
    await empty_database.execute("UNWIND range(0, 3) AS i CREATE (:Product {code: toString(i), n: 0})")
    touch = "MATCH (p:Product {code: $code}) SET p.n = p.n + 1"
    before = empty_database.retries

    async def cross(place: int) -> None:
        async def work(tx: Transaction) -> None:
            await tx.run(touch, {"code": str(place % 4)})
            await tx.run(touch, {"code": str((place * 3 + 1) % 4)})

        await empty_database.write(work, timeout=30)

    await asyncio.gather(*(cross(place) for place in range(64)))
    assert (await empty_database.read("MATCH (p:Product) RETURN sum(p.n) AS n"))[0]["n"] == 128
    assert empty_database.retries > before, "the locks were crossed, so some attempts were repeated"


async def test_a_cancelled_read_leaves_the_database_usable(database: Database):
    task = asyncio.create_task(database.read(LONG))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(await asyncio.gather(*(database.read("RETURN 1") for _ in range(70)))) == 70


async def test_statements_are_counted_in_a_block_and_in_the_tasks_that_it_starts(database: Database):
    total = database.statements
    with database.counting() as outer:
        await database.read("RETURN 1")
        with database.counting() as inner:
            await asyncio.gather(database.read("RETURN 2"), database.read("RETURN 3"))
        await database.write(lambda tx: tx.run("RETURN 4"))
    assert sorted(inner.statements) == ["RETURN 2", "RETURN 3"]
    assert outer.statements == ["RETURN 1", "RETURN 4"]
    assert database.statements == total + 4
    assert inner.seconds > 0


async def test_slow_statements_are_logged_without_their_parameters(
    database: Database, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(database, "slow", 0.0)
    with caplog.at_level(logging.WARNING, "graph_crm.graph.database"):
        await database.read("RETURN\n   $name", {"name": "Novak"})
    assert "RETURN $name" in caplog.text
    assert "Novak" not in caplog.text


def test_a_histogram_counts_under_each_bound():
    histogram = Histogram()
    for seconds in (0.0005, 0.001, 0.3, 99.0):
        histogram.observe(seconds)
    reached = dict(histogram.cumulative())
    assert (reached[0.001], reached[0.25], reached[0.5], reached[float("inf")]) == (2, 2, 3, 4)
    assert (histogram.count, len(reached)) == (4, len(BOUNDS) + 1)


async def test_a_wrong_password_is_refused_at_once(neo4j_address: tuple[str, str]):
    started = time.monotonic()
    with pytest.raises(DatabaseRefused, match="refused the user or the password") as caught:
        await Database.connect(neo4j_address[0], "nobody", "wrong", patience=20)
    assert "NEO4J_PASSWORD" in (caught.value.hint or "")
    assert time.monotonic() - started < 5


async def test_a_database_that_does_not_exist_is_refused(neo4j_address: tuple[str, str]):
    with pytest.raises(DatabaseRefused, match="no database of that name"):
        await Database.connect(neo4j_address[0], "neo4j", neo4j_address[1], name="elsewhere")


async def test_a_version_that_is_too_old_is_refused(neo4j_address: tuple[str, str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "OLDEST_VERSION", (9999, 0))
    with pytest.raises(DatabaseRefused, match="is too old"):
        await Database.connect(neo4j_address[0], "neo4j", neo4j_address[1])


async def test_where_nothing_listens_patience_ends():
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match="did not answer within 1 s"):
        await Database.connect("bolt://127.0.0.1:1", "neo4j", "x", patience=1)
    assert time.monotonic() - started < 4


@pytest.mark.parametrize("uri", ["rubbish", "http://127.0.0.1:7474", "bolt://127.0.0.1:notaport", "bolt://"])
async def test_an_address_that_can_not_be_used_is_told_as_such(uri: str):
    with pytest.raises(ConfigurationError):
        await Database.connect(uri, "neo4j", "x", patience=0.5)


@pytest.mark.usefixtures("empty_database")
async def test_a_routed_connection_reads_its_own_writes(neo4j_address: tuple[str, str]):
    database = await Database.connect(neo4j_address[0].replace("bolt://", "neo4j://"), "neo4j", neo4j_address[1])
    for place in range(20):
        await database.write(lambda tx, code=str(place): tx.run("CREATE (:Product {code: $code})", {"code": code}))
        rows = await database.read("MATCH (p:Product) RETURN count(p) AS n")
        assert rows[0]["n"] == place + 1
    await database.close()


async def test_more_calls_than_connections_wait_for_their_turn(neo4j_address: tuple[str, str]):
    database = await Database.connect(neo4j_address[0], "neo4j", neo4j_address[1], pool_size=2)
    answers = await asyncio.gather(*(database.read("RETURN $i AS i", {"i": i}) for i in range(50)))
    assert [rows[0]["i"] for rows in answers] == list(range(50))
    await database.close()
    with pytest.raises(DatabaseUnavailable, match="was closed"):
        await database.read("RETURN 1")


async def test_who_comes_again_does_not_overtake_who_waits(neo4j_address: tuple[str, str]):
    database = await Database.connect(neo4j_address[0], "neo4j", neo4j_address[1], pool_size=1)
    served: list[str] = []

    async def ask(name: str, times: int) -> None:
        for _ in range(times):
            await database.read("RETURN 1")
            served.append(name)

    greedy = [asyncio.create_task(ask("greedy", 60)) for _ in range(4)]
    await asyncio.sleep(0)
    await ask("patient", 10)
    await asyncio.gather(*greedy)
    await database.close()
    waits = [served[:at].count("greedy") for at, name in enumerate(served) if name == "patient"]
    assert [after - before for before, after in itertools.pairwise(waits)] == [4] * 9, "one of each greedy one at most"


async def test_when_every_connection_stays_busy_the_caller_is_told(neo4j_address: tuple[str, str]):
    database = await Database.connect(neo4j_address[0], "neo4j", neo4j_address[1], pool_size=1, timeout=1.0)
    busy = asyncio.create_task(database.read(LONG, timeout=3.0))
    await asyncio.sleep(0.2)
    with pytest.raises(DatabaseBusy, match="connections"):
        await database.read("RETURN 1")
    with pytest.raises(DatabaseTimeout):
        await busy
    await database.close()
