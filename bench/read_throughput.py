"""Throughput of GraphQL over HTTP against the same question in hand-written Cypher from one Python process.

    python bench/read_throughput.py [--customers 5000] [--seconds 4] [--rounds 3]

The floor: one Python process, 16 tasks, the hand-written statement through the same driver wrapper, rows as they come.
The API: `graph-crm serve` in a process of its own, 16 keep-alive HTTP connections, the whole answer as JSON. Both take
turns on the same database, so that the ratio means something on a busy machine; the best round of each counts.
"""

from __future__ import annotations

import argparse
import sys

import uvloop
from bank import bank, party_ids, server, temporary_settings, token
from load import Result, calls, http, request
from shapes import SHAPES, Shape

from graph_crm.graph.database import Database

CLIENTS = 16
WARM_UP_SECONDS = 1.0


async def floor(database: Database, shape: Shape, ids: list[str], seconds: float) -> Result:
    """The rate of the hand-written statement."""

    async def ask(index: int) -> object:
        return await database.read(shape.cypher, {"id": ids[index % len(ids)]} if shape.keyed else None)

    return await calls(ask, clients=CLIENTS, seconds=seconds)


async def api(port: int, shape: Shape, ids: list[str], seconds: float) -> Result:
    """The rate of the same question over HTTP."""
    values: list[dict[str, object]] = [{"id": key} for key in ids] if shape.keyed else [{}]
    requests = [request(token(), shape.graphql, each) for each in values]
    return await http(port, requests, clients=CLIENTS, seconds=seconds)


async def main(customers: int, seconds: float, rounds: int) -> bool:
    """Print a line a shape; True when every shape reaches its floor."""
    reached = True
    with temporary_settings() as settings:
        async with bank(settings, customers) as database, server(settings) as port:
            ids = await party_ids(database)
            print(f"{'shape':<72}{'Cypher/s':>10}{'GraphQL/s':>11}{'ratio':>7}{'asked':>7}   p95 ms Cypher, GraphQL")
            for shape in SHAPES:
                await floor(database, shape, ids, WARM_UP_SECONDS)
                await api(port, shape, ids, WARM_UP_SECONDS)
                by_hand, over_http = [], []
                for _ in range(rounds):
                    by_hand.append(await floor(database, shape, ids, seconds))
                    over_http.append(await api(port, shape, ids, seconds))
                best = max(by_hand, key=lambda result: result.rate)
                ours = max(over_http, key=lambda result: result.rate)
                ratio = ours.rate / best.rate
                reached = reached and ratio >= shape.floor
                print(
                    f"{shape.name:<72}{best.rate:>10.0f}{ours.rate:>11.0f}{ratio:>7.2f}{shape.floor:>7.2f}"
                    f"   {best.percentile(0.95):.1f}, {ours.percentile(0.95):.1f}",
                    flush=True,
                )
    return reached


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    sys.exit(0 if uvloop.run(main(options.customers, options.seconds, options.rounds)) else 1)
