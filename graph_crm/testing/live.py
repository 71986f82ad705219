"""A real bank in a real Neo4j for the tests of rules: customers written, events recorded, decisions made and read.

Everything is as in production - migrations, outbox, worker, ledgers, reservations - but for the clock, which stands
where the test puts it, the learner, which has learned nothing, and the control group, which is empty.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import orjson
from anyio.from_thread import BlockingPortal, start_blocking_portal

from graph_crm.contacts.kinds import Channel
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.decisions.bank import Terms
from graph_crm.decisions.scanning import RuleScan
from graph_crm.decisions.service import DecisionService, Wish
from graph_crm.events.catalogue import catalogue_of
from graph_crm.events.service import RECORDED, EventService, RecordEvent
from graph_crm.events.worker import Worker
from graph_crm.graph.database import Database, Row, Transaction
from graph_crm.graph.migrations import Migrator
from graph_crm.graph.outbox import OutboxEntry
from graph_crm.interest.service import InterestKeeper
from graph_crm.products.catalogue import load_catalogue
from graph_crm.resources import folder
from graph_crm.rules.booked import RuleCounters
from graph_crm.rules.customers import Customer, Moment, frozen_at
from graph_crm.rules.loader import Found, load_file
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.results import Mode
from graph_crm.testing.decided import Decided, Offered
from graph_crm.testing.writing import write

T = TypeVar("T")

EMPTY = "MATCH (n) WHERE NOT n:Migration AND NOT n:Lock CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS"
DECISIONS = """
MATCH (d:Decision)-[:FOR]->(p:Party {id: $party})
RETURN d.id AS id, d.trace AS trace, COLLECT {
  MATCH (d)-[r:PROPOSED]->(o:Offer)
  RETURN o {.productCode, .ruleId, .status, .channel, .reasons, rank: r.rank, notBefore: o.notBefore.epochMillis,
    reserved: head(COLLECT { MATCH (o)<-[:FOR_OFFER]-(v:Reservation) RETURN v.at.epochMillis })} ORDER BY r.rank
} AS offers
ORDER BY d.at DESC, d.id
"""
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_PATIENCE = 30.0


class LiveBank:
    """A bank in a database of its own; the fixture ``live_bank`` gives one that is empty but for the catalogue."""

    def __init__(self, portal: BlockingPortal, database: Database) -> None:
        self._portal = portal
        self._database = database
        self._book = RuleBook([])
        self._policy = ContactPolicy.load()
        self._now = dt.datetime.now(dt.UTC)

    def rules(self, *plugins: str | Path | object, policy: ContactPolicy | None = None) -> LiveBank:
        """Work with these plugin files (or modules) only, and with the shipped contact policy unless another is given.

        Raises AssertionError when one can't be loaded.
        """
        found = [
            load_file(Path(one)) if isinstance(one, str | Path) else Found(f"plugin{number}", repr(one), one)
            for number, one in enumerate(plugins)
        ]
        self._book = RuleBook(found)
        self._must_work()
        self._policy = policy or ContactPolicy.load()
        return self

    def on(self, moment: Moment) -> LiveBank:
        """Let the clock stand at an instant ("2026-06-03T10:00", UTC), or at the end of a day; not in the future."""
        self._now = frozen_at(moment)
        return self

    def add(self, *customers: Customer) -> LiveBank:
        """Write customers, and everybody they are tied to, into the graph."""
        self._run(lambda: write(self._database, customers))
        return self

    def event(self, who: Customer, kind: str, *, channel: str | None = None, **payload: Any) -> Decided:
        """Record an event of a customer now and let the worker do its work; what was decided about it.

        Raises AssertionError when the plugins failed, or when nothing was decided since no rule waits for such events.
        """
        party = who.facts.id
        before = {one for one, _ in self._decisions(party)}
        self.record(who, kind, channel=channel, **payload)
        self.work()
        found = [decided for one, decided in self._decisions(party) if one not in before]
        if not found:
            raise AssertionError(f"nothing was decided about {kind} of {party}: no rule waits for it")
        return found[0]

    def record(self, who: Customer, kind: str, *, channel: str | None = None, **payload: Any) -> LiveBank:
        """Record an event of a customer now, which no rule need wait for; the worker handles it with the next one."""
        event = RecordEvent(
            type=kind,
            party_id=who.facts.id,
            at=self._now,
            channel=None if channel is None else Channel(channel),
            payload=payload or None,
        )
        events = EventService(self._database, catalogue_of(self._book), effects=[InterestKeeper().note])
        self._run(lambda: events.record(event))
        return self

    def advise(self, who: Customer, channel: str, *, context: Mapping[str, Any] = _NOTHING, limit: int = 3) -> Decided:
        """What is offered to a customer who is on this channel now, as the mutation ``decide`` answers."""
        wish = Wish(who.facts.id, channel, context, limit)
        decision = self._run(lambda: self._service().advise(wish))
        self._must_work()
        return next(decided for one, decided in self._decisions(who.facts.id) if one == decision)

    def scan(self, *rules: str) -> int:
        """Run the scan of the rules that wait for no event (all, or those named); how many offers it made."""
        scan = RuleScan(self._database, self._book, self._terms(), clock=lambda: self._now)
        report = self._run(lambda: scan.run(rules))
        self._must_work()
        return report.offers

    def decided(self, who: Customer) -> Decided:
        """The last decision about a customer. Raises AssertionError when there is none."""
        found = self._decisions(who.facts.id)
        if not found:
            raise AssertionError(f"nothing was decided about {who.facts.id}")
        return found[0][1]

    def work(self) -> int:
        """Let the worker handle everything that waits; how many entries it completed.

        Raises AssertionError with the error when one fails.
        """
        service = self._service()

        async def decide(tx: Transaction, entry: OutboxEntry) -> None:
            await service.decide_for_event(tx, entry)

        worker = Worker(self._database, {RECORDED: decide})
        done = self._run(worker.drain)
        self._must_work()
        if worker.counts.failed:
            rows = self.cypher("MATCH (e:OutboxEntry) WHERE e.error IS NOT NULL RETURN e.error AS error LIMIT 1")
            raise AssertionError("\n".join(row["error"] for row in rows) or "the worker failed")
        return done

    def counters(self, rule: str, mode: Mode = "on") -> RuleCounters:
        """What a rule did in a mode since the plugins were loaded: asked, proposed, stopped where."""
        return self._book.counters(rule, mode)

    def cypher(self, statement: str, **parameters: Any) -> list[Row]:
        """Look into the graph (or change it) with a statement of your own."""
        return self._run(lambda: self._database.execute(statement, parameters))

    def _service(self) -> DecisionService:
        return DecisionService(self._database, self._book, self._terms(), clock=lambda: self._now)

    def _terms(self) -> Terms:
        return Terms(self._policy.with_limits(self._book.contact_limits), exploration=0.0)

    def _must_work(self) -> None:
        if self._book.problems:
            raise AssertionError("\n".join(self._book.problems))

    def _decisions(self, party: str) -> list[tuple[str, Decided]]:
        rows = self._run(lambda: self._database.read(DECISIONS, {"party": party}))
        return [
            (row["id"], Decided(party, [_offered(one) for one in row["offers"]], orjson.loads(row["trace"])))
            for row in rows
        ]

    def _run(self, work: Callable[[], Awaitable[T]]) -> T:
        return self._portal.call(work)


def _offered(row: Mapping[str, Any]) -> Offered:
    at = row["reserved"] or row["notBefore"]
    return Offered(
        product=row["productCode"],
        rule=row["ruleId"],
        rank=row["rank"],
        status=row["status"],
        channel=row["channel"],
        at=None if at is None else dt.datetime.fromtimestamp(at / 1000, dt.UTC),
        reasons=tuple(row["reasons"]),
    )


@contextmanager
def live_bank_at(uri: str, password: str, *, user: str = "neo4j") -> Iterator[LiveBank]:
    """A bank in the database at ``uri``, whose content is DELETED first; the catalogue is loaded."""

    async def opened() -> Database:
        database = await Database.connect(uri, user, password, patience=_PATIENCE)
        await Migrator(database, folder("schema") / "migrations").migrate()
        await database.execute(EMPTY, timeout=180.0)
        await load_catalogue(database)
        return database

    with start_blocking_portal() as portal:
        database = portal.call(opened)
        try:
            yield LiveBank(portal, database)
        finally:
            portal.call(database.close)
