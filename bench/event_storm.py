"""The proof that work is not lost: a storm of events through real workers that are killed, cut off and slowed down.

    python bench/event_storm.py [--events 1000000] [--seed 1] [--workers 2] [--no-faults]

It starts an embedded Neo4j of its own in a temporary folder and real `graph-crm worker` processes, whose lines to Neo4j
run through a proxy. Events are recorded in batches while the workers handle them; some batches are sent twice. By the
seed, workers and Neo4j are killed with SIGKILL, all lines are cut, and a plugin takes longer than a lease. At the end
an independent program (`storm/count.py`) counts what is in the graph. Exits with 1 where anything is lost or doubled,
or where the memory of a worker grew.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from platformdirs import user_cache_path

from graph_crm import bootstrap
from graph_crm.contacts.kinds import Channel
from graph_crm.errors import CrmError
from graph_crm.events.service import EventService, RecordEvent
from graph_crm.graph.database import Database
from graph_crm.graph.engine import Address, Engine, EngineConfig
from graph_crm.products.catalogue import load_catalogue
from graph_crm.settings import Settings

HERE = Path(__file__).parent / "storm"
BATCH = 500
"""Events recorded in one transaction."""
SENT_TWICE = 0.05
"""Share of the batches that are sent again."""
LEASE_SECONDS = 5.0
BETWEEN_CUTS = 8.0
"""Seconds between two cuts of all lines, about."""
LARGEST_GROWTH = 1.10
"""By so much the memory of a worker may grow from the first half of its samples to the last quarter."""
SETTLED_SECONDS = 60.0
"""A worker that lived shorter than this after its first samples says nothing about memory."""

NO_SECRET = "what the platform wants to be set, and nobody signs with here"  # noqa: S105 - it is none

MIX = (
    ("page_view", 0.56),
    ("card_payment", 0.32),
    ("login", 0.07),
    ("product_page_view", 0.03),
    ("atm_balance_check", 0.02),
)
"""What happens, and how often; about balance checks something is decided."""
DECIDING = "atm_balance_check"

CUSTOMERS = """
UNWIND range($first, $last) AS n
CREATE (p:Party:Person {id: 'c' + n, displayName: 'Customer ' + n, status: 'ACTIVE', version: 1, country: 'CZ',
  birthDate: date('1980-01-01'), timeZone: 'Europe/Prague'})
CREATE (p)-[:REACHABLE_AT {id: 'r' + n, since: date('2020-01-01'), preferred: true}]->(:ContactPoint {kind: 'PHONE',
  id: 'PHONE:+420' + (600000000 + n), valueKey: 'PHONE:+420' + (600000000 + n), value: '+420' + (600000000 + n),
  blocked: false})
CREATE (p)-[:GAVE]->(:Consent {id: 'consent:' + n, partyId: p.id, purpose: 'MARKETING', status: 'GRANTED',
  at: datetime('2026-01-01T00:00:00Z'), recordedAt: datetime('2026-01-01T00:00:00Z')})
CREATE (p)-[:HOLDS {id: 'h' + n, role: 'OWNER', since: date('2020-01-01')}]->(:Agreement {id: 'a' + n, status: 'ACTIVE',
  productCode: 'CURRENT_ACCOUNT', familyCode: 'CURRENT_ACCOUNT', openedOn: date('2020-01-01'),
  statusDates: [date('2020-01-01')], statusValues: ['ACTIVE']})
"""
BACKLOG = """
UNWIND ['PENDING', 'LEASED', 'FAILED'] AS state
RETURN state, COUNT {
  MATCH (o:OutboxEntry)
  WHERE o.topic = 'event.recorded' AND o.state = state AND o.availableAt IS NOT NULL // as the index wants it
} AS entries
"""


@dataclass
class Plan:
    """What the storm is made of; the same numbers make the same storm."""

    events: int
    seed: int
    workers: int
    customers: int
    faults: bool
    concurrency: int
    deciding: list[int] = field(default_factory=list)

    def batches(self) -> Iterator[list[RecordEvent]]:
        """All batches in the order in which they are sent, repetitions included."""
        chance = random.Random(self.seed)
        kinds = [kind for kind, _ in MIX]
        weights = [weight for _, weight in MIX]
        recent: list[list[RecordEvent]] = []
        for first in range(0, self.events, BATCH):
            numbers = range(first, min(first + BATCH, self.events))
            types = chance.choices(kinds, weights, k=len(numbers))
            self.deciding += [n for n, kind in zip(numbers, types, strict=True) if kind == DECIDING]
            batch = [self._event(n, kind, chance) for n, kind in zip(numbers, types, strict=True)]
            yield batch
            recent = [*recent[-9:], batch]
            if chance.random() < SENT_TWICE:
                again = chance.choice(recent)  # handled by now, or not yet, or half of it
                yield chance.sample(again, len(again))

    def _event(self, number: int, kind: str, chance: random.Random) -> RecordEvent:
        payload: dict[str, Any] | None = None
        channel: Channel | None = Channel.ONLINE
        if kind == "page_view":
            payload = {"page": f"/page/{chance.randrange(200)}"}
        elif kind == "product_page_view":
            payload = {"productCode": chance.choice(("SMALL_LOAN", "SAVINGS_ACCOUNT", "CREDIT_CARD"))}
        elif kind == "card_payment":
            payload, channel = {"amount": f"{chance.randrange(100, 900000) / 100:.2f}", "currency": "CZK"}, None
        elif kind == DECIDING:
            channel = Channel.ATM
        return RecordEvent(
            type=kind,
            party_id=f"c{chance.randrange(self.customers)}",
            id=f"storm:{number:08d}",
            channel=channel,
            source="storm",
            payload=payload,
        )


class Workers:
    """Real worker processes; one that was killed is started again, as a supervisor would."""

    def __init__(self, count: int, environment: dict[str, str], log: Path, concurrency: int) -> None:
        self._environment = environment
        self._log = log
        self._command = [sys.executable, "-m", "graph_crm", "worker", "--concurrency", str(concurrency)]
        self.samples: dict[int, list[tuple[float, int]]] = {}
        """By process, its resident memory in bytes and when it was looked at."""
        self.kills = 0
        self.running = [self._start() for _ in range(count)]

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)  # noqa: S603 - ours

    def kill(self, chance: random.Random) -> None:
        """Kill one of them where it stands."""
        place = chance.randrange(len(self.running))
        self.running[place].send_signal(signal.SIGKILL)
        self.running[place].wait()
        self.kills += 1
        self.running[place] = self._start()

    def sample(self) -> None:
        """Look at the memory of those that run. Raises where one ended by itself."""
        for worker in self.running:
            if worker.poll() is not None:
                raise SystemExit(f"a worker ended by itself with {worker.returncode}; its log is {self._log}")
            with contextlib.suppress(psutil.Error):
                memory = psutil.Process(worker.pid).memory_info().rss
                self.samples.setdefault(worker.pid, []).append((time.monotonic(), memory))

    def growth(self) -> dict[int, tuple[float, float, float]]:
        """By process that lived long enough: MiB at first and at last, and the last as a multiple of the first."""
        found = {}
        for pid, samples in self.samples.items():
            # The first seconds are the start: modules, plugins, the first pages of everything.
            later = [memory for at, memory in samples if at - samples[0][0] >= SETTLED_SECONDS / 2]
            if samples[-1][0] - samples[0][0] < SETTLED_SECONDS or len(later) < 8:  # noqa: PLR2004 - two a quarter
                continue
            first = statistics.median(later[: len(later) // 2])
            last = statistics.median(later[-len(later) // 4 :])
            found[pid] = (first / 2**20, last / 2**20, last / first)
        return found

    def stop(self) -> list[int | None]:
        """Ask all of them to end in order; their exit codes."""
        for worker in self.running:
            worker.terminate()
        for worker in self.running:
            try:
                worker.wait(30)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        return [worker.returncode for worker in self.running]


@dataclass
class Progress:
    """How far a storm is."""

    recorded: int = 0
    handled: int = 0
    repeated: int = 0
    """Events that were sent again and changed nothing."""
    all_recorded: float = 0.0
    """Seconds after which the last event was recorded."""
    interrupted: int = 0
    """Batches that had to be sent again because Neo4j was away."""
    started: float = field(default_factory=time.monotonic)
    marks: list[tuple[float, int]] = field(default_factory=list)
    """Seconds since the start, and how many were handled by then."""


async def record(events: EventService, plan: Plan, progress: Progress) -> None:
    """Record the storm, each batch until it is acknowledged."""
    for batch in plan.batches():
        while True:
            try:
                done = await events.record_many(batch)
                break
            except CrmError as error:
                progress.interrupted += 1
                print(f"  a batch is sent again: {error.code}", flush=True)
                await asyncio.sleep(0.5)
        if done.refused:
            raise SystemExit(f"an event was refused: {done.refused[0].reason}")
        progress.recorded += len(done.recorded)
        progress.repeated += len(done.duplicates)


async def watch(
    database: Database, engine: Engine, workers: Workers, plan: Plan, progress: Progress, recording: asyncio.Task[None]
) -> None:
    """Sample, print, and do harm by the plan, until everything is handled."""
    chance = random.Random(plan.seed + 1)
    harm = harms(plan, chance)
    told = 0.0
    between = min(max(plan.events / 200_000, 0.5), 5.0)  # a long backlog takes long to count
    while True:
        await asyncio.sleep(between)
        workers.sample()
        before = progress.recorded
        open_now = await backlog(database)
        if recording.done() and not progress.all_recorded:
            recording.result()
            progress.all_recorded = time.monotonic() - progress.started
        if open_now is not None:
            progress.handled = max(progress.handled, before - open_now)
            progress.marks.append((time.monotonic() - progress.started, progress.handled))
        while harm and progress.handled >= harm[0][0]:
            _, what = harm.pop(0)
            print(f"  {progress.handled:,} handled: kill -9 of {what}", flush=True)
            if what == "a worker":
                workers.kill(chance)
            else:
                pid = (await asyncio.to_thread(engine.status)).pid
                if pid:
                    os.kill(pid, signal.SIGKILL)
        if time.monotonic() - told >= (2.0 if plan.events < 100_000 else 10.0):  # noqa: PLR2004 - a short run
            told = time.monotonic()
            tell(plan, progress)
        if recording.done() and open_now == 0 and not harm:
            return


def harms(plan: Plan, chance: random.Random) -> list[tuple[int, str]]:
    """What is killed, and after how many handled events: workers and Neo4j, spread over the run."""
    if not plan.faults:
        return []
    rounds = 1 + plan.events // 250_000
    found = []
    for number in range(rounds):
        start, width = number / rounds, 1 / rounds
        for what, place in (("a worker", 0.2), ("Neo4j", 0.45), ("a worker", 0.7)):
            share = start + width * (place + chance.uniform(-0.1, 0.1))
            found.append((int(plan.events * share), what))
    return sorted(found)


async def backlog(database: Database) -> int | None:
    """How many recorded events are not handled yet; None while nobody answers."""
    try:
        return sum(int(row["entries"]) for row in await database.read(BACKLOG, timeout=10.0))
    except CrmError:
        return None


def tell(plan: Plan, progress: Progress) -> None:
    """One line of progress."""
    seconds = time.monotonic() - progress.started
    rate = progress.handled / seconds
    left = (plan.events - progress.handled) / rate if rate else 0.0
    print(
        f"{seconds:7.1f} s  recorded {progress.recorded:>9,}  handled {progress.handled:>9,}"
        f"  {rate:6,.0f}/s  about {left:,.0f} s more",
        flush=True,
    )


def sustained(progress: Progress, since: float = 0.0) -> float:
    """Handled events a second, the median over windows of ten seconds: what kills take away counts as well."""
    windows = []
    marks = [mark for mark in progress.marks if mark[0] >= since] or progress.marks[-1:]
    for place, (at, handled) in enumerate(marks):
        later = next((mark for mark in marks[place:] if mark[0] >= at + 10), None)
        if later is not None:
            windows.append((later[1] - handled) / (later[0] - at))
    if not windows:
        (first, before), (last, after) = marks[0], marks[-1]
        return (after - before) / (last - first) if last > first else 0.0
    return statistics.median(windows)


@contextlib.asynccontextmanager
async def proxied(address: Address, plan: Plan) -> AsyncIterator[str]:
    """The address of a line to Neo4j that is cut now and then; without faults the straight one."""
    if not plan.faults:
        yield address.uri
        return
    port = address.uri.rpartition(":")[2]
    command = [sys.executable, str(HERE / "proxy.py"), port, str(plan.seed), str(BETWEEN_CUTS)]
    proxy = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220, S603 - ours, and it starts at once
    assert proxy.stdout is not None  # noqa: S101 - asked for
    try:
        yield f"bolt://127.0.0.1:{int(await asyncio.to_thread(proxy.stdout.readline))}"
    finally:
        proxy.kill()
        proxy.wait()
        for end in (proxy.stdin, proxy.stdout):
            if end is not None:
                end.close()


def environment(uri: str, address: Address, place: Path, plan: Plan) -> dict[str, str]:
    """The environment of the workers."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GRAPH_CRM_", "NEO4J_"))}
    told = {
        "GRAPH_CRM_DATA_DIR": str(place / "worker"),
        "GRAPH_CRM_NEO4J_URI": uri,
        "GRAPH_CRM_NEO4J_USERNAME": address.user,
        "GRAPH_CRM_NEO4J_PASSWORD": address.password,
        "GRAPH_CRM_JWT_SECRET": NO_SECRET,
        "GRAPH_CRM_WORKER_LEASE": str(LEASE_SECONDS),
        "STORM_SLOW_SECONDS": str(LEASE_SECONDS + 1 if plan.events >= 100_000 else 0.3),  # noqa: PLR2004 - a short run
    }
    if plan.faults:
        told["GRAPH_CRM_PLUGINS_DIR"] = str(HERE / "plugins")
    return {**kept, **told}


async def storm(plan: Plan, place: Path, cache: Path, version: str) -> int:
    """Everything from the start of Neo4j to the count; the exit code."""
    config = EngineConfig(data_dir=place / "data", cache_dir=cache, version=version, heap_mb=1024, pagecache_mb=512)
    engine = Engine(config)
    address = await asyncio.to_thread(engine.ensure_running)
    try:
        settings = Settings(
            data_dir=place / "bench",
            neo4j_uri=address.uri,
            neo4j_username=address.user,
            neo4j_password=address.password,
            jwt_secret=NO_SECRET,
        )
        async with bootstrap.running(settings) as platform, proxied(address, plan) as line:
            await load_catalogue(platform.database)
            for first in range(0, plan.customers, 1000):
                bounds = {"first": first, "last": min(first + 999, plan.customers - 1)}
                await platform.database.execute(CUSTOMERS, bounds)
            workers = Workers(plan.workers, environment(line, address, place, plan), place / "log", plan.concurrency)
            progress = Progress()
            try:
                recording = asyncio.create_task(record(platform.service(EventService), plan, progress))
                await watch(platform.database, engine, workers, plan, progress, recording)
            finally:
                codes = workers.stop()
        return await asyncio.to_thread(judged, plan, progress, workers, codes, address, place)
    finally:
        await asyncio.to_thread(engine.stop)


def judged(
    plan: Plan, progress: Progress, workers: Workers, codes: Sequence[int | None], address: Address, place: Path
) -> int:
    """Have everything counted, and print what was found."""
    sent = place / "sent.json"
    sent.write_text(json.dumps({"events": plan.events, "deciding": plan.deciding}), "utf-8")
    counted = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, str(HERE / "count.py"), address.uri, str(sent)],
        env={**os.environ, "NEO4J_PASSWORD": address.password},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = progress.marks[-1][0]
    print(counted.stdout, counted.stderr)
    print(
        f"{plan.events:,} events in {seconds:,.1f} s: {plan.events / seconds:,.0f}/s recorded and handled;"
        f" sustained {sustained(progress):,.0f}/s, after the last was recorded (at {progress.all_recorded:,.1f} s)"
        f" {sustained(progress, progress.all_recorded):,.0f}/s"
    )
    print(
        f"{progress.repeated:,} sent twice, {progress.interrupted} batches cut off, {workers.kills} workers killed,"
        f" exit codes of the others {codes}"
    )
    grown = workers.growth()
    for pid, (first, last, times) in grown.items():
        print(f"worker {pid}: {first:.0f} MiB, at the end {last:.0f} MiB, x{times:.2f}")
    flat = all(times <= LARGEST_GROWTH for _, _, times in grown.values())
    well = counted.returncode == 0 and flat and not any(codes)
    print("nothing lost, nothing twice, memory flat" if well else "SOMETHING IS WRONG")
    return 0 if well else 1


def main() -> int:
    """Read the options and let the storm loose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--no-faults", action="store_true")
    parser.add_argument("--version", default="2026.04.0")
    parser.add_argument("--cache", type=Path, default=user_cache_path("graph-crm", appauthor=False))
    told = parser.parse_args()
    plan = Plan(told.events, told.seed, told.workers, told.customers, not told.no_faults, told.concurrency)
    with tempfile.TemporaryDirectory(prefix="event-storm-", ignore_cleanup_errors=True) as place:
        if sys.platform == "win32":
            return asyncio.run(storm(plan, Path(place), told.cache, told.version))
        import uvloop  # noqa: PLC0415 - not for Windows

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(storm(plan, Path(place), told.cache, told.version))


if __name__ == "__main__":
    sys.exit(main())
