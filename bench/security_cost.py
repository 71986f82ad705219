"""What security costs: the customer 360 over HTTP with all of it against a server without any, in one run.

    python bench/security_cost.py [--customers 5000] [--seconds 4] [--rounds 5]

On: `graph-crm serve`, with tokens verified, rates counted, the query priced, fields and rows by the matrix, and every
read in the audit; asked by agents for customers of their open cases, by relationship managers for customers of their
portfolio, by an administrator. Off: the same executor behind the same HTTP server without a guard
(bench/unguarded.py). Both over one Neo4j, asked for the same customers in turn; the median of the rounds counts, since
rounds that follow each other share whatever else the machine does. Asked: 0.85 of the unguarded rate for every role.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import uvloop
from bank import SECRET, bank, free_port, of_servers, party_ids, server, temporary_settings
from load import Result, http, request
from shapes import CUSTOMER_360

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


async def compared(
    guarded: int, bare: int, role: Role, asked: Sequence[tuple[str, str]], options: argparse.Namespace
) -> bool:
    """Print the line of one role; True when its rate reaches the floor."""
    tokens = {subject: issue(SECRET, role, subject=subject) for subject, _ in asked}
    requests = [request(tokens[subject], CUSTOMER_360.graphql, {"id": key}) for subject, key in asked]
    ratios: list[float] = []
    on: list[Result] = []
    off: list[Result] = []
    for number in range(options.rounds + 1):
        seconds = options.seconds if number else 1.5  # the first one warms up
        ports = (bare, guarded) if number % 2 else (guarded, bare)  # who comes first does not stay first
        found = {port: await http(port, requests, clients=CLIENTS, seconds=seconds) for port in ports}
        if number:
            off.append(found[bare])
            on.append(found[guarded])
            ratios.append(on[-1].rate / off[-1].rate)
    ratio = statistics.median(ratios)
    best_off, best_on = max(off, key=lambda each: each.rate), max(on, key=lambda each: each.rate)
    print(
        f"{role:<22}{best_off.rate:>9.0f}{best_on.rate:>9.0f}{ratio:>7.2f}{FLOOR:>7.2f}"
        f"   {best_off.percentile(0.95):.1f}, {best_on.percentile(0.95):.1f}"
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
            print(f"{'customer 360':<22}{'off/s':>9}{'on/s':>9}{'ratio':>7}{'asked':>7}   p95 ms off, on   ratios")
            return all([await compared(guarded, bare, role, asked, options) for role, asked in callers.items()])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    sys.exit(0 if uvloop.run(main(parser.parse_args())) else 1)
