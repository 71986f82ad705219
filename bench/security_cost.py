"""What security costs: the customer 360 over HTTP with all of it against a server without any, in one run.

    python bench/security_cost.py [--customers 5000] [--seconds 4] [--rounds 5]

On: `graph-crm serve`, with tokens verified, rates counted, the query priced, fields and rows by the matrix, and every
read in the audit; asked by agents for customers of their open cases, by relationship managers for customers of their
portfolio, by an administrator. Off: the same executor behind the same HTTP server without a guard
(bench/unguarded.py). Both over one Neo4j, asked for the same customers in turn; the median of the rounds counts, since
rounds that follow each other share whatever else the machine does. Beside the rates stands what an answer took of the
processor, what was written down after it included. Asked: 0.85 of the unguarded rate for every role.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import uvloop
from bank import SECRET, bank, free_port, of_servers, party_ids, server, temporary_settings
from load import Result, http, request
from shapes import CUSTOMER_360

from graph_crm.audit.reading import WINDOW_SECONDS
from graph_crm.graph.database import Database
from graph_crm.security.roles import Role
from graph_crm.security.tokens import issue
from graph_crm.settings import Settings

CLIENTS = 16
FLOOR = 0.85
CASES, PORTFOLIO = 5, 60
"""Open cases of one agent, customers of one manager."""
PEOPLE = 8
"""Agents, and managers."""


async def deal(database: Database, ids: Sequence[str]) -> dict[Role, list[tuple[str, str]]]:
    """Give agents open cases and managers portfolios; by role, who asks for which customer."""
    agents = [(f"agent-{number % PEOPLE}", key) for number, key in enumerate(ids[: PEOPLE * CASES])]
    managers = [(f"manager-{number % PEOPLE}", key) for number, key in enumerate(ids[: PEOPLE * PORTFOLIO])]
    await database.execute(
        "UNWIND $rows AS row MERGE (e:Employee {id: row[0]}) ON CREATE SET e.displayName = row[0], e.active = true"
        " WITH row, e MATCH (p:Party {id: row[1]})"
        " CREATE (p)-[:ASKED]->(r:ServiceRequest {id: randomUUID(), key: randomUUID(), number: randomUUID(),"
        " kind: 'QUESTION', status: 'ASSIGNED', openedAt: datetime.realtime(), ownerId: row[0], openOwnerId: row[0],"
        " version: 1}) CREATE (e)-[:OWNS_REQUEST]->(r)",
        {"rows": [list(each) for each in agents]},
    )
    await database.execute(
        "UNWIND $rows AS row MERGE (e:Employee {id: row[0]}) ON CREATE SET e.displayName = row[0], e.active = true"
        " WITH row, e MATCH (p:Party {id: row[1]}) CREATE (e)-[:LOOKS_AFTER {since: date()}]->(p)",
        {"rows": [list(each) for each in managers]},
    )
    return {
        Role.AGENT: agents,
        Role.RELATIONSHIP_MANAGER: managers,
        Role.ADMINISTRATOR: [("chief", key) for key in ids],
    }


@contextlib.asynccontextmanager
async def unguarded(settings: Settings) -> AsyncIterator[int]:
    """The server without guards; gives its port."""
    port = free_port()
    script = Path(__file__).with_name("unguarded.py")
    process = await asyncio.create_subprocess_exec(sys.executable, str(script), str(port), env=of_servers(settings))
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            await asyncio.sleep(0.1)
        else:
            raise RuntimeError("the unguarded server did not start")
        yield port
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 20)


class Processor:
    """Processor seconds of the process that listens on a port, and of Neo4j: steadier than rates beside other work."""

    def __init__(self, port: int) -> None:
        mine = psutil.Process().children(recursive=True)
        self._server = next(each for each in mine if str(port) in each.cmdline())
        self._neo4j = next(each for each in mine if "java" in each.name())

    def seconds(self) -> tuple[float, float]:
        """So far: of the server, of Neo4j."""
        server, neo4j = self._server.cpu_times(), self._neo4j.cpu_times()
        return server.user + server.system, neo4j.user + neo4j.system


@dataclass
class Round:
    """One round with one server: its answers, and the processor microseconds of each, of the server and of Neo4j."""

    result: Result
    server: float
    neo4j: float


async def asked_of(port: int, requests: Sequence[bytes], seconds: float) -> Round:
    """Ask for ``seconds``; then wait until what was read is written down, which belongs to this server's work."""
    processor = Processor(port)
    before = processor.seconds()
    result = await http(port, requests, clients=CLIENTS, seconds=seconds)
    await asyncio.sleep(2 * WINDOW_SECONDS)
    server, neo4j = ((then - now) / result.count * 1e6 for now, then in zip(before, processor.seconds(), strict=True))
    return Round(result, server, neo4j)


async def compared(
    guarded: int, bare: int, role: Role, asked: Sequence[tuple[str, str]], options: argparse.Namespace
) -> bool:
    """Print the line of one role; True when its rate reaches the floor."""
    tokens = {subject: issue(SECRET, role, subject=subject) for subject, _ in asked}
    requests = [request(tokens[subject], CUSTOMER_360.graphql, {"id": key}) for subject, key in asked]
    on: list[Round] = []
    off: list[Round] = []
    for number in range(options.rounds + 1):
        seconds = options.seconds if number else 1.5  # the first one warms up
        ports = (bare, guarded) if number % 2 else (guarded, bare)  # who comes first does not stay first
        found = {port: await asked_of(port, requests, seconds) for port in ports}
        if number:
            off.append(found[bare])
            on.append(found[guarded])
    ratios = [one.result.rate / other.result.rate for one, other in zip(on, off, strict=True)]
    ratio = statistics.median(ratios)
    best_off, best_on = (max((one.result for one in each), key=lambda one: one.rate) for each in (off, on))
    server_off, server_on = (statistics.median(one.server for one in each) for each in (off, on))
    neo4j_off, neo4j_on = (statistics.median(one.neo4j for one in each) for each in (off, on))
    print(
        f"{role:<22}{best_off.rate:>9.0f}{best_on.rate:>9.0f}{ratio:>7.2f}{FLOOR:>7.2f}"
        f"   {best_off.percentile(0.95):.1f}, {best_on.percentile(0.95):.1f}"
        f"   {server_off:.0f}, {server_on:.0f}   {neo4j_off:.0f}, {neo4j_on:.0f}"
        f"   {(server_off + neo4j_off) / (server_on + neo4j_on):.2f}"
        f"   {' '.join(f'{each:.2f}' for each in ratios)}",
        flush=True,
    )
    return ratio >= FLOOR


async def main(options: argparse.Namespace) -> bool:
    """Print a line a role; True when every role reaches the floor."""
    with temporary_settings() as settings:
        async with (
            bank(settings, options.customers) as database,
            server(settings) as guarded,
            unguarded(settings) as bare,
        ):
            callers = await deal(database, await party_ids(database))
            print(
                f"{'customer 360':<22}{'off/s':>9}{'on/s':>9}{'ratio':>7}{'asked':>7}   p95 ms off, on"
                "   server us off, on   Neo4j us off, on   processor   ratios"
            )
            return all([await compared(guarded, bare, role, asked, options) for role, asked in callers.items()])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    sys.exit(0 if uvloop.run(main(parser.parse_args())) else 1)
