"""What is shown is written down within a second, before more is shown than can be; refusals fill no disk."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
from small_audit import ANNA, KEY, Ledger

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.audit import acting, reading
from graph_crm.audit.acting import Actor
from graph_crm.audit.journal import Batch, Journal
from graph_crm.audit.keys import AuditKey, Keyring
from graph_crm.audit.kinds import AuditKind
from graph_crm.audit.reading import AuditFull, Readings
from graph_crm.audit.verifying import Verifying
from graph_crm.errors import DatabaseUnavailable, Forbidden
from graph_crm.graph.database import Database
from graph_crm.security.roles import Caller, Role

AGENT = Caller("anna", Role.SERVICE)


class Store:
    """Stands for the database: takes batches, or can't be reached."""

    def __init__(self) -> None:
        self.away = False
        self.writes_fail = False
        self.asked = asyncio.Event()
        self.batches: list[Batch] = []

    async def write(self, work: Callable[[Any], Awaitable[None]]) -> None:
        self.asked.set()
        await asyncio.sleep(0)
        if self.away:
            raise DatabaseUnavailable("away")
        tx = type("Tx", (), {"notes": []})()
        await work(tx)
        self.batches += tx.notes

    @property
    def records(self) -> list[list[Any]]:
        return [record for batch in self.batches for record in batch.records]


def readings(
    store: Store, *, room: int = 100, clock: Callable[[], float] = time.time, window: float = 0.01
) -> Readings:
    journal = Journal(cast(Any, None), lambda: Keyring(AuditKey.of(KEY)))
    return Readings(cast(Database, store), journal, window=window, room=room, clock=clock)


async def test_reads_of_a_moment_are_one_entry_and_say_what_they_share_once() -> None:
    store = Store()
    reads = readings(store)
    with acting.acting(ANNA, "query Look", document="d0c"):
        for number in range(40):
            await reads.shown("party", [f"party-{number}"])
    await reads.drain()
    (batch,) = store.batches
    assert len(batch.contexts) == 1
    assert [record[2] for record in batch.records] == [[f"party-{number}"] for number in range(40)]


async def test_what_comes_while_an_entry_is_written_waits_for_the_next_one() -> None:
    """A write takes longer than a read: without a pause between them a busy server would do little else."""
    store = Store()
    reads = readings(store, window=0.02)
    written: list[float] = []
    enough = asyncio.Event()
    write = store.write

    async def busy(work: Callable[[Any], Awaitable[None]]) -> None:
        written.append(asyncio.get_running_loop().time())
        if len(written) == 5:
            enough.set()
        else:
            await reads.shown("party", [f"party-{len(written)}"], made=acting.Acting(ANNA))
        await write(work)

    store.write = busy  # type: ignore[method-assign]
    await reads.shown("party", ["party-0"], made=acting.Acting(ANNA))
    await enough.wait()
    await reads.drain()
    assert all(later - earlier > 0.01 for earlier, later in pairwise(written))
    assert [record[2] for record in store.records] == [[f"party-{number}"] for number in range(5)]


async def test_what_can_not_be_written_now_is_kept_and_written_as_soon_as_it_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "AGAIN_SECONDS", 0.01)
    store = Store()
    store.away = True
    reads = readings(store)
    with acting.acting(ANNA):
        await reads.shown("party", ["party-1"])
        reads.denied("FORBIDDEN", ANNA, "Query.parties")
    await store.asked.wait()
    store.away = False
    await reads.drain()
    assert [(record[2], record[3]) for record in store.records] == [(["party-1"], 1), ([], 1)]


async def test_nothing_more_is_shown_where_too_much_could_not_be_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "ROOM_SECONDS", 0.02)
    monkeypatch.setattr(reading, "AGAIN_SECONDS", 0.01)
    store = Store()
    store.away = True
    reads = readings(store, room=3)
    with acting.acting(ANNA):
        for _ in range(2):
            await reads.shown("party", ["party-1"])
        with pytest.raises(AuditFull):
            await reads.shown("party", ["party-1"])
        store.away = False
        await reads.shown("party", ["party-2"])
    await reads.close()
    assert len(store.records) == 4, "what was refused was written down, too: it might have been shown"


async def test_a_database_that_takes_no_change_is_not_read_from_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "AGAIN_SECONDS", 0.01)
    now = 1_000_000_000.0
    store = Store()
    store.away = store.writes_fail = True
    reads = readings(store, clock=lambda: now)
    with acting.acting(ANNA):
        await reads.shown("party", ["party-1"])
        await store.asked.wait()
        await asyncio.sleep(0.001)
        await reads.shown("party", ["party-2"])
        now += reading.ROOM_SECONDS
        with pytest.raises(AuditFull):
            await reads.shown("party", ["party-3"])
        store.away = False
        await reads.drain()
        await reads.shown("party", ["party-4"])
    await reads.close()


async def test_whose_data_were_shown_is_told_of_all_of_them_in_entries_of_a_bounded_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "MOST_IDS", 10)
    monkeypatch.setattr(reading, "ENTRY_IDS", 30)
    store = Store()
    reads = readings(store)
    with acting.acting(ANNA):
        for page in range(4):
            await reads.shown("parties", [f"party-{page}-{number}" for number in range(25)])
    await reads.drain()
    told = [one for record in store.records for one in record[2]]
    assert told == [f"party-{page}-{number}" for page in range(4) for number in range(25)]
    assert max(len(record[2]) for record in store.records) == 10
    assert [sum(len(record[2]) for record in batch.records) for batch in store.batches] == [25] * 4


async def test_what_ends_the_writing_against_all_expectation_is_told_and_leaves_no_task_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    heard = asyncio.Event()

    def critical(text: str, **_: object) -> None:
        told.append(text)
        heard.set()

    monkeypatch.setattr(reading._logger, "critical", critical)
    store = Store()
    reads = readings(store)

    async def broken(_work: object) -> None:
        raise RuntimeError("the loop is closed")

    store.write = broken  # type: ignore[method-assign,assignment]
    with acting.acting(ANNA):
        await reads.shown("party", ["party-1"])
    await asyncio.wait_for(heard.wait(), 10)
    assert reads._writing is None
    gc.collect()
    assert told == ["the audit stopped writing what was read"]
    assert reads.waiting == 1, "what was not written is not forgotten"


async def test_what_waits_is_written_when_the_process_stops() -> None:
    store = Store()
    reads = readings(store)
    with acting.acting(ANNA):
        await reads.shown("party", ["party-1"])
    await reads.close()
    assert len(store.records) == 1


async def test_equal_refusals_of_a_second_are_counted_and_a_flood_of_different_ones_is_folded() -> None:
    now = 1_000_000_020.5
    store = Store()
    reads = readings(store, clock=lambda: now)
    for number in range(20_000):
        reads.denied("UNAUTHENTICATED", Actor("nobody", "none", f"192.0.{number % 5000 // 250}.{number % 250}"))
    for _ in range(500):
        reads.denied("FORBIDDEN", ANNA, "Party.birthDate")
    await reads.drain()
    assert len(store.records) <= reading.DENIALS_A_MINUTE + 2
    assert sum(record[3] for record in store.records) == 20_500, "none is lost"
    one_caller = [record for record in store.records if record[3] == 500]
    assert len(one_caller) == 1


async def test_no_flood_of_others_hides_who_was_refused() -> None:
    now = 1_000_000_020.5
    store = Store()
    reads = readings(store, clock=lambda: now)
    for number in range(2_000):
        reads.denied("UNAUTHENTICATED", Actor("nobody", "none", "192.0.2.1", f"Agent/{number}"))
        reads.denied("FORBIDDEN", ANNA, "Party.birthDate", operation=f"query Q{number}")
    reads.denied("FORBIDDEN", Actor("eva", "analyst", "192.0.2.8"), "Query.parties")
    await reads.drain()
    told: dict[str, int] = {}
    for batch in store.batches:
        for record in batch.records:
            who = batch.contexts[record[1]]["who"]
            told[who] = told.get(who, 0) + record[3]
    assert told == {"nobody": 2_000, "anna": 2_000, "eva": 1}
    assert len(store.records) <= reading.DENIALS_A_MINUTE + reading.DENIALS_OF_ONE + 3


@pytest.mark.lts
async def test_answers_say_whose_data_of_which_classes_they_showed_and_refusals_are_there(ledger: Ledger) -> None:
    await ledger.database.execute("CREATE (:Party:Person {id: 'party-1', displayName: 'Anna Nowak', status: 'ACTIVE'})")
    executor = Executor(platform_schema(), ledger.database, audit=ledger.audit)

    async def ask(query: str, caller: Caller = AGENT) -> dict[str, Any]:
        return await executor.execute(Request(query, caller, actor=Actor(caller.subject, caller.role, "192.0.2.7")))

    await ask('query Look { me: party(id: "party-1") { displayName ... on Person { birthDate } } }')
    await ask('{ consentState(partyId: "party-1", purpose: MARKETING, channel: SMS) { status: __typename } }')
    await ask("{ parties { nodes { id } } }")
    await ask("{ products { nodes { code } } }")
    await ask('{ party(id: "nobody") { id } }')
    await ask("{ parties { nodes { id } } }", Caller("kim", Role.CUSTOMER, "party-1"))
    await ledger.audit.readings.drain()
    told = [(one.kind, one.what, one.who, one.ids, one.classes) for one in await ledger.records()]
    assert told == [
        (AuditKind.READ, "party", "anna", ("party-1",), ("identity", "recognition")),
        (AuditKind.READ, "consentState", "anna", ("party-1",), ()),
        (AuditKind.READ, "parties", "anna", ("party-1",), ("recognition",)),
        (AuditKind.DENIAL, "FORBIDDEN Query.parties", ledger.hidden("kim"), (), ()),
    ]
    first = (await ledger.records())[0]
    assert (first.operation, first.address, first.fields) == (
        "query Look", "192.0.2.7", ("Party(displayName)", "Person(birthDate)"),
    )  # fmt: skip


async def test_two_who_write_at_once_write_each_read_once() -> None:
    store = Store()
    reads = readings(store)
    with acting.acting(ANNA):
        for number in range(30):
            await reads.shown("party", [f"party-{number}"])
            if number % 7 == 0:
                await asyncio.gather(reads.drain(), reads.drain(), reads.shown("party", [f"more-{number}"]))
    await reads.drain()
    names = [record[2][0] for record in store.records]
    assert len(names) == len(set(names)) == 35


@pytest.mark.lts
async def test_a_subscription_that_is_refused_is_written_down(ledger: Ledger) -> None:
    executor = Executor(platform_schema(), ledger.database, audit=ledger.audit)
    asked = Request('subscription Follow { requestChanged(number: "SR-7") { status } }', Caller("eva", Role.ANALYST))

    async def follow() -> None:
        async for _ in executor.subscribe(asked):
            raise AssertionError("nothing is told")

    with pytest.raises(Forbidden):
        await asyncio.create_task(follow())
    await ledger.audit.readings.drain()
    (one,) = await ledger.records()
    assert (one.kind, one.who, one.operation) == (AuditKind.DENIAL, "eva", "subscription Follow")


CHILD = """
import asyncio, sys
from graph_crm.audit import acting
from graph_crm.audit.keys import AuditKey, Keyring
from graph_crm.audit.service import Audit
from graph_crm.graph.database import Database

async def main():
    database = await Database.connect(sys.argv[1], "neo4j", sys.argv[2])
    keys = Keyring(AuditKey.of(sys.argv[3]))
    audit = Audit(database, lambda: keys)
    audit.attach()
    number = 0
    with acting.acting(acting.Actor("anna", "agent")):
        await audit.readings.shown("party", ["party-of-the-first-plan"])
        await audit.readings.drain()
        while True:
            await audit.readings.shown("party", [f"party-{number}"])
            print(number, flush=True)
            number += 1
            await asyncio.sleep(0.005)

asyncio.run(main())
"""


@pytest.mark.lts
async def test_a_process_that_is_killed_loses_at_most_the_last_second(
    empty_database: Database, neo4j_address: tuple[str, str], tmp_path: Path
) -> None:
    script = tmp_path / "reader.py"
    script.write_text(CHILD)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), *neo4j_address, KEY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    told: list[tuple[float, int]] = []
    due: list[int] = []
    while len(due) < 20:
        told.append((time.monotonic(), int(await process.stdout.readline())))
        # On a busy machine the child itself stands still now and then.
        still = max((later[0] - earlier[0] for earlier, later in pairwise(told)), default=0.0)
        due = [number for at, number in told if at < told[-1][0] - 1.0 - still]
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    (row,) = await empty_database.read("MATCH (e:AuditEntry) RETURN collect(e.body) AS bodies, sum(e.records) AS n")
    kept = " ".join(row["bodies"])
    assert [number for number in due if f'"party-{number}"' not in kept] == []
    verdict = await Verifying(empty_database, Keyring(AuditKey.of(KEY))).run()
    assert verdict.sound, verdict.findings
