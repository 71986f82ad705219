"""What the audit costs: a mutation and the customer 360 with it and without it, in one run.

    python bench/audit_cost.py [--customers 2000] [--seconds 4] [--rounds 3]

One Python process, 16 tasks, the executor of GraphQL over an embedded Neo4j of its own; no HTTP, so that the audit's
share is seen and not hidden in the server's. Both take turns on the same database; the best round of each counts, and
beside the rate stands the processor time of this process for one answer. Then `graph-crm audit verify` runs over all
that was written: its verdict, its speed, the memory that it took.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass

import psutil
import uvloop
from bank import bank, party_ids, temporary_settings
from load import Result, calls
from shapes import CUSTOMER_360

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.audit.acting import Actor
from graph_crm.audit.service import Audit
from graph_crm.audit.verifying import Verifying
from graph_crm.graph.database import Database
from graph_crm.security.roles import Caller, Role

CLIENTS = 16
FLOOR_READ, FLOOR_WRITE = 0.85, 0.6
"""The share of the rate without the audit that must be left."""
CREATE = "mutation Make($input: CreatePersonInput!) { createPerson(input: $input) { id } }"
ACTORS = [Actor(f"agent-{number}", "service", "192.0.2.7", "bench/1.0", "case:SR-1") for number in range(CLIENTS)]


@dataclass
class Turn:
    """One round: the answers, and the processor seconds of this process."""

    result: Result
    cpu: float

    @property
    def micros(self) -> float:
        """Microseconds of the processor an answer."""
        return self.cpu / max(self.result.count, 1) * 1e6


async def turn(executor: Executor, query: str, values: list[dict[str, object]], seconds: float) -> Turn:
    """Ask for ``seconds``."""

    async def ask(index: int) -> object:
        actor = ACTORS[index % CLIENTS]
        caller = Caller(actor.subject, Role.SERVICE)
        answer = await executor.execute(Request(query, caller, values[index % len(values)], actor=actor))
        if "errors" in answer:
            raise RuntimeError(str(answer)[:500])
        return answer

    before = time.process_time()
    result = await calls(ask, clients=CLIENTS, seconds=seconds)
    return Turn(result, time.process_time() - before)


async def compared(
    database: Database, audit: Audit, query: str, values: list[dict[str, object]], options: argparse.Namespace
) -> tuple[Turn, Turn]:
    """The best rounds without and with the audit."""
    schema = platform_schema()
    off, on = Executor(schema, database), Executor(schema, database, audit=audit)
    rounds: list[tuple[Turn, Turn]] = []
    for number in range(options.rounds + 1):
        seconds = options.seconds if number else 1.0  # the first one warms up
        database.journal = None
        without = await turn(off, query, values, seconds)
        audit.attach()
        rounds.append((without, await turn(on, query, values, seconds)))
        await audit.readings.drain()
    best = rounds[1:]
    return max((one for one, _ in best), key=_rate), max((one for _, one in best), key=_rate)


def _rate(one: Turn) -> float:
    return one.result.rate


async def main(options: argparse.Namespace) -> bool:
    """Print a line a question, and what the check of it all took; True when the floors are reached."""
    reached = True
    with temporary_settings() as settings:
        async with bank(settings, options.customers) as database:
            audit = database.journal
            if not isinstance(audit, Audit):
                raise TypeError("the audit is attached to whatever database a process opens")
            parties: list[dict[str, object]] = [{"id": key} for key in await party_ids(database)]
            people: list[dict[str, object]] = [{"input": {"givenName": "Jan", "familyName": "Nowak"}}]
            asked = (
                ("customer 360", CUSTOMER_360.graphql, parties, FLOOR_READ),
                ("createPerson", CREATE, people, FLOOR_WRITE),
            )
            print(f"{'':<16}{'off/s':>9}{'on/s':>9}{'ratio':>7}{'asked':>7}   p95 ms off, on   processor us off, on")
            for name, query, values, floor in asked:
                off, on = await compared(database, audit, query, values, options)
                ratio = on.result.rate / off.result.rate
                reached = reached and ratio >= floor
                print(
                    f"{name:<16}{off.result.rate:>9.0f}{on.result.rate:>9.0f}{ratio:>7.2f}{floor:>7.2f}"
                    f"   {off.result.percentile(0.95):.1f}, {on.result.percentile(0.95):.1f}"
                    f"   {off.micros:.0f}, {on.micros:.0f}",
                    flush=True,
                )
            reached = await checked(database, audit) and reached
    return reached


async def checked(database: Database, audit: Audit) -> bool:
    """Check all that was written."""
    process = psutil.Process()
    memory, started = process.memory_info().rss, time.perf_counter()
    verdict = await Verifying(database, audit.keys()).run()
    seconds = time.perf_counter() - started
    grown = (process.memory_info().rss - memory) / 2**20
    print(
        f"verify: {verdict.entries} entries with {verdict.records} records in {seconds:.1f} s"
        f" ({verdict.entries / seconds:.0f}/s), memory {grown:+.0f} MiB,"
        f" {'whole' if verdict.sound else verdict.findings[:3]}"
    )
    return verdict.sound


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()

    sys.exit(0 if uvloop.run(main(given)) else 1)
