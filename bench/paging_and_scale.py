"""Deep pages, and the same questions at ten times the customers.

    python bench/paging_and_scale.py [--customers 2000]

Prints the median latency of page 100 against page 1 of the same connection (keyset cursors: at most 1.3 times), and of
each question at ten times the customers against the small bank (at most 1.3 times). One client, whole answers as JSON.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import uvloop
from bank import LAST_DAY, SEED, bank, party_ids, temporary_settings
from shapes import CUSTOMER_360, LOOK_UP, PAGE

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.graph.database import Database
from graph_crm.importing.demo_bank import seed_demo_bank
from graph_crm.security.roles import Caller, Role

MOST = 1.3
PAGES = 100
SAMPLES = 400
WARM_UPS = 6
CALLER = Caller("benchmark", Role.AUDITOR)
BY_NAME = """query ($after: String) { parties(first: 20, after: $after, orderBy: [DISPLAY_NAME_ASC]) {
  nodes { id displayName } pageInfo { endCursor } } }"""
BY_ID = """query ($after: String) { parties(first: 20, after: $after) {
  nodes { id displayName } pageInfo { endCursor } } }"""


async def ask(executor: Executor, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    """The data of one answer."""
    response = await executor.execute(Request(query, CALLER, variables))
    if "errors" in response:
        raise RuntimeError(response["errors"])
    data: dict[str, Any] = response["data"]
    return data


async def median(executor: Executor, query: str, variables: Callable[[int], dict[str, Any]]) -> float:
    """The median milliseconds of one answer."""
    times = []
    for index in range(SAMPLES):
        started = time.perf_counter()
        await ask(executor, query, variables(index))
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times[SAMPLES // 4 :])


def line(name: str, first: float, second: float) -> bool:
    """Print a ratio; True when it holds."""
    print(f"{name:<64}{first:>9.2f} ms{second:>9.2f} ms  ratio {second / first:.2f} (at most {MOST})", flush=True)
    return second / first <= MOST


async def deep_pages(executor: Executor) -> bool:
    """Page 100 against page 1."""
    held = True
    for name, query in (("page 1, page 100 by id", BY_ID), ("page 1, page 100 by name", BY_NAME)):
        cursor = None
        for _ in range(PAGES - 1):
            cursor = (await ask(executor, query, {"after": cursor}))["parties"]["pageInfo"]["endCursor"]
        # In turns, so that both see the same machine.
        pairs = []
        for _ in range(3):
            first = await median(executor, query, lambda _index: {"after": None})
            deep = await median(executor, query, lambda _index, at=cursor: {"after": at})  # type: ignore[misc]
            pairs.append((deep / first, first, deep))
        _, first, deep = sorted(pairs)[1]
        held = line(name, first, deep) and held
    return held


async def latencies(executor: Executor, database: Database) -> dict[str, float]:
    """The median milliseconds of each question."""
    ids = await party_ids(database)
    return {
        shape.name: await median(
            executor,
            shape.graphql,
            lambda index, keyed=shape.keyed: {"id": ids[index % len(ids)]} if keyed else {},  # type: ignore[misc]
        )
        for shape in (LOOK_UP, CUSTOMER_360, PAGE)
    }


async def main(customers: int) -> bool:
    """Print every ratio; True when all hold."""
    with temporary_settings() as settings:
        async with bank(settings, customers) as database:
            executor = Executor(platform_schema(), database)
            for _ in range(WARM_UPS):  # Java compiles what runs often: a cold small bank would flatter the large one
                await latencies(executor, database)
            small = await latencies(executor, database)
            await seed_demo_bank(database, customers=customers * 10, seed=SEED, as_of=LAST_DAY)
            print(f"grown to {customers * 10} customers", flush=True)
            for _ in range(WARM_UPS):
                await latencies(executor, database)
            large = await latencies(executor, database)
            held = await deep_pages(executor)
            for name, before in small.items():
                held = line(f"{name}, ten times the customers", before, large[name]) and held
    return held


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=2000)
    sys.exit(0 if uvloop.run(main(parser.parse_args().customers)) else 1)
