"""Latency of the mutation `decide` at 16 clients with 20 rules loaded, beside the bare query for the snapshot.

    python bench/decide.py [--customers 5000] [--seconds 10] [--rules 20] [--clients 16]

Everything is on this machine: the embedded Neo4j, `graph-crm serve` in a process of its own, and the clients. A
decision reads the customer with all that the contact policy looks at, asks every rule, passes every gate, ranks, and
stores the decision with its trace and offers; the answer is the offers with their reasons. The floor: the same snapshot
statement through the same driver wrapper, from as many tasks, in this process. Asked: p95 at most 100 ms.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
from pathlib import Path

import uvloop
from bank import bank, party_ids, server, temporary_settings
from load import Result, calls, http, request

from graph_crm import bootstrap, snapshots
from graph_crm.decisions.bank import Bank
from graph_crm.graph.database import Database
from graph_crm.security.roles import Role
from graph_crm.security.tokens import issue
from graph_crm.settings import Settings

ASKED_MS = 100.0
WARM_UP_SECONDS = 60.0
"""Java compiles what is run often; before that it is slower, as every server of a bank is in its first minute."""
DECIDE = """
mutation ($input: DecideInput!) { decide(input: $input) {
  id outcome offers(first: 3) { nodes { id productCode rank reasons script } }
} }
"""
CHANNELS = ("PHONE", "ATM", "ONLINE", "BRANCH")
RULES = '''"""Rules for the benchmark."""
from graph_crm.rules import Rule, age_between, days, did, hookimpl, holds, in_default, in_segment, is_person

WANTED = {wanted}
FAMILIES = ("LOAN", "DEPOSIT", "CARD", "CURRENT_ACCOUNT", "SAVINGS", "MORTGAGE", "INSURANCE", "INVESTMENT")
OFFERS = ("CREDIT_CARD", "TERM_DEPOSIT", "SAVINGS_ACCOUNT", "CARD_GOLD", "SMS_INFO", "CASH_LOAN")


@hookimpl
def rules():
    return [
        Rule(
            id=f"bench_{{number}}",
            title=f"Rule {{number}}",
            when=is_person()
            & age_between(18 + number, 75)
            & holds(family=FAMILIES[number % len(FAMILIES)], for_at_least=days(30 * number))
            & ~holds(OFFERS[number % len(OFFERS)])
            & ~in_default(),
            offer=OFFERS[number % len(OFFERS)],
            channels=["PHONE", "ONLINE"],
            reasons="You have been with us for {{days_held}} days.",
            priority=10 * number,
        )
        for number in range(WANTED)
    ]
'''


async def floor(database: Database, settings: Settings, ids: list[str], clients: int, seconds: float) -> Result:
    """The rate of the bare snapshot statement: what a decision must at least read."""
    book = bootstrap.rules(settings)
    side = Bank(database, book, bootstrap.terms(settings, book))

    async def ask(index: int) -> object:
        now = dt.datetime.now(dt.UTC)
        wanted = [ids[index % len(ids)]]
        return await snapshots.load(database.read, wanted, now=now, needs=side.needs, memory=side.memory)

    return await calls(ask, clients=clients, seconds=seconds)


async def decisions(port: int, token: str, ids: list[str], clients: int, seconds: float) -> Result:
    """The rate of `decide` over HTTP."""
    requests = [
        request(token, DECIDE, {"input": {"partyId": one, "channel": CHANNELS[at % len(CHANNELS)]}})
        for at, one in enumerate(ids)
    ]
    return await http(port, requests, clients=clients, seconds=seconds)


def shown(name: str, result: Result) -> str:
    """A line of the table."""
    p50, p95, p99 = (result.percentile(share) for share in (0.5, 0.95, 0.99))
    return f"{name:<34}{result.rate:>9.0f}/s   p50 {p50:6.1f} ms   p95 {p95:6.1f} ms   p99 {p99:6.1f} ms"


async def main(customers: int, seconds: float, wanted: int, clients: int) -> bool:
    """Print a line each and the ratio; True when the 95th percentile is reached."""
    with temporary_settings() as plain, tempfile.TemporaryDirectory(prefix="graph-crm-rules-") as folder:
        settings = plain.model_copy(update={"plugins_dir": Path(folder)})
        extra = max(0, wanted - len(bootstrap.rules(plain).rules))
        (Path(folder) / "bench_rules.py").write_text(RULES.format(wanted=extra))
        book = bootstrap.rules(settings)
        if book.problems:
            raise RuntimeError("\n".join(book.problems))
        async with bank(settings, customers) as database, server(settings) as port:
            ids = await party_ids(database)
            token = issue(bootstrap.secret(settings), Role.SERVICE)
            for warm in (
                floor(database, settings, ids, clients, 1.0),
                decisions(port, token, ids, clients, WARM_UP_SECONDS),
            ):
                await warm
            bare = await floor(database, settings, ids, clients, seconds)
            full = await decisions(port, token, ids, clients, seconds)
            print(f"{len(book.rules)} rules, {clients} clients, {customers} customers")
            print(shown("the bare snapshot query", bare))
            print(shown("decide over HTTP", full))
            ratio = full.percentile(0.95) / bare.percentile(0.95)
            print(
                f"ratio of p95 {ratio:.2f}, of rates {full.rate / bare.rate:.2f}; asked: p95 at most {ASKED_MS:.0f} ms"
            )
            rows = await database.read("MATCH (d:Decision) RETURN d.outcome AS outcome, count(*) AS n ORDER BY outcome")
            print("stored: " + ", ".join(f"{row['n']} {row['outcome']}" for row in rows))
            return full.percentile(0.95) <= ASKED_MS


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rules", type=int, default=20)
    parser.add_argument("--clients", type=int, default=16)
    options = parser.parse_args()
    sys.exit(0 if uvloop.run(main(options.customers, options.seconds, options.rules, options.clients)) else 1)
