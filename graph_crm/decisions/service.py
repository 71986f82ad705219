"""The use cases of decisions: decide at an event, find whom a rule would approach."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import orjson
import structlog

from graph_crm import snapshots
from graph_crm.decisions import cypher
from graph_crm.decisions.gates import Catalogue, Sold
from graph_crm.decisions.pipeline import Outcome, decide
from graph_crm.errors import InvalidInput, RuleError
from graph_crm.graph.database import Database, Transaction
from graph_crm.rules.conditions import any_did, scan
from graph_crm.rules.manager import BookedRule, RuleBook
from graph_crm.rules.periods import days
from graph_crm.rules.snapshot import EventFact, Snapshot, end_of

BATCH = 500
"""So many customers are read and judged at a time in a scan."""
WRITE_BATCH = 50
"""So many decisions of a scan are stored in one transaction."""
JUST_NOW = days(1)
"""A scan asks a rule with ``on_event`` about those who did such a thing so long ago at most."""
SCAN_SECONDS = 300.0
TOPIC = "event.recorded"

_log = structlog.stdlib.get_logger(__name__)


class Entry(Protocol):
    """What an outbox entry tells the handler."""

    @property
    def payload(self) -> Mapping[str, Any]:
        """Holds ``eventId``."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A customer whom a rule would approach, and why."""

    party: str
    rule: str
    reasons: tuple[str, ...]
    """Sentences that an agent can say, then the facts that they rest on."""


class DecisionService:
    """Decides what to offer to whom; every answer is kept with its reasons."""

    def __init__(
        self, database: Database, book: RuleBook, *, clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    ) -> None:
        self._database = database
        self.book = book
        self._clock = clock

    async def decide_for_event(self, tx: Transaction, entry: Entry) -> str | None:
        """Decide about the event that ``entry`` names, in the transaction that completes the entry.

        Returns the decision's id; None when no rule cares about such events, or when it was decided before. The key of
        the decision is the event, so that however often an entry is delivered, there is one decision.
        """
        event_id = entry.payload.get("eventId")
        if not isinstance(event_id, str) or not event_id:
            raise InvalidInput("An outbox entry of topic event.recorded names no event.", hint="Put eventId into it.")
        found = await snapshots.load_event(tx.run, event_id)
        if found is None:
            # The event was removed (erasure) before its turn came: there is nothing left to decide about.
            _log.warning("event_gone", event_id=event_id)
            return None
        party, event = found
        if not self.book.cares(event.type):
            return None
        rules = self.book.caring_for(event.type)
        now = max(self._clock(), event.at)
        customers = await snapshots.load(tx.run, [party], now=now, needs=self.book.needs, triggers={party: event})
        catalogue = await _catalogue(tx.run)
        outcome = decide(self.book, rules, customers, catalogue, hooks=True)[0]
        if not outcome.considered:
            return None
        key, trigger = f"event:{event.id}", f"event:{event.type}"
        return await self._store(tx, outcome, key=key, trigger=trigger, event=event)

    async def candidates(self, rule_id: str, as_of: dt.date | None = None) -> AsyncIterator[Candidate]:
        """Whom the rule would approach as of the end of a day (now when not given), by customer id.

        The customers are found by the rule's Cypher, batch by batch judged again on their snapshots and led through
        the gates: who is dropped there is not named. A rule that is off or in shadow is tried all the same. A rule
        with ``on_event`` would approach only those who did such a thing in the last day, and is asked at the last one.
        """
        booked = self.book.rule(rule_id)
        trial = BookedRule(booked.rule, booked.plugin, "on", booked.counters)
        async for outcomes in self._scan(trial, as_of):
            for outcome in outcomes:
                for one in outcome.offers:
                    if one.proposal is not None:
                        facts = tuple(fact.text for fact in one.proposal.facts)
                        yield Candidate(outcome.snapshot.id, rule_id, (*one.proposal.reasons, *facts))

    async def record_candidates(self, rule_id: str, as_of: dt.date | None = None) -> int:
        """Store the decisions of a scan, with offers and trace; how many customers got an offer that had none before.

        A rule asks about a customer once a day: the same scan again stores nothing. A rule in shadow leaves traces
        without offers. Raises RuleError for a rule that is off.
        """
        booked = self.book.rule(rule_id)
        if booked.mode == "off":
            raise RuleError(f"Rule {rule_id} is off.", hint="Set its mode to on, or only list its candidates.")
        recorded = 0
        async for outcomes in self._scan(booked, as_of):
            for start in range(0, len(outcomes), WRITE_BATCH):
                recorded += await self._record(rule_id, outcomes[start : start + WRITE_BATCH])
        return recorded

    async def _record(self, rule_id: str, outcomes: Sequence[Outcome]) -> int:
        async def work(tx: Transaction) -> int:
            stored = 0
            for outcome in outcomes:
                key = f"scan:{rule_id}:{outcome.snapshot.as_of}:{outcome.snapshot.id}"
                answer = await self._store(tx, outcome, key=key, trigger=f"scan:{rule_id}")
                stored += bool(answer and outcome.offers)
            return stored

        return await self._database.write(work, idempotent=True)

    async def _scan(self, booked: BookedRule, as_of: dt.date | None) -> AsyncIterator[list[Outcome]]:
        now = self._clock() if as_of is None else end_of(as_of)
        rule, needs, when = booked.rule, self.book.needs, booked.rule.when
        if rule.events:
            happened = any_did(rule.events, within=JUST_NOW)
            when, needs = when & happened, needs | happened.needs()
        fragment = scan(when, now)
        rows = await self._database.read(fragment.text, fragment.parameters, timeout=SCAN_SECONDS)
        ids = [row["id"] for row in rows]
        del rows
        catalogue = await _catalogue(self._database.read)
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            customers = await snapshots.load(self._database.read, batch, now=now, needs=needs)
            customers = [replace(one, trigger=_last(one, rule.events)) for one in customers]
            yield decide(self.book, [booked], customers, catalogue, hooks=False)

    @staticmethod
    async def _store(
        tx: Transaction, outcome: Outcome, *, key: str, trigger: str, event: EventFact | None = None
    ) -> str | None:
        now = outcome.snapshot.now
        offers = outcome.offers
        decision = {
            "id": f"decision:{uuid.uuid4().hex}",
            "trigger": trigger,
            "partyId": outcome.snapshot.id,
            "outcome": "PROPOSED" if offers else "NOTHING",
            "trace": orjson.dumps([one.as_json() for one in outcome.considered]).decode(),
            "ruleVersions": orjson.dumps({one.rule: one.version for one in outcome.considered}).decode(),
        }
        rows = await tx.run(
            cypher.STORE,
            {
                "party": outcome.snapshot.id,
                "key": key,
                "event": event.id if event else None,
                "asOf": now.date(),
                "at": now,
                "decision": decision,
                "offers": _offers(outcome),
            },
        )
        return rows[0]["id"] if rows else None


def _last(snapshot: Snapshot, types: Sequence[str]) -> EventFact | None:
    """The last event of one of these types; None: there is none, or the rule waits for none."""
    return max((one for one in snapshot.events if one.type in types), key=lambda one: one.at, default=None)


async def _catalogue(read: snapshots.Reader) -> Catalogue:
    rows = await read(cypher.CATALOGUE)
    return {row["code"]: Sold(row["code"], row["family"], row["name"], row["active"]) for row in rows}


def _offers(outcome: Outcome) -> Sequence[dict[str, Any]]:
    found = []
    for one in outcome.offers:
        if one.proposal is None:
            continue
        proposal = one.proposal
        found.append(
            {
                "id": f"offer:{uuid.uuid4().hex}",
                "rank": one.rank,
                "productCode": proposal.offer,
                "properties": {
                    "ruleId": proposal.rule,
                    "productCode": proposal.offer,
                    "channels": list(proposal.channels),
                    "status": "PROPOSED",
                    "reasons": list(proposal.reasons),
                    "reasonCodes": [fact.code for fact in proposal.facts],
                },
            }
        )
    return found
