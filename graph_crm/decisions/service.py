"""The use cases of decisions: at an event, and for the customer who is here now."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Protocol

import orjson
import structlog

from graph_crm import snapshots
from graph_crm.clock import utc_now
from graph_crm.contacts import ledger
from graph_crm.contacts.desk import ContactDesk
from graph_crm.decisions import cypher
from graph_crm.decisions.authoring.activity import tally
from graph_crm.decisions.bank import Bank, Terms
from graph_crm.decisions.gates import BankState
from graph_crm.decisions.pipeline import MOST_OFFERS, Asked, Outcome, decide
from graph_crm.decisions.storing import Told, parameters, store
from graph_crm.errors import DatabaseBusy, InvalidInput, NotFound, ProcessingRestricted
from graph_crm.graph.database import Database, Transaction
from graph_crm.rules.booked import BookedRule
from graph_crm.rules.conditions import Needs
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.periods import days
from graph_crm.rules.snapshot import CHANNELS, EventFact, Snapshot, ticked

JUST_NOW = days(1)
"""A rule with ``on_event`` speaks about what happened so long ago at most."""
TOPIC = "event.recorded"
ATTEMPTS = 5
"""So often advice is thought over anew because the customer changed meanwhile."""
NOBODY = ""
"""The identifier of no party."""
LARGEST_LIMIT = 20
LARGEST_CONTEXT = 4_000
_NOTHING: Mapping[str, Any] = MappingProxyType({})

_log = structlog.stdlib.get_logger(__name__)

Clock = Callable[[], dt.datetime]


class Entry(Protocol):
    """What an outbox entry tells the handler."""

    @property
    def payload(self) -> Mapping[str, Any]:
        """Holds ``eventId``."""
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """A question for advice: for whom, on which channel, what the front end knows, how many offers at most."""

    party_id: str
    channel: str | None = None
    """The channel that the customer is using; None: what the bank would do by itself."""
    context: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    limit: int = MOST_OFFERS


class DecisionService:
    """Decides what to offer to whom; every answer is kept with its reasons."""

    def __init__(
        self,
        database: Database,
        book: RuleBook,
        terms: Terms,
        *,
        desk: ContactDesk | None = None,
        clock: Clock | None = None,
    ) -> None:
        """``clock`` replaces the database's clock, by which all processes go."""
        self._database = database
        self.book = book
        self.terms = terms
        self.bank = Bank(database, book, terms)
        self._desk = desk or ContactDesk(database, lambda: terms.policy)
        self._clock = clock

    # At an event

    async def decide_for_event(self, tx: Transaction, entry: Entry) -> str | None:
        """Decide about the event that ``entry`` names, in the transaction that completes the entry.

        Returns the decision's id; None when no rule cares about such events, or when it was decided before. The key of
        the decision is the event, so that however often an entry is delivered, there is one decision.
        """
        stored = await self.decide_for_events(tx, [entry])
        return stored[0] if stored else None

    def cares(self, entry: Entry) -> bool:
        """Whether the event that ``entry`` names may lead to a decision, as far as the entry says its type."""
        kind = entry.payload.get("type")
        return not isinstance(kind, str) or self.book.cares(kind)

    async def decide_for_events(
        self, tx: Transaction, entries: Sequence[Entry], *, locked: ledger.Locked | None = None
    ) -> list[str]:
        """Decide about the events that ``entries`` name, in the transaction that completes them all.

        Those that no rule cares about cost nothing; the customers of all others are locked, read and judged together,
        those with several events one event after the other, in the order of the entries. ``locked``: the caller holds
        the ledgers of all these customers. Returns the ids of the decisions that are new.
        """
        # Each entry is looked at first: one that names no event is refused, whatever the others are.
        named_here = [(entry, named(entry, "eventId", TOPIC)) for entry in entries]
        wanted = [identifier for entry, identifier in named_here if self.cares(entry)]
        found = await snapshots.load_events(tx.run, wanted) if wanted else {}
        for identifier in wanted:
            if identifier not in found:
                # The event was removed (erasure) before its turn came: there is nothing left to decide about.
                _log.warning("event_gone", event_id=identifier)
        events = [found[one] for one in dict.fromkeys(wanted) if one in found and self.book.cares(found[one][1].type)]
        if not events:
            return []
        if locked is None:
            locked = await ledger.lock_parties(tx, {party for party, _ in events})
        if locked is None:
            return []
        # What was written under the ledgers before, by whatever machine, is not later than this.
        clock = locked.now if self._clock is None else ticked(self._clock())
        now = max(clock, *(event.at for _, event in events))
        # A late event has not just happened: who waits for its type would speak of it as if it had.
        events = [(party, event) for party, event in events if event.at >= JUST_NOW.before(now)]
        bank, book = await self.bank.now(tx.run, now)
        stored: list[str] = []
        while events:
            turn: dict[str, EventFact] = {}
            later = []
            for party, event in events:
                if party in turn:
                    later.append((party, event))
                else:
                    turn[party] = event
            events = later
            # Sorted: what is stored takes locks on the customers too, and others that do sort them as well.
            customers = await self._customers(tx.run, sorted(turn), now=now, triggers=turn)
            require_covered(locked, customers)
            stored += await self._decided(tx, book, bank, customers, now)
        return stored

    async def _decided(
        self, tx: Transaction, book: RuleBook, bank: BankState, customers: Sequence[Snapshot], now: dt.datetime
    ) -> list[str]:
        """Decide about the trigger of each customer, and store what was decided."""
        asked = Asked("EVENT", hooks=True)
        by_type: dict[str, list[Snapshot]] = {}
        for customer in customers:
            if customer.trigger is not None:
                by_type.setdefault(customer.trigger.type, []).append(customer)
        outcomes: list[Outcome] = []
        for kind, alike in by_type.items():
            outcomes += _each_on_its_own(book, kind, alike, bank, asked)
        told = [
            Told(one, f"event:{one.snapshot.trigger.type}", event=one.snapshot.trigger.id)
            for one in outcomes
            if one.considered and one.snapshot.trigger is not None
        ]
        stored = await store(tx, told, bank, asked, self._desk, now=now)
        if stored:
            tally(book, [one.outcome for one in told])
        return stored

    # For the customer who is here

    async def warm_up(self) -> None:
        """Have the database plan the large statements before the first customer waits for them; writes nothing."""
        now = ticked((self._clock or utc_now)())
        await self.bank.lately(now)
        await self._customers(self._database.read, [NOBODY], now=now, needs=self._waiting_for(self.book))
        nothing = dict.fromkeys(("key", "event", "reconsidered", "asOf", "at", "decision", "controlUnit", "version"))
        lists: dict[str, Any] = {"overrides": [], "episodes": [], "offers": []}
        await self._database.execute(
            cypher.STORE_AS_SEEN, {"party": NOBODY, "ledger": ledger.party_key(NOBODY), **nothing, **lists}
        )

    async def advise(self, wish: Wish) -> str:
        """The best actions for a customer who is here now, stored as a decision; its id.

        It holds no lock: what it saw of the customer is compared once more in the statement that stores it, and it is
        thought over anew when something changed meanwhile. Raises: NotFound, InvalidInput, DatabaseBusy.
        """
        _check(wish)
        if wish.channel is None:
            raise InvalidInput(
                "channel: say where the customer is", hint=f"One of {', '.join(CHANNELS)}.", field="channel"
            )
        key = f"advice:{uuid.uuid4().hex}"
        for _ in range(ATTEMPTS):
            outcome, bank, asked = await self._thought(wish, key)
            told = Told(outcome, f"advice:{wish.channel}", event=_event_of(outcome))
            own = ledger.party_key(wish.party_id)
            sent = {**parameters(told, bank, asked), "ledger": own, "version": outcome.snapshot.versions[own]}
            rows = await self._database.execute(cypher.STORE_AS_SEEN, sent)
            if rows:
                tally(self.book, [outcome])
                found: str = rows[0]["id"]
                return found
        raise DatabaseBusy("The customer's data change again and again", hint="Repeat the request")

    async def preview(self, wish: Wish) -> Outcome:
        """What would be decided now; nothing is written. Without a channel: what the bank would do by itself."""
        _check(wish)
        outcome, _, _ = await self._thought(wish, f"preview:{wish.party_id}")
        return outcome

    async def _thought(self, wish: Wish, key: str) -> tuple[Outcome, BankState, Asked]:
        now = ticked(await self.bank.clock() if self._clock is None else self._clock())
        bank, book = await self.bank.lately(now)
        rules = [one for one in book.rules if one.mode != "off"]
        customers = await self._customers(self._database.read, [wish.party_id], now=now, needs=self._waiting_for(book))
        if not customers:
            raise NotFound(
                "partyId: there is no such party", hint="Look the party up with searchParties.", field="partyId"
            )
        if customers[0].party.restricted:
            raise ProcessingRestricted(
                "The customer's data are only kept: nothing may be decided about them.",
                hint="Serve what the customer asks for; liftRestriction ends it.",
            )
        customer = replace(customers[0], channel=wish.channel, context=MappingProxyType(dict(wish.context)))
        asked = Asked("INBOUND", limit=wish.limit, hooks=True)
        return self._advice(book, rules, customer, bank, asked, key), bank, asked

    @staticmethod
    def _waiting_for(book: RuleBook) -> Needs:
        """The events of the last day that rules wait for: for advice they are asked about those."""
        waiting = {event: JUST_NOW for one in book.rules if one.mode != "off" for event in one.rule.events}
        return Needs(events=MappingProxyType(waiting))

    @staticmethod
    def _advice(
        book: RuleBook, rules: Sequence[BookedRule], customer: Snapshot, bank: BankState, asked: Asked, key: str
    ) -> Outcome:
        """All rules together: those that wait for an event are asked only when it has just happened."""
        fitting = [one for one in rules if not one.rule.events or _last(customer, one.rule.events)]
        types = [event for one in fitting for event in one.rule.events]
        customer = replace(customer, trigger=_last(customer, types))
        return decide(book, fitting, [customer], bank, asked=asked, keys={customer.id: key})[0]

    async def _customers(
        self,
        read: snapshots.Reader,
        ids: Sequence[str],
        *,
        now: dt.datetime,
        needs: Needs | None = None,
        triggers: Mapping[str, EventFact] | None = None,
    ) -> list[Snapshot]:
        wanted = self.bank.needs if needs is None else self.bank.needs | needs
        return await snapshots.load(read, ids, now=now, needs=wanted, triggers=triggers, memory=self.bank.memory)


def _each_on_its_own(
    book: RuleBook, kind: str, customers: Sequence[Snapshot], bank: BankState, asked: Asked
) -> list[Outcome]:
    """Decide about customers together, as if each were asked about alone.

    A hook that fails answers for nobody of its batch. So where one failed, each customer is asked about again, alone:
    the one that it fails for takes nothing from the others.
    """

    def decided(some: Sequence[Snapshot]) -> list[Outcome]:
        keys = {one.id: f"event:{one.trigger.id}" for one in some if one.trigger is not None}
        return decide(book, book.caring_for(kind), some, bank, asked=asked, keys=keys)

    failures = sum(one.failures for one in book.plugins)
    outcomes = decided(customers)
    if len(customers) > 1 and sum(one.failures for one in book.plugins) > failures:
        return [outcome for one in customers for outcome in decided([one])]
    return outcomes


def require_covered(locked: ledger.Locked, customers: Sequence[Snapshot]) -> None:
    """Raise DatabaseBusy where a household or contact point came in after the ledgers were locked.

    The entry is given back then, and the next attempt locks the newcomer as well.
    """
    if not all(locked.covers(one) for one in customers):
        raise DatabaseBusy("A customer's household or contact points changed just now", hint="Repeat the request")


def named(entry: Entry, field: str, topic: str) -> str:
    """The identifier that an outbox entry names in ``field``. Raises InvalidInput where it names none."""
    found = entry.payload.get(field)
    if not isinstance(found, str) or not found:
        raise InvalidInput(f"An outbox entry of topic {topic} names no {field}.", hint=f"Put {field} into it.")
    return found


def _check(wish: Wish) -> None:
    if wish.channel is not None and wish.channel not in CHANNELS:
        raise InvalidInput("channel: there is no such channel", hint=f"One of {', '.join(CHANNELS)}.", field="channel")
    if not 1 <= wish.limit <= LARGEST_LIMIT:
        raise InvalidInput("limit: is out of range", hint=f"Ask for 1 to {LARGEST_LIMIT} offers.", field="limit")
    try:
        size = len(orjson.dumps(dict(wish.context)))
    except (TypeError, ValueError) as error:
        raise InvalidInput("context: is no JSON object", hint="Send names and values.", field="context") from error
    if size > LARGEST_CONTEXT:
        raise InvalidInput("context: is too long", hint=f"Send at most {LARGEST_CONTEXT} bytes.", field="context")


def _last(snapshot: Snapshot, types: Sequence[str]) -> EventFact | None:
    """The last event of one of these types that has just happened; None: there is none."""
    since = JUST_NOW.before(snapshot.now)
    fitting = [one for one in snapshot.events if one.type in types and one.at >= since]
    return max(fitting, key=lambda one: one.at, default=None)


def _event_of(outcome: Outcome) -> str | None:
    trigger = outcome.snapshot.trigger
    return trigger.id if trigger else None
