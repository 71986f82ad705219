"""A rush of calls: a real campaign's calls come in at ten times their rate, and none may be lost.

    NEO4J_PASSWORD=... python bench/call_burst.py BOLT_URI [--days 1] [--agents 60] [--speed 60] [--kill] [FILE]

The database given is EMPTIED. UCI bank marketing (S. Moro, R. Laureano and P. Cortez, ESM 2011) has the calls of a
campaign in the order in which they were made, with day, month and seconds of each talk. The hour is not recorded: each
day's calls are spread over eight opening hours by a seed. Nights are left out, arrivals come ten times as fast, talks
last as long as they lasted. `--days` takes that many days from the busiest one on (0: the whole file); `--speed` lets
the whole world, talks and waiting included, run so many times faster than a clock on the wall.

Server and worker are real processes, so are the agents; signals go over HTTP with a time of their own. Customers lose
their patience (exponential, three minutes), some numbers are withheld, some signals are sent twice or overtake each
other. With `--kill` server and worker are killed with SIGKILL in the middle and started again. Afterwards every call
must stand in the graph as answered, as a call back with its entry on the call list, or as a service request with its
number - as the agents' own notes say, read with the bare driver. Exits with 1 where one does not.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import csv
import datetime as dt
import heapq
import json
import math
import multiprocessing as mp
import os
import queue
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
import neo4j
from bank import free_port

from graph_crm.graph.database import Database
from graph_crm.graph.migrations import Migrator
from graph_crm.resources import folder
from graph_crm.security.roles import Role
from graph_crm.security.tokens import issue

FILE = Path(__file__).resolve().parents[2] / "shared" / "data" / "uci_bank_marketing" / "bank-full.csv"
SECRET = "benchmark-" * 5
OPEN_SECONDS = 8 * 3600.0
FASTER = 10.0
PATIENCE = 180.0
AFTER = 6 * 3600.0
"""Seconds of the replayed world after the last arrival, until which everybody is served."""
PROCESSES = 3
CUSTOMERS = 300
WAITING, ANSWERED, GONE = 0, 1, 2
KNOWN, TWICE, OVERTAKES, WITHHELD = 0.3, 0.05, 0.03, 0.03
ARRIVED = """mutation ($id: ID!, $number: String, $at: DateTime) {
  callArrived(id: $id, number: $number, queue: "campaign", at: $at) { id } }"""
SAID = (
    """mutation ($id: ID!, $agent: String!, $at: DateTime) { callAnswered(id: $id, agentId: $agent, at: $at) { id } }"""
)
LEFT = "mutation ($id: ID!, $at: DateTime) { callAbandoned(id: $id, at: $at) { id } }"
OVER = """mutation ($id: ID!, $end: CallEnd!, $note: String, $at: DateTime) {
  callEnded(id: $id, outcome: $end, note: $note, at: $at) { id } }"""
PEOPLE = """UNWIND range(0, $most - 1) AS n
CREATE (p:Party:Person {id: 'party:' + n, displayName: 'Customer ' + n, status: 'ACTIVE', version: 1, country: 'CZ',
  timeZone: 'Europe/Prague', language: 'cs'})
CREATE (c:ContactPoint {id: 'PHONE:+4206010' + right('0000' + toString(n), 5), kind: 'PHONE', blocked: false,
  valueKey: 'PHONE:+4206010' + right('0000' + toString(n), 5)})
CREATE (p)-[:REACHABLE_AT {id: 'at:' + n, since: date('2020-01-01'), preferred: true}]->(c)"""


@dataclass(frozen=True)
class Planned:
    """One call of the replay; seconds are of the replayed world."""

    id: str
    number: str | None
    at: float
    talk: float
    patience: float
    end: str


@dataclass(frozen=True)
class World:
    """The replayed world: when it began on the wall, how fast it runs, and what its signals are dated from."""

    started: float
    speed: float
    origin: float
    """Seconds since 1970 of its second 0; all of it lies in the past, as signals must."""

    def now(self) -> float:
        """The second that it is."""
        return (time.time() - self.started) * self.speed

    def stamp(self, second: float) -> str:
        """A second as a signal tells it."""
        return dt.datetime.fromtimestamp(self.origin + second, dt.UTC).isoformat(timespec="milliseconds")

    async def until(self, second: float) -> None:
        """Wait for a second."""
        await asyncio.sleep(max((second - self.now()) / self.speed, 0.0))


def recorded(file: Path) -> list[list[float]]:
    """The days of the campaign in file order, each with the seconds of its talks."""
    with file.open(newline="", encoding="utf-8") as text:
        rows = [(row["month"], row["day"], float(row["duration"])) for row in csv.DictReader(text, delimiter=";")]
    return [[row[2] for row in day] for _, day in groupby(rows, key=lambda row: row[:2])]


def planned(days: Sequence[Sequence[float]], seed: int, most: int | None) -> list[Planned]:
    """The calls of these days, ten times as fast as they came."""
    chance = random.Random(seed)
    calls: list[Planned] = []
    for number, talks in enumerate(days):
        begins = number * OPEN_SECONDS / FASTER
        offsets = sorted(chance.uniform(0, OPEN_SECONDS) for _ in talks)
        for offset, talk in zip(offsets, talks, strict=True):
            index = len(calls)
            known = chance.random() < KNOWN
            digits = f"{chance.randrange(CUSTOMERS):05}" if known else f"{50_000 + index % 49_999:05}"
            end = chance.choices(["SERVED", "CALLBACK", "REQUEST"], [0.88, 0.08, 0.04])[0]
            withheld = chance.random() < WITHHELD
            patience = chance.expovariate(1 / PATIENCE)
            number_of = None if withheld else f"+4206010{digits}"
            calls.append(Planned(f"call-{index:06}", number_of, begins + offset / FASTER, talk, patience, end))
    return calls[:most]


class Telling:
    """Sends signals until the server has taken them: a switchboard does not give up."""

    def __init__(self, port: int, seed: int) -> None:
        self._client = httpx.AsyncClient(timeout=20.0, limits=httpx.Limits(max_connections=40))
        self._url = f"http://127.0.0.1:{port}/graphql"
        self._headers = {"Authorization": f"Bearer {issue(SECRET, Role.SERVICE)}"}
        self._chance = random.Random(seed)
        self.milliseconds: list[float] = []
        self.repeated = 0

    async def tell(self, document: str, **variables: Any) -> None:
        """Send a signal until it is taken, now and then twice."""
        await self._once(document, variables)
        if self._chance.random() < TWICE:
            await self._once(document, variables)

    async def _once(self, document: str, variables: dict[str, Any]) -> None:
        while True:
            started = time.perf_counter()
            with contextlib.suppress(httpx.TransportError, json.JSONDecodeError):
                body = {"query": document, "variables": variables}
                answer = (await self._client.post(self._url, json=body, headers=self._headers)).json()
                if "errors" not in answer:
                    self.milliseconds.append((time.perf_counter() - started) * 1000)
                    return
                code = answer["errors"][0]["extensions"]["code"]
                if code not in {"DATABASE_UNAVAILABLE", "DATABASE_BUSY", "DATABASE_TIMEOUT", "REQUEST_TIMEOUT"}:
                    raise RuntimeError(str(answer["errors"][0]))
            self.repeated += 1
            await asyncio.sleep(0.1)

    def overtakes(self) -> bool:
        """Whether the end of a call is told before its answer."""
        return self._chance.random() < OVERTAKES


async def switchboard(calls: Sequence[Planned], world: World, telling: Telling, ringing: Any, states: Any) -> None:
    """Lets the calls come in and their customers lose patience."""
    pending: set[asyncio.Task[None]] = set()
    impatient: list[tuple[float, int]] = []

    async def abandon(index: int, second: float) -> None:
        with states.get_lock():
            if states[index] != WAITING:
                return
            states[index] = GONE
        await telling.tell(LEFT, id=calls[index].id, at=world.stamp(second))

    def later(work: Any) -> None:
        task = asyncio.create_task(work)
        pending.add(task)
        task.add_done_callback(pending.discard)

    index = 0
    while index < len(calls) or impatient:
        comes = calls[index].at if index < len(calls) else math.inf
        leaves = impatient[0][0] if impatient else math.inf
        await world.until(min(comes, leaves))
        if comes <= leaves:
            call = calls[index]
            later(telling.tell(ARRIVED, id=call.id, number=call.number, at=world.stamp(call.at)))
            ringing.put((index, call.at))
            heapq.heappush(impatient, (call.at + call.patience, index))
            index += 1
        else:
            second, gone = heapq.heappop(impatient)
            later(abandon(gone, second))
    while pending:
        await asyncio.gather(*pending)


def agents(
    number: int, count: int, calls: Sequence[Planned], world: World, port: int, ringing: Any, states: Any, notes: str
) -> None:
    """A process of agents: each takes the next customer, talks, and notes down what became of it."""

    async def work() -> None:
        telling = Telling(port, 100 + number)
        pool = ThreadPoolExecutor(count)
        loop = asyncio.get_running_loop()

        def take() -> tuple[int, float] | None:
            while True:
                try:
                    found: tuple[int, float] | None = ringing.get(timeout=1.0)
                except queue.Empty:
                    continue
                return found

        async def agent(name: str) -> None:
            while (found := await loop.run_in_executor(pool, take)) is not None:
                index, arrived = found
                call = calls[index]
                with states.get_lock():
                    if states[index] != WAITING:
                        continue
                    states[index] = ANSWERED
                answered = max(world.now(), arrived)
                signals = [
                    (SAID, {"agent": name, "at": world.stamp(answered)}),
                    (OVER, {"end": call.end, "note": "Told by an agent.", "at": world.stamp(answered + call.talk)}),
                ]
                if telling.overtakes():
                    signals.reverse()
                    await world.until(answered + call.talk)
                await telling.tell(signals[0][0], id=call.id, **signals[0][1])
                await world.until(answered + call.talk)
                await telling.tell(signals[1][0], id=call.id, **signals[1][1])
                note(notes, [call.id, round(answered - call.at, 3), call.end])

        await asyncio.gather(*[agent(f"agent-{number}-{one}") for one in range(count)])
        note(f"{notes}.http", {"milliseconds": telling.milliseconds, "repeated": telling.repeated})

    asyncio.run(work())


def note(file: str, line: Any) -> None:
    """Add a line to a file."""
    with Path(file).open("a", encoding="utf-8") as notes:
        notes.write(json.dumps(line) + "\n")


def noted(file: str) -> list[Any]:
    """The lines of a file; none where nobody wrote one."""
    found = Path(file)
    return [json.loads(line) for line in found.read_text("utf-8").splitlines()] if found.exists() else []


class Process:
    """A `graph-crm` process that can be killed and started again."""

    def __init__(self, *arguments: str, environment: dict[str, str]) -> None:
        self._arguments, self._environment = arguments, environment
        self.start()

    def start(self) -> None:
        """Start it."""
        command = [sys.executable, "-m", "graph_crm", *self._arguments]
        self._process = subprocess.Popen(command, env=self._environment)  # noqa: S603 - the platform's own command

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Let it end in good order."""
        self._process.terminate()
        self._process.wait(30)


async def ready(port: int) -> None:
    async with httpx.AsyncClient() as client:
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == httpx.codes.OK:
                    return
            await asyncio.sleep(0.1)
    raise RuntimeError("the server did not become ready")


async def faults(world: World, last: float, server: Process, worker: Process) -> None:
    """Kill the server and then the worker in the middle, and start them again."""
    await world.until(last * 0.4)
    server.kill()
    print("the server was killed", flush=True)
    server.start()
    await world.until(last * 0.6)
    worker.kill()
    print("the worker was killed", flush=True)
    await asyncio.sleep(1.0)
    worker.start()


async def prepared(uri: str, password: str) -> None:
    """An empty database of this version with customers in it."""
    database = await Database.connect(uri, "neo4j", password)
    empty = "MATCH (n) WHERE NOT n:Migration CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS"
    await database.execute(empty, timeout=300.0)
    await Migrator(database, folder("schema") / "migrations").migrate()
    await database.execute(PEOPLE, {"most": CUSTOMERS})
    await database.close()


@contextlib.contextmanager
def platform(uri: str, password: str, port: int) -> Iterator[tuple[Process, Process]]:
    """Server and worker."""
    with tempfile.TemporaryDirectory(prefix="graph-crm-bench-") as data:
        environment = {
            **os.environ,
            "NEO4J_URI": uri,
            "NEO4J_PASSWORD": password,
            "GRAPH_CRM_DATA_DIR": data,
            "GRAPH_CRM_JWT_SECRET": SECRET,
            "GRAPH_CRM_JWT_HS256": "true",
            "GRAPH_CRM_REQUESTS_PER_SECOND": '{"service": 1000000, "administrator": 1000000}',
            "GRAPH_CRM_LOG_LEVEL": "error",
        }
        server = Process("serve", "--port", str(port), environment=environment)
        worker = Process("worker", environment=environment)
        try:
            yield server, worker
        finally:
            worker.stop()
            server.stop()


def settled(uri: str, password: str, seconds: float) -> Counter[str]:
    """Wait until the worker has done what follows from the calls; the states of that work."""
    found: Counter[str] = Counter()
    with neo4j.GraphDatabase.driver(uri, auth=("neo4j", password)) as driver:
        for _ in range(round(seconds * 2)):
            rows = driver.execute_query(
                "MATCH (e:OutboxEntry {topic: 'call.settle'}) RETURN e.state AS state, count(*) AS n"
            ).records
            found = Counter({row["state"]: row["n"] for row in rows})
            if not found["PENDING"] and not found["LEASED"]:
                break
            time.sleep(0.5)
    return found


def wrong_ends(uri: str, password: str, calls: Sequence[Planned], notes: dict[str, tuple[float, str]]) -> list[str]:
    """What does not stand in the graph as it was: read with the bare driver, judged by the agents' notes."""
    statement = """MATCH (c:Call) RETURN c.id AS id, c.state AS state, c.waitSeconds AS wait, c.number AS number,
      EXISTS { (c)-[:CALLED_BACK_BY]->(:Delivery {channel: 'PHONE'}) } AS back,
      c.requestId IS NOT NULL AND EXISTS { MATCH (:ServiceRequest {number: c.requestId}) } AS request"""
    with neo4j.GraphDatabase.driver(uri, auth=("neo4j", password)) as driver:
        found = {row["id"]: row for row in driver.execute_query(statement).records}
    wrong = [f"{one}: nobody called so" for one in found.keys() - {call.id for call in calls}]
    for call in calls:
        row, note = found.get(call.id), notes.get(call.id)
        back = "REQUEST" if call.number is None else "CALLBACK"
        expected = back if note is None else {"SERVED": "ENDED", "CALLBACK": back, "REQUEST": "REQUEST"}[note[1]]
        if row is None:
            wrong.append(f"{call.id}: lost")
        elif row["state"] != expected:
            wrong.append(f"{call.id}: is {row['state']}, should be {expected}")
        elif (expected == "CALLBACK" and not row["back"]) or (expected == "REQUEST" and not row["request"]):
            wrong.append(f"{call.id}: is {expected} without one")
        elif note is not None and abs(row["wait"] - note[0]) > 0.01:  # noqa: PLR2004 - a rounded millisecond each way
            wrong.append(f"{call.id}: waited {row['wait']} s, should be {note[0]} s")
    return wrong


def percentile(numbers: Sequence[float], share: float) -> float:
    ordered = sorted(numbers)
    place = share * (len(ordered) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


async def queue_numbers(port: int, world: World) -> dict[str, Any]:
    """What the platform says of the queue."""
    query = """query ($since: DateTime) { callQueue(queue: "campaign", since: $since) {
      calls answered abandoned callbacks requests waiting talking p50 p95 serviceLevel } }"""
    headers = {"Authorization": f"Bearer {issue(SECRET, Role.ADMINISTRATOR)}"}
    body = {"query": query, "variables": {"since": world.stamp(0)}}
    async with httpx.AsyncClient(timeout=60.0) as client:
        answer = (await client.post(f"http://127.0.0.1:{port}/graphql", json=body, headers=headers)).json()
    numbers: dict[str, Any] = answer["data"]["callQueue"]
    return numbers


async def replay(options: argparse.Namespace, password: str, calls: Sequence[Planned]) -> int:
    port = free_port()
    context = mp.get_context("spawn")
    ringing, states = context.Queue(), context.Array("b", len(calls))
    with platform(options.uri, password, port) as (server, worker), tempfile.TemporaryDirectory() as place:
        await ready(port)
        started, last = time.time() + 3.0, calls[-1].at
        world = World(started, options.speed, started - last - AFTER)
        shares = [options.agents // PROCESSES + (one < options.agents % PROCESSES) for one in range(PROCESSES)]
        files = [f"{place}/notes-{one}" for one in range(PROCESSES)]
        crews = [
            context.Process(target=agents, args=(one, shares[one], calls, world, port, ringing, states, files[one]))
            for one in range(PROCESSES)
        ]
        for crew in crews:
            crew.start()
        telling = Telling(port, 1)
        killing = asyncio.create_task(faults(world, last, server, worker)) if options.kill else None
        await switchboard(calls, world, telling, ringing, states)
        if killing:
            await killing
        for _ in range(options.agents):
            ringing.put(None)
        for crew in crews:
            await asyncio.to_thread(crew.join)
        took = time.time() - started
        lines = [line for file in files for line in noted(file)]
        http = [line for file in files for line in noted(f"{file}.http")]
        await ready(port)
        work = settled(options.uri, password, options.patience)
        said = await queue_numbers(port, world)
    notes = {line[0]: (float(line[1]), str(line[2])) for line in lines}
    milliseconds = telling.milliseconds + [one for each in http for one in each["milliseconds"]]
    again = telling.repeated + sum(each["repeated"] for each in http)
    print(f"{len(calls)} calls in {took:.0f} s ({len(calls) / took:.1f}/s), {options.agents} agents")
    print(
        f"{len(milliseconds)} signals over HTTP: p50 {percentile(milliseconds, 0.5):.1f} ms, "
        f"p95 {percentile(milliseconds, 0.95):.1f} ms, p99 {percentile(milliseconds, 0.99):.1f} ms; sent again {again}"
    )
    waits = [wait for wait, _ in notes.values()]
    print(f"answered {len(notes)}, given up {len(calls) - len(notes)}; work: {dict(work)}")
    if waits:
        print(
            f"waits of the answered: p50 {percentile(waits, 0.5):.1f} s, p95 {percentile(waits, 0.95):.1f} s by the"
            f" agents' notes; p50 {said['p50']:.1f} s, p95 {said['p95']:.1f} s by callQueue"
        )
    print(f"callQueue: {said}")
    wrong = wrong_ends(options.uri, password, calls, notes)
    for line in wrong[:20]:
        print(f"WRONG {line}")
    print(f"calls lost or ended wrongly: {len(wrong)}")
    return 1 if wrong or work["FAILED"] or work["PENDING"] or work["LEASED"] else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("uri")
    parser.add_argument("file", nargs="?", type=Path, default=FILE)
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--calls", type=int, default=None, help="no more than so many")
    parser.add_argument("--agents", type=int, default=60)
    parser.add_argument("--speed", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patience", type=float, default=120.0, help="seconds to wait for the worker at the end")
    parser.add_argument("--kill", action="store_true")
    options = parser.parse_args()
    if not options.file.is_file():
        print(f"no {options.file}: nothing to replay")
        return 0
    days = recorded(options.file)
    busiest = max(range(len(days)), key=lambda one: len(days[one]))
    chosen = days if options.days == 0 else days[busiest : busiest + options.days]
    calls = planned(chosen, options.seed, options.calls)
    seconds = calls[-1].at / options.speed
    print(f"{len(calls)} calls of {len(chosen)} days; the arrivals take {seconds:.0f} s on the wall", flush=True)
    password = os.environ.get("NEO4J_PASSWORD", "")
    asyncio.run(prepared(options.uri, password))
    return asyncio.run(replay(options, password, calls))


if __name__ == "__main__":
    sys.exit(main())
