"""Replay: a stored decision made again from the graph as it was then, and what is different if it is.

The customer is read as of the instant of the decision, without what the decision itself led to. Estimates of the
learner are taken from the decision: counts are kept of today only. What has no history in the graph (a customer's
segment, a blocked phone, the catalogue) is seen as it is today; the digests of the parts tell where that matters.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import orjson

from graph_crm import snapshots
from graph_crm.contacts.overrides import overrides_of
from graph_crm.decisions import cypher
from graph_crm.decisions.bank import Bank, Terms
from graph_crm.decisions.gates import BankState, Catalogue
from graph_crm.decisions.learning.bayes import Explained, Learner
from graph_crm.decisions.learning.bins import Feature
from graph_crm.decisions.pipeline import MOST_OFFERS, Asked, Outcome, decide
from graph_crm.decisions.reasons import replay_cypher
from graph_crm.decisions.reasons.digest import FORMAT, changed, digests
from graph_crm.decisions.reconsidering import judge_again
from graph_crm.decisions.service import JUST_NOW
from graph_crm.errors import NotFound
from graph_crm.graph.database import Database, Row
from graph_crm.rules.booked import BookedRule
from graph_crm.rules.conditions import any_did
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.snapshot import EventFact, Snapshot

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_PARTS_OF_PRIORITY = ("propensity", "context", "value", "lever")


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is not as it was."""

    kind: str
    """Of causes: rule, plugin, policy, learner, snapshot, format, factor. Of effects: candidate, gate, rank."""
    name: str
    before: str | None
    now: str | None

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.before or 'none'} -> {self.now or 'none'}"


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of making a decision again."""

    decision: str
    at: dt.datetime
    causes: tuple[Change, ...]
    """What differs in what the decision was made from."""
    effects: tuple[Change, ...]
    """What differs in the answer: nothing when it is the same."""

    @property
    def same(self) -> bool:
        """Whether every candidate has the same verdicts and the same rank."""
        return not self.effects


@dataclass(frozen=True)
class Remembered(Learner):
    """A learner that says what it said then; what it was not asked then it says as it is now."""

    estimates: Mapping[tuple[str, str | None], float] = field(default_factory=lambda: MappingProxyType({}))
    """By product and channel: the propensity, or the draw that was used instead."""

    def predict(self, product: str, channel: str | None, features: Mapping[str, Feature]) -> Explained:
        """What it said then."""
        then = self.estimates.get((product, channel))
        return super().predict(product, channel, features) if then is None else Explained(then, then)


async def stored_decision(database: Database, decision_id: str) -> Row:
    """A decision as it was stored. Raises NotFound."""
    rows = await database.read(replay_cypher.DECISION, {"id": decision_id})
    if not rows:
        raise NotFound(
            f"There is no decision with the identifier {decision_id[:80]!r}.",
            hint="party { decisions { nodes { id } } } lists a customer's.",
        )
    return rows[0]


class Replaying:
    """Makes stored decisions again; writes nothing."""

    def __init__(self, database: Database, book: RuleBook, terms: Terms) -> None:
        self._database = database
        self._book = book
        self._bank = Bank(database, book, terms)

    async def replay(self, decision_id: str) -> Replay:
        """Make the decision again and compare. Raises NotFound for a decision that is not there."""
        stored = await stored_decision(self._database, decision_id)
        at = _EPOCH + dt.timedelta(milliseconds=stored["at"])
        trace: list[dict[str, Any]] = orjson.loads(stored["trace"] or "[]")
        today, book = await self._bank.now(self._database.read, at)
        bank = await self._as_it_was(today, trace, at)
        book = book.switched({one["rule"]: one["mode"] for one in trace})
        rules = _rules_then(book, trace)
        customer = await self._customer(stored, at, book, rules)
        outcome = await self._decided(stored, customer, book, rules, bank)
        again = [one.as_json() for one in outcome.considered] if outcome else []
        causes = [
            *_of_rules(book, trace, orjson.loads(stored["ruleVersions"] or "{}")),
            *_of("policy", "version", stored["policyVersion"], bank.policy.version),
            *_of("learner", "version", stored["modelVersion"], today.learner.version),
            *_of_snapshot(orjson.loads(stored["digests"] or "{}"), digests(customer)),
            *_of_catalogue(trace, today.catalogue),
            *_of_factors(trace, again),
        ]
        return Replay(decision_id, at, tuple(causes), tuple(_compared(trace, again)))

    async def _as_it_was(self, bank: BankState, trace: Sequence[Mapping[str, Any]], at: dt.datetime) -> BankState:
        rows = await self._database.read(replay_cypher.OVERRIDES, {"at": at})
        return replace(
            bank,
            overrides=overrides_of(rows[0]["overrides"]),
            learner=Remembered(bank.learner.tallies, _estimates(trace)),
            # The draws of an exploring decision are among the estimates.
            arbitration=replace(bank.arbitration, exploration=0.0),
        )

    async def _customer(self, stored: Row, at: dt.datetime, book: RuleBook, rules: Sequence[BookedRule]) -> Snapshot:
        """The customer as of then, without what the decision led to."""
        party, needs = stored["party"], self._bank.needs
        waiting = book.rules if stored["mode"] == "INBOUND" else rules if stored["mode"] == "SCAN" else ()
        types = tuple(dict.fromkeys(event for one in waiting if one.mode != "off" for event in one.rule.events))
        if types:
            needs |= any_did(types, within=JUST_NOW).needs()
        trigger: EventFact | None = None
        if stored["event"]:
            found = await snapshots.load_event(self._database.read, stored["event"])
            trigger = found[1] if found else None
        loaded = await snapshots.load(
            self._database.read, [party], now=at, needs=needs, memory=self._bank.memory,
            triggers={party: trigger} if trigger else None,
        )  # fmt: skip
        if not loaded:
            raise NotFound(
                f"The customer {party[:80]!r} of the decision is no longer there.",
                hint="`graph-crm decisions show` tells what was decided.",
            )
        own = set(stored["offers"])
        customer = replace(
            loaded[0],
            touches=tuple(one for one in loaded[0].touches if not (one.reserved and one.offer_id in own)),
            open_offers=tuple(one for one in loaded[0].open_offers if one.id not in own),
            channel=stored["channel"],
            context=MappingProxyType(orjson.loads(stored["context"] or "{}")),
        )
        if trigger is None and stored["mode"] == "SCAN" and types:
            fitting = [one for one in customer.events if one.type in types]
            customer = replace(customer, trigger=max(fitting, key=lambda one: one.at, default=None))
        return customer

    async def _decided(
        self, stored: Row, customer: Snapshot, book: RuleBook, rules: Sequence[BookedRule], bank: BankState
    ) -> Outcome | None:
        if stored["reconsidered"]:
            found = await self._database.read(cypher.DUE_OFFER, {"id": stored["reconsidered"]})
            if not found:
                return None
            until = _EPOCH + dt.timedelta(milliseconds=found[0]["validUntil"])
            bank = replace(bank, offer_life=until - customer.now)
            return judge_again(book, customer, found[0], key=stored["key"])(bank, Asked("TIMER", limit=1))
        trace = orjson.loads(stored["trace"] or "[]")
        asked = Asked(
            stored["mode"] or "EVENT",
            limit=stored["limit"] or MOST_OFFERS,
            hooks=stored["hooks"],
            fired=_fired(trace),
        )
        return decide(book, rules, [customer], bank, asked=asked, keys={customer.id: stored["key"]})[0]


def _rules_then(book: RuleBook, trace: Sequence[Mapping[str, Any]]) -> list[BookedRule]:
    """The declarative rules that were asked, in the order in which they were asked."""
    known = {one.rule.id: one for one in book.rules}
    return [known[rule] for rule in dict.fromkeys(one["rule"] for one in trace) if rule in known]


def _estimates(trace: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str | None], float]:
    found: dict[tuple[str, str | None], float] = {}
    for one in trace:
        factors, ways = one.get("factors"), one.get("ways")
        if factors:
            drawn = factors.get("drawn")
            used = factors["propensity"]["number"] if drawn is None else drawn
            found[one["productCode"], ways[0]["channel"] if ways else None] = used
    return found


def _fired(trace: Sequence[Mapping[str, Any]]) -> dict[str, dt.datetime]:
    """Episodes that were acted upon before, as the gate noted them: the graph may know newer ones only."""
    found: dict[str, dt.datetime] = {}
    for one in trace:
        for gate in one["gates"]:
            if gate["reasonCode"] == "OFFERED_IN_EPISODE":
                day = dt.date.fromisoformat(gate["numbers"]["on"])
                found |= dict.fromkeys(gate["evidence"], dt.datetime.combine(day, dt.time(), dt.UTC))
    return found


def _of(kind: str, name: str, before: object, now: object) -> Iterator[Change]:
    if before != now:
        yield Change(kind, name, _text(before), _text(now))


def _of_rules(book: RuleBook, trace: Sequence[Mapping[str, Any]], versions: Mapping[str, str]) -> Iterator[Change]:
    known = {one.rule.id: one.rule.version for one in book.rules}
    plugins = {one.name: one for one in book.plugins}
    gone: dict[str, str] = {}
    for one in trace:
        plugin = plugins.get(one["plugin"])
        if one["plugin"] and plugin is None:
            gone[one["plugin"]] = "gone"
        elif plugin is not None and plugin.state != "loaded":
            gone[one["plugin"]] = plugin.state
    yield from (Change("plugin", name, "loaded", state) for name, state in gone.items())
    for rule, version in versions.items():
        proposed = any(one["rule"] == rule and "propose" in _hooks(plugins.get(one["plugin"])) for one in trace)
        if rule in known or not proposed:
            yield from _of("rule", rule, version, known.get(rule, "gone"))


def _hooks(plugin: Any) -> Sequence[str]:
    return plugin.hooks if plugin is not None else ()


def _of_snapshot(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Change]:
    for name in changed(before, now):
        kind = FORMAT if name == FORMAT else "snapshot"
        yield Change(kind, "of snapshots" if name == FORMAT else name, before.get(name), now.get(name))


def _compared(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> Iterator[Change]:
    """What differs in the answer, candidate by candidate: the first gate that says something else, then the rank."""
    then, today = _by_name(before), _by_name(now)
    for name in dict.fromkeys([*then, *today]):
        if name not in today or name not in then:
            yield Change(
                "candidate", name, "considered" if name in then else None, "considered" if name in today else None
            )
            continue
        yield from _gates(name, then[name], today[name])
        yield from _of("rank", name, then[name].get("rank"), today[name].get("rank"))


def _by_name(trace: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {f"{one['rule']} {one['productCode']}": one for one in trace}


def _gates(name: str, then: Mapping[str, Any], today: Mapping[str, Any]) -> Iterator[Change]:
    before, now = [_verdict(one) for one in then["gates"]], [_verdict(one) for one in today["gates"]]
    if before == now:
        return
    at = next((place for place, pair in enumerate(zip(before, now, strict=False)) if pair[0] != pair[1]), None)
    at = min(len(before), len(now)) if at is None else at
    yield Change("gate", name, before[at] if at < len(before) else None, now[at] if at < len(now) else None)


def _of_catalogue(trace: Sequence[Mapping[str, Any]], catalogue: Catalogue) -> Iterator[Change]:
    """What was sold then and is not any more."""
    sold = {one["productCode"] for one in trace for gate in one["gates"] if gate["reasonCode"] == "APPLICABLE"}
    for code in sorted(sold):
        product = catalogue.get(code)
        if product is None or not product.active:
            yield Change("product", code, "sold", "gone" if product is None else "no longer sold")


def _of_factors(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> Iterator[Change]:
    """What a priority is made of otherwise than then: a value in the catalogue, a lever, what a plugin says."""
    today = _by_name(now)
    for name, one in _by_name(before).items():
        then, made = one.get("factors"), today.get(name, {}).get("factors")
        if then and made:
            for part in _PARTS_OF_PRIORITY[1:]:
                yield from _of("factor", f"{name} {part}", then[part]["number"], made[part]["number"])


def _verdict(gate: Mapping[str, Any]) -> str:
    return f"{gate['name']} {gate['verdict']} {gate['reasonCode']}"


def _text(value: object) -> str | None:
    return None if value is None else f"{value:g}" if isinstance(value, float) else str(value)
