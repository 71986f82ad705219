"""Rules that need no event: found by the rule's own Cypher, judged batch by batch, acted upon once an episode."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from graph_crm import snapshots
from graph_crm.clock import utc_now
from graph_crm.contacts import ledger
from graph_crm.contacts.desk import ContactDesk
from graph_crm.decisions import cypher
from graph_crm.decisions.authoring.activity import tally
from graph_crm.decisions.bank import Bank, Terms
from graph_crm.decisions.gates import BankState
from graph_crm.decisions.pipeline import Asked, Outcome, decide
from graph_crm.decisions.service import JUST_NOW, Clock
from graph_crm.decisions.storing import Told, scan_key, store
from graph_crm.errors import RuleError
from graph_crm.graph.database import Database, Transaction
from graph_crm.rules.booked import BookedRule
from graph_crm.rules.conditions import any_did, scan
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.snapshot import EventFact, Snapshot, end_of, ticked

BATCH = 500
"""So many customers are read and judged at a time."""
WRITE_BATCH = 25
"""So many decisions are stored in one transaction: their customers' ledgers are held for as long."""
SCAN_SECONDS = 300.0
WRITE_SECONDS = 60.0
"""For one batch of decisions; nobody waits for it."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A customer whom a rule would approach, and why."""

    party: str
    rule: str
    reasons: tuple[str, ...]
    """Sentences that an agent can say, then the facts that they rest on."""


@dataclass
class ScanReport:
    """What a scan did."""

    found: int = 0
    """Customers that a rule's Cypher found."""
    decisions: int = 0
    """Decisions stored: those who were decided about for the same reasons before are not counted."""
    offers: int = 0


@dataclass(frozen=True, slots=True)
class _Acted:
    """What one transaction did."""

    decisions: int = 0
    offers: int = 0
    left: tuple[str, ...] = ()
    """Customers who have to be judged again, in another transaction."""


class RuleScan:
    """Asks the rules that wait for no event."""

    def __init__(
        self,
        database: Database,
        book: RuleBook,
        terms: Terms,
        *,
        desk: ContactDesk | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._database = database
        self._read = partial(database.read, timeout=SCAN_SECONDS)
        self._book = book
        self._bank = Bank(database, book, terms)
        self._desk = desk or ContactDesk(database, lambda: terms.policy)
        self._clock = clock

    async def candidates(self, rule_id: str, as_of: dt.date | None = None) -> AsyncIterator[Candidate]:
        """Whom the rule would approach as of the end of a day (now when not given), by customer id.

        The customers are found by the rule's Cypher and judged again on their snapshots; who is dropped by eligibility,
        applicability, suitability or the control group is not named. Consent and contact policy are not asked: see
        `graph-crm rules simulate` for how many of them may be contacted. A rule that is off or in shadow is tried all
        the same. A rule with ``on_event`` would approach only those who did such a thing in the last day.
        """
        booked = self._book.rule(rule_id)
        trial = BookedRule(booked.rule, booked.plugin, "on", booked.counters)
        async for outcomes in self.outcomes([trial], as_of):
            for outcome in outcomes:
                for one in outcome.considered:
                    if one.proposal is not None and one.reached("control_group"):
                        facts = tuple(fact.text for fact in one.proposal.facts)
                        yield Candidate(outcome.snapshot.id, rule_id, (*one.proposal.reasons, *facts))

    async def outcomes(
        self, rules: Sequence[BookedRule], as_of: dt.date | None = None, *, limit: int | None = None
    ) -> AsyncIterator[list[Outcome]]:
        """What these rules would decide, batch by batch; nothing is written, and no episode is looked at."""
        now = self._now(as_of)
        bank, book = await self._bank.now(self._read, now)
        ids = await self.found(rules, now)
        for start in range(0, len(ids), BATCH):
            customers = await self._customers(self._read, ids[start : start + BATCH], now, rules)
            asked = Asked("SCAN") if limit is None else Asked("SCAN", limit=limit)
            keys = {one.id: f"scan:{now.date()}:{one.id}" for one in customers}
            yield decide(book, rules, customers, bank, asked=asked, keys=keys)

    async def found(self, rules: Iterable[BookedRule], now: dt.datetime) -> list[str]:
        """The customers whom the Cypher of any of these rules finds, sorted."""
        found: set[str] = set()
        for booked in rules:
            rule, when = booked.rule, booked.rule.when
            if rule.events:
                when &= any_did(rule.events, within=JUST_NOW)
            fragment = scan(when, now)
            rows = await self._database.read(fragment.text, fragment.parameters, timeout=SCAN_SECONDS)
            found.update(row["id"] for row in rows)
        return sorted(found)

    async def run(
        self,
        rule_ids: Sequence[str] = (),
        as_of: dt.date | None = None,
        *,
        told: Callable[[int, int], None] | None = None,
    ) -> ScanReport:
        """Decide for all customers whom the rules (all that wait for no event) find, and store what is new.

        All rules that find a customer are weighed against each other in one decision. Each rule acts once an episode:
        whatever runs twice, and however many processes run it, there is one offer. ``told`` hears how many customers
        of how many are done. Raises RuleError for a rule that is not known, is off or waits for an event, and for a day
        in the past whose offers would still be alive.
        """
        now = self._now(as_of)
        if as_of is not None:
            self._must_be_over(now)
        _, book = await self._bank.now(self._read, now)
        rules = [self._wanted(book, one) for one in rule_ids] or [
            one for one in book.rules if one.mode != "off" and not one.rule.events
        ]
        ids = await self.found(rules, now)
        report = ScanReport(found=len(ids))
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            fresh = await self._fresh(batch, rules, now)
            while fresh:
                done = await self._act(fresh[:WRITE_BATCH], rules, as_of)
                fresh = [*done.left, *fresh[WRITE_BATCH:]]
                report.decisions += done.decisions
                report.offers += done.offers
            if told:
                told(min(start + BATCH, len(ids)), len(ids))
        return report

    def _must_be_over(self, as_of: dt.datetime) -> None:
        """What was said and done since ``as_of`` is not seen: nobody may be contacted without it."""
        terms, now = self._bank.terms, self._now(None)
        if as_of < now < as_of + terms.offer_life + terms.hold:
            raise RuleError(
                f"Offers as of {as_of.date()} would still be alive, and what happened since is not looked at.",
                hint="Leave the day out to decide as of now, or list without storing.",
            )

    @staticmethod
    def _wanted(book: RuleBook, rule_id: str) -> BookedRule:
        booked = book.rule(rule_id)
        if booked.mode == "off":
            raise RuleError(f"Rule {rule_id} is off.", hint=f"Switch it on: graph-crm rules switch {rule_id} on.")
        return booked

    async def _fresh(self, batch: Sequence[str], rules: Sequence[BookedRule], now: dt.datetime) -> list[str]:
        """Those of a batch about whom there is something new to tell, looked at without any lock."""
        bank, book = await self._bank.now(self._read, now)
        outcomes = await self._decided(self._read, batch, rules, bank, book, now)
        keys = {key: one.snapshot.id for one in outcomes if (key := scan_key(one)) is not None}
        rows = await self._read(cypher.KNOWN_DECISIONS, {"keys": list(keys)})
        known = {row["key"] for row in rows}
        return [party for key, party in keys.items() if key not in known]

    async def _act(self, ids: Sequence[str], rules: Sequence[BookedRule], as_of: dt.date | None) -> _Acted:
        decided: list[Outcome] = []

        async def work(tx: Transaction) -> _Acted:
            locked = await ledger.lock_parties(tx, ids)
            if locked is None:
                return _Acted()
            now = locked.now if self._clock is None and as_of is None else self._now(as_of)
            bank, book = await self._bank.now(tx.run, now)
            asked = Asked("SCAN")
            outcomes = await self._decided(tx.run, ids, rules, bank, book, now)
            told, left = _apart(outcomes, locked)
            stored = await store(tx, told, bank, asked, self._desk, now=now)
            decided[:] = [one.outcome for one in told] if stored else []
            return _Acted(len(stored), sum(len(one.outcome.offers) for one in told) if stored else 0, left)

        done = await self._database.write(work, idempotent=True, timeout=WRITE_SECONDS)
        tally(self._book, decided)
        return done

    async def _decided(
        self,
        read: snapshots.Reader,
        ids: Sequence[str],
        rules: Sequence[BookedRule],
        bank: BankState,
        book: RuleBook,
        now: dt.datetime,
    ) -> list[Outcome]:
        rows = await read(cypher.EPISODES, {"ids": list(ids)})
        fired = {row["key"]: _EPOCH + dt.timedelta(milliseconds=row["at"]) for row in rows}
        current = [book.rule(one.rule.id) for one in rules]
        customers = await self._customers(read, ids, now, rules)
        # The chance in a scan's decision hangs on the customer and the day: its own key is known only afterwards.
        keys = {one.id: f"scan:{now.date()}:{one.id}" for one in customers}
        asked = Asked("SCAN", fired=fired)
        return decide(book, [one for one in current if one.mode != "off"], customers, bank, asked=asked, keys=keys)

    async def _customers(
        self, read: snapshots.Reader, ids: Sequence[str], now: dt.datetime, rules: Sequence[BookedRule]
    ) -> list[Snapshot]:
        needs = self._bank.needs
        types = [event for one in rules for event in one.rule.events]
        if types:
            needs |= any_did(tuple(types), within=JUST_NOW).needs()
        customers = await snapshots.load(read, ids, now=now, needs=needs, memory=self._bank.memory)
        return [replace(one, trigger=_last(one, types)) for one in customers]

    def _now(self, as_of: dt.date | None) -> dt.datetime:
        return ticked((self._clock or utc_now)()) if as_of is None else end_of(as_of)


def _apart(outcomes: Iterable[Outcome], locked: ledger.Locked) -> tuple[list[Told], tuple[str, ...]]:
    """What can be stored in one transaction, and whom it leaves for the next one.

    All were judged before any of their contacts is reserved: of those who share a household or a contact point one
    gets a contact, and the others are judged again when it counts. So are those who have just moved in with somebody
    whose ledger is not locked.
    """
    told, left = [], []
    taken: set[str] = set()
    for one in outcomes:
        key = scan_key(one)
        if key is None:
            continue
        theirs = one.snapshot.versions.keys()
        reserves = any(each.reserve for each in one.offers)
        if not locked.covers(one.snapshot) or (reserves and not taken.isdisjoint(theirs)):
            left.append(one.snapshot.id)
            continue
        if reserves:
            taken |= theirs
        one.key = key
        told.append(Told(one, "scan"))
    return told, tuple(left)


def _last(snapshot: Snapshot, types: Sequence[str]) -> EventFact | None:
    return max((one for one in snapshot.events if one.type in types), key=lambda one: one.at, default=None)
