"""A batch run of one rule over a large bank, against hand-written Cypher that finds the same customers.

    python bench/batch_run.py [--customers 100000] [--rounds 5]

The bank is generated with everything but movements, events and contacts of the past. Three things are measured:

- finding the candidates: the rule's own search, whose customers a scan then takes batch by batch, beside
  a statement that a good developer would write by hand for the same question; asked: at most 1.5 times as long;
- judging them: reading every candidate as rules and contact policy see it, all gates, arbitration. No statement does
  that, so it has no floor: the time a customer is printed;
- memory of this process along the judging: asked: flat, at most 10 % more at the end than after the first fifth.

Both searches are sent in turns and the median counts. Exits with 1 when something asked is missed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import gc
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import psutil
import uvloop
from bank import LAST_DAY, SEED, temporary_settings

from graph_crm import bootstrap
from graph_crm.decisions.authoring.simulation import BATCH, Simulator, Trial
from graph_crm.decisions.bank import Bank
from graph_crm.graph.database import Database
from graph_crm.importing import cypher
from graph_crm.importing.catalogue import ensure_products
from graph_crm.importing.demo_bank import DemoBank, read_settings
from graph_crm.importing.loader import Loader
from graph_crm.importing.rejects import ImportReport, Origin, RejectFile
from graph_crm.rules.snapshot import end_of
from graph_crm.settings import Settings

RULE = "loan_to_credit_card"
ASKED_RATIO = 1.5
ASKED_GROWTH = 1.10
FIRST_PART = 5
LEFT_OUT = (cypher.MOVEMENT, cypher.EVENT, cypher.STANDING_ORDER, cypher.INTERACTION)
BY_HAND = """
MATCH (loan:Agreement {familyCode: 'LOAN'})<-[h:HOLDS {role: 'OWNER'}]-(p:Person)
WHERE coalesce(h.since, loan.openedOn) <= $day - duration({days: 90}) AND (h.until IS NULL OR h.until > $day)
  AND (loan.closedOn IS NULL OR loan.closedOn > $day) AND (loan.maturesOn IS NULL OR loan.maturesOn > $day)
  AND last([i IN range(0, size(loan.statusDates) - 1) WHERE loan.statusDates[i] <= $day | loan.statusValues[i]])
    <> 'CLOSED'
WITH DISTINCT p
WHERE EXISTS {
  MATCH (p)-[k:HOLDS {role: 'OWNER'}]->(a:Agreement {familyCode: 'CURRENT_ACCOUNT'})
  WHERE coalesce(k.since, a.openedOn) <= $day AND (k.until IS NULL OR k.until > $day)
    AND (a.closedOn IS NULL OR a.closedOn > $day)
    AND last([i IN range(0, size(a.statusDates) - 1) WHERE a.statusDates[i] <= $day | a.statusValues[i]]) <> 'CLOSED'
} AND NOT EXISTS {
  MATCH (p)-[k:HOLDS]->(c:Agreement {familyCode: 'CARD'})
  WHERE coalesce(k.since, c.openedOn) <= $day AND (k.until IS NULL OR k.until > $day)
    AND (c.closedOn IS NULL OR c.closedOn > $day)
    AND last([i IN range(0, size(c.statusDates) - 1) WHERE c.statusDates[i] <= $day | c.statusValues[i]]) <> 'CLOSED'
} AND NOT EXISTS {
  MATCH (p)-[k:HOLDS]->(a:Agreement)
  WHERE coalesce(k.since, a.openedOn) <= $day
    AND last([i IN range(0, size(a.statusDates) - 1) WHERE a.statusDates[i] <= $day | a.statusValues[i]])
      IN ['IN_ARREARS', 'DEFAULTED']
}
RETURN p.id AS id ORDER BY id
"""


@asynccontextmanager
async def bank(settings: Settings, customers: int) -> AsyncIterator[Database]:
    """The generated bank without what the rule does not look at."""
    async with bootstrap.connected(bootstrap.for_bulk(settings)) as database:
        started = time.perf_counter()
        await ensure_products(database)
        report = ImportReport("bench")
        tally = report.tally("records")
        async with Loader(database, rejects=RejectFile(None)) as loader:
            await loader.look()
            for _, items in DemoBank(read_settings(), SEED, LAST_DAY).rounds(customers):
                for kind, record in items:
                    if kind not in LEFT_OUT:
                        tally.read += 1
                        await loader.add(kind, record, Origin(tally, tally.read, ""))
                await loader.flush()
        seconds = time.perf_counter() - started
        print(f"{customers:,} customers, {tally.read:,} records loaded in {seconds:.0f} s", flush=True)
        yield database


async def found_by_hand(database: Database, day: dt.date) -> list[str]:
    """The customers whom the hand-written statement finds."""
    return [row["id"] for row in await database.read(BY_HAND, {"day": day}, timeout=120)]


async def timed(work: Callable[[], Awaitable[list[str]]]) -> tuple[float, list[str]]:
    """Seconds, and what was found."""
    started = time.perf_counter()
    found = await work()
    return time.perf_counter() - started, found


async def compare(database: Database, trial: Trial, rounds: int) -> float:
    """The ratio of the rule's search to the hand-written one; prints both."""
    own, by_hand = [], []
    for number in range(rounds + 1):
        mine, ids = await timed(trial.search)
        theirs, other = await timed(lambda: found_by_hand(database, LAST_DAY))
        if ids != other:
            raise SystemExit(f"the two searches differ: {len(ids)} and {len(other)} customers")
        if number:  # the first round warms both plans up
            own.append(mine)
            by_hand.append(theirs)
    ratio = statistics.median(own) / statistics.median(by_hand)
    print(f"candidates found by both: {len(ids):,}")
    print(f"the rule's search   {1000 * statistics.median(own):8.1f} ms (median of {rounds})")
    print(f"hand-written Cypher {1000 * statistics.median(by_hand):8.1f} ms (median of {rounds})")
    print(f"ratio {ratio:.2f}, asked at most {ASKED_RATIO}", flush=True)
    return ratio


async def judge(trial: Trial) -> float:
    """Lead every candidate through the whole pipeline; the growth of memory after the first fifth."""
    process = psutil.Process()
    ids = await trial.search()
    sizes, offers, done = [], 0, 0
    started = time.perf_counter()
    async for outcomes in trial.outcomes(ids, others=False):
        done += len(outcomes)
        offers += sum(len(one.offers) for one in outcomes)
        gc.collect()
        sizes.append(process.memory_info().rss / 1_048_576)
        print(f"  judged {done:7,}  memory {sizes[-1]:6.1f} MiB", flush=True)
    seconds = time.perf_counter() - started
    print(f"judging {done:,} in {seconds:.1f} s: {1000 * seconds / max(done, 1):.2f} ms a customer, {offers:,} offers")
    growth = sizes[-1] / sizes[len(sizes) // FIRST_PART] if sizes else 1.0
    print(f"memory at the end against after the first fifth: {growth:.2f}, asked at most {ASKED_GROWTH:.2f}")
    return growth


async def main(customers: int, rounds: int) -> int:
    """Seed, measure, print; the exit code."""
    with temporary_settings() as settings:
        book = bootstrap.rules(settings)
        async with bank(settings, customers) as database:
            simulator = Simulator(database, Bank(database, book, bootstrap.terms(settings, book)), book)
            trial = await simulator.trial(RULE, end_of(LAST_DAY))
            ratio = await compare(database, trial, rounds)
            print(f"batches of {BATCH}")
            growth = await judge(trial)
    return int(ratio > ASKED_RATIO or growth > ASKED_GROWTH)


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--customers", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    sys.exit(uvloop.run(main(given.customers, given.rounds)))
