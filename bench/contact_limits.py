"""Proof that no contact limit is ever exceeded: many processes and tasks, some of them killed in the middle.

    NEO4J_PASSWORD=... python bench/contact_limits.py BOLT_URI [--attempts 100000] [--processes 8] [--tasks 64] ...

The database given is EMPTIED. Its customers share households and phones; several limits hold at once, for the
customer, the household and the phone. Every process asks for slots for random customers in so many tasks at once, then
confirms, gives back, forgets or confirms too late. The windows of the limits last seconds, not days, so that each
customer is contacted many times. Some processes are killed with SIGKILL in the middle and started again for the rest.

Afterwards `bench/contact_check.py`, which shares nothing with the platform, reads the stored contacts and counts
breaches. When the time to live of the last slot has passed, the desk must say of every customer the very instant that
the checker finds from the stored contacts alone, to the millisecond; and when the windows have passed, it must give
every customer a slot. So no slot is lost. Exits with 1 where anything is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from contact_attempts import ATTEMPTS, KINDS, RECORD, policy

from graph_crm.contacts.desk import ContactDesk
from graph_crm.contacts.slots import Reserved
from graph_crm.graph.database import Database
from graph_crm.graph.migrations import Migrator
from graph_crm.resources import folder

HERE = Path(__file__).parent
DAY = 86_400.0
LIMITS: list[tuple[str, int, float, str, list[str]]] = [
    ("calls", 1, 20.0, "customer", ["PHONE"]),
    ("contacts", 3, 75.0, "customer", ["PHONE", "SMS"]),
    ("household_calls", 1, 8.0, "household", ["PHONE"]),
    ("household_contacts", 4, 36.0, "household", ["PHONE", "SMS"]),
    ("phone_contacts", 2, 16.0, "contact_point", ["PHONE", "SMS"]),
]
"""Name, how many, within how many seconds, whose, by which channels."""

BUILD = """
UNWIND $people AS one
CREATE (p:Party:Person {id: one.id, displayName: one.id, status: 'ACTIVE', version: 1, country: 'CZ',
  timeZone: 'Europe/Prague'})
CREATE (p)-[:GAVE]->(:Consent {id: 'consent:' + one.id, partyId: one.id, purpose: 'MARKETING', status: 'GRANTED',
  at: $since, recordedAt: $since, source: 'bench'})
MERGE (h:Household {id: one.household}) CREATE (p)-[:MEMBER_OF {id: 'm:' + one.id, since: date($since)}]->(h)
FOREACH (phone IN one.phones |
  MERGE (c:ContactPoint {valueKey: phone}) ON CREATE SET c.id = phone, c.kind = 'PHONE', c.blocked = false
  CREATE (p)-[:REACHABLE_AT {id: one.id + phone, since: date($since), preferred: phone = one.phones[0]}]->(c))
"""


def people(count: int) -> list[dict[str, Any]]:
    """Customers in households of three; a phone is shared across households, a third of them have two."""
    chance = random.Random(4)
    phones = max(count * 2 // 5, 1)
    return [
        {
            "id": f"customer:{number}",
            "household": f"household:{number // 3}",
            "phones": [
                f"PHONE:+4206{phone:08}"
                for phone in chance.sample(range(phones), min(2 if number % 3 == 0 else 1, phones))
            ],
        }
        for number in range(count)
    ]


async def prepare(uri: str, plan: dict[str, Any], made: list[dict[str, Any]]) -> None:
    """An empty bank with these customers."""
    database = await Database.connect(uri, "neo4j", os.environ["NEO4J_PASSWORD"])
    try:
        await database.execute(
            "MATCH (n) WHERE NOT n:Migration AND NOT n:Lock CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS",
            timeout=300.0,
        )
        await Migrator(database, folder("schema") / "migrations").migrate()
        since = dt.datetime.now(dt.UTC) - dt.timedelta(days=400)
        await database.write(lambda tx: tx.run(BUILD, {"people": made, "since": since}))
        await warm(database, plan, made)
    finally:
        await database.close()


HISTORY = """
UNWIND range(0, $each - 1) AS number
MATCH (p:Party)-[:REACHABLE_AT]->(c:ContactPoint)
WITH p, number, head(collect(c)) AS c
WITH p, c, p.id + ':' + toString(number) AS id, $since + duration({hours: 24 * number}) AS at
CREATE (p)-[:RESERVED]->(r:Reservation {id: 'old:' + id, key: 'old:' + id, partyId: p.id, channel: 'PHONE',
  direction: 'OUTBOUND', actionClass: 'PROMOTIONAL', purpose: 'MARKETING', pointKey: c.valueKey, state: 'CONFIRMED',
  createdAt: at, at: at, until: at + duration({minutes: 15}), endedAt: at})
CREATE (p)-[:HAD]->(i:Interaction {id: 'old:' + id, channel: 'PHONE', direction: 'OUTBOUND', at: at,
  actionClass: 'PROMOTIONAL', purpose: 'MARKETING', pointKey: c.valueKey})<-[:BECAME]-(r)
"""


async def warm(database: Database, plan: dict[str, Any], made: list[dict[str, Any]]) -> None:
    """Give the bank a past, and let Neo4j plan and compile the statements, as those of a bank that runs are.

    A graph that grows from nothing makes Neo4j plan its statements anew again and again, which no bank sees.
    """
    await database.write(
        lambda tx: tx.run(HISTORY, {"since": dt.datetime.now(dt.UTC) - dt.timedelta(days=300), "each": 100}),
        timeout=120,
    )
    await database.execute("CALL db.resampleOutdatedIndexes()")
    used = policy(plan)
    desk = ContactDesk(database, lambda: used)
    for one in made * (60 // len(made) + 1):
        held = await desk.reserve(one["id"], "PHONE")
        if isinstance(held, Reserved):
            await desk.confirm(held.id)
    await asyncio.sleep(max(limit["days"] for limit in plan["limits"]) * DAY)


class Processes:
    """The processes that ask, each with its file of records."""

    def __init__(self, uri: str, plan: Path, place: Path, share: int, count: int) -> None:
        self._uri = uri
        self._plan = plan
        self._share = share
        self.files = [place / f"records-{number}" for number in range(count)]
        self.running = [self._start(number) for number in range(count)]
        self.killed: list[int] = []

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own program
            [
                sys.executable,
                str(HERE / "contact_attempts.py"),
                self._uri,
                str(self._plan),
                str(number),
                str(self._share - self.done(number)),
                str(self.files[number]),
            ]
        )

    def records(self, number: int) -> list[tuple[int, float, int]]:
        """Every call of one process, its earlier lives included."""
        with contextlib.suppress(FileNotFoundError):
            return [(kind, took, again) for kind, took, again in RECORD.iter_unpack(self.files[number].read_bytes())]
        return []

    def done(self, number: int) -> int:
        """Attempts that a process has made."""
        return sum(KINDS[kind] in ATTEMPTS for kind, _, _ in self.records(number))

    def kill(self, number: int) -> None:
        """Kill with SIGKILL, which nothing can catch, and start again for what is left."""
        self.running[number].kill()
        self.running[number].wait()
        self.killed.append(number)
        self.running[number] = self._start(number)

    def alive(self) -> bool:
        """Whether any of them still runs."""
        return any(process.poll() is None for process in self.running)


async def look_after(uri: str, plan: dict[str, Any], processes: Processes, kills: int) -> int:
    """Mark slots that ran out, as the worker's timer does, and kill processes in the middle; how many slots ran out."""
    database = await Database.connect(uri, "neo4j", os.environ["NEO4J_PASSWORD"])
    used = policy(plan)
    desk = ContactDesk(database, lambda: used)
    whole = plan["share"] * len(processes.running)
    ended = 0
    try:
        while processes.alive():
            await asyncio.sleep(0.5)
            ended += await desk.expire()
            done = sum(processes.done(number) for number in range(len(processes.running)))
            due = int((kills + 1) * done / whole)
            if len(processes.killed) < min(due, kills):
                # Each of the first processes once, evenly over the run, while it has half of its work before it.
                processes.kill(len(processes.killed))
        ended += await desk.expire()
    finally:
        await database.close()
    return ended


async def nobody_is_lost(uri: str, plan: dict[str, Any], found: dict[str, Any]) -> tuple[int, int, int]:
    """Ask about every customer again.

    Of how many the desk says the instant that the stored contacts allow, how many get a slot when the windows have
    passed, and how many slots are held in between.
    """
    database = await Database.connect(uri, "neo4j", os.environ["NEO4J_PASSWORD"])
    used = policy(plan)
    desk = ContactDesk(database, lambda: used)
    agreed = given = 0
    try:
        await desk.expire()
        rows = await database.read("MATCH (r:Reservation) WHERE r.state = 'HELD' RETURN count(r) AS held")
        for customer, milliseconds in found["free"].items():
            asked, earliest = await desk.earliest(customer, "PHONE")
            agreed += earliest.at == max(dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC), asked)
        await asyncio.sleep(max(limit["days"] for limit in plan["limits"]) * DAY)
        for customer in found["free"]:
            answer = await desk.reserve(customer, "PHONE")
            if isinstance(answer, Reserved):
                given += 1
                await desk.release(answer.id, "only asked")
    finally:
        await database.close()
    return agreed, given, rows[0]["held"]


def check(uri: str, plan: Path) -> tuple[dict[str, Any], int]:
    """What the independent program found."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, str(HERE / "contact_check.py"), uri, str(plan)], stdout=subprocess.PIPE, check=False
    )
    return json.loads(done.stdout), done.returncode


def quantiles(times: list[float]) -> str:
    """Median, 99th percentile and longest, in milliseconds."""
    if not times:
        return "none"
    times = sorted(times)
    picked = (times[len(times) // 2], times[min(int(len(times) * 0.99), len(times) - 1)], times[-1])
    return "p50 {:.1f} ms  p99 {:.1f} ms  longest {:.0f} ms".format(*[one * 1000 for one in picked])


def report(processes: Processes, seconds: float) -> Counter[str]:
    """Print what the processes did and how long it took."""
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    retries = 0
    for number in range(len(processes.running)):
        last = 0
        for place, took, again in processes.records(number):
            times[KINDS[place]].append(took)
            retries += again - last if again >= last else again  # a process that was started again counts from 0
            last = again
    asked = [one for kind in ATTEMPTS for one in times[kind]]
    print(f"attempts {len(asked)} in {seconds:.0f} s ({len(asked) / seconds:.0f}/s): {quantiles(asked)}")
    for kind in KINDS:
        print(f"  {kind:15} {len(times[kind]):7}  {quantiles(times[kind])}")
    print(f"transactions repeated by the driver loop: {retries}")
    return Counter({kind: len(found) for kind, found in times.items()})


def main(asked: argparse.Namespace) -> int:
    made = people(asked.customers)
    plan: dict[str, Any] = {
        "limits": [
            {"name": name, "count": count, "days": seconds * asked.scale / DAY, "scope": scope, "channels": channels}
            for name, count, seconds, scope, channels in LIMITS
        ],
        "customers": [one["id"] for one in made],
        "ttl": asked.ttl,
        "confirm": 0.65,
        "late": 0.05,
        "release": 0.15,
        "tasks": asked.tasks,
        "pool": min(asked.tasks, asked.pool),
        "timeout": 60.0,
        "seed": asked.seed,
        "share": asked.attempts // asked.processes,
    }
    asyncio.run(prepare(asked.uri, plan, made))
    plan["since"] = time.time() * 1000
    with tempfile.TemporaryDirectory() as named:
        place = Path(named)
        file = place / "plan.json"
        file.write_text(json.dumps(plan), "utf-8")
        started = time.monotonic()
        processes = Processes(asked.uri, file, place, plan["share"], asked.processes)
        ended = asyncio.run(look_after(asked.uri, plan, processes, asked.kills))
        counts = report(processes, time.monotonic() - started)
        time.sleep(asked.ttl)
        found, failed = check(asked.uri, file)
    agreed, given, held = asyncio.run(nobody_is_lost(asked.uri, plan, found))
    free = found.pop("free")
    print(f"processes killed with SIGKILL and started again: {len(processes.killed)}; slots that ran out: {ended}")
    print("the independent program found", json.dumps(found, indent=1))
    print(f"slots still held after the last time to live: {held}")
    print(f"customers of whom the desk says the instant that the stored contacts allow: {agreed} of {len(free)}")
    print(f"customers who get a slot when the windows have passed: {given} of {len(free)}")
    wrong = failed or held or agreed != len(free) or given != len(free) or counts["attempt failed"] or counts["failed"]
    wrong = wrong or len(processes.killed) != asked.kills or any(one.returncode for one in processes.running)
    print("FAILED" if wrong else f"0 breaches, 0 slots lost, {found['contacts']} contacts")
    return 1 if wrong else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("uri", help="bolt address of a Neo4j that is EMPTIED; password in NEO4J_PASSWORD")
    parser.add_argument("--attempts", type=int, default=100_000)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--tasks", type=int, default=64, help="of each process")
    parser.add_argument("--pool", type=int, default=12, help="connections of each process, which its tasks share")
    parser.add_argument("--customers", type=int, default=150)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--scale", type=float, default=1.0, help="factor of the windows, which last 8 to 75 seconds")
    parser.add_argument("--ttl", type=float, default=5.0, help="seconds that a slot is held")
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main(arguments()))
