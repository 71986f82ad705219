"""Offers that wait: judged again when their time has come, reserved when they may be made, cancelled when they fell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from graph_crm import snapshots
from graph_crm.contacts import ledger
from graph_crm.contacts.desk import ContactDesk
from graph_crm.decisions import cypher
from graph_crm.decisions.bank import Bank, Terms
from graph_crm.decisions.gates import BankState
from graph_crm.decisions.offers.keeping import DUE
from graph_crm.decisions.offers.placing import tell_reserved
from graph_crm.decisions.offers.states import AGAIN
from graph_crm.decisions.pipeline import Asked, Outcome, decide, decide_proposals
from graph_crm.decisions.service import Clock, Entry, named, require_covered
from graph_crm.decisions.storing import Told, slot, store
from graph_crm.graph.database import Database, Row, Transaction
from graph_crm.rules.manager import RuleBook
from graph_crm.rules.results import Proposal
from graph_crm.rules.snapshot import Snapshot, ticked

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Reconsideration:
    """Judges waiting offers again."""

    def __init__(
        self,
        database: Database,
        book: RuleBook,
        terms: Terms,
        *,
        desk: ContactDesk | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._bank = Bank(database, book, terms)
        self._desk = desk or ContactDesk(database, lambda: terms.policy)
        self._clock = clock

    async def reconsider(self, tx: Transaction, entry: Entry) -> str | None:
        """Judge the offer that ``entry`` names again, in the transaction that completes the entry.

        It is reserved, waits on, or ends: because its rule no longer holds or a gate forbids it (CANCELLED), or because
        its time is over (EXPIRED). Returns the new decision's id; None: the offer no longer waits.
        """
        offer_id = named(entry, "offerId", DUE)
        rows = await tx.run(cypher.DUE_OFFER, {"id": offer_id})
        locked = await ledger.lock_parties(tx, [rows[0]["party"]]) if rows else None
        if locked is None:
            return None
        # Under the lock it is read once more: an answer or a withdrawal may have come in between.
        offer = (await tx.run(cypher.DUE_OFFER, {"id": offer_id}))[0]
        now = locked.now if self._clock is None else ticked(self._clock())
        if offer["status"] not in AGAIN:
            return None
        if now >= _instant(offer["validUntil"]):
            await self._move(tx, offer_id, now, status="EXPIRED", statusReason="NOT_ANSWERED_IN_TIME")
            return None
        return await self._judged(tx, locked, offer_id, offer, now)

    async def _judged(
        self, tx: Transaction, locked: ledger.Locked, offer_id: str, offer: Row, now: dt.datetime
    ) -> str | None:
        bank, book = await self._bank.now(tx.run, now)
        # It lives no longer than it was promised to, and is not in its own way.
        bank = replace(bank, offer_life=_instant(offer["validUntil"]) - now)
        customers = await snapshots.load(
            tx.run, [offer["party"]], now=now, needs=self._bank.needs, memory=self._bank.memory
        )
        require_covered(locked, customers)
        customer = replace(
            customers[0], open_offers=tuple(one for one in customers[0].open_offers if one.id != offer_id)
        )
        asked = Asked("TIMER", limit=1)
        outcome = judge_again(book, customer, offer, key=f"offer:{offer_id}:{now.isoformat()}")(bank, asked)
        told = Told(outcome, "offer.due", reconsidered=offer_id)
        stored = await store(tx, [told], bank, asked, self._desk, now=now)
        best = outcome.offers[0] if outcome.offers else None
        if best is None:
            reason = outcome.considered[0].last.reason_code if outcome.considered else "RULE_GONE"
            await self._move(tx, offer_id, now, status="CANCELLED", statusReason=reason)
        elif best.reserve:
            slots = [slot(outcome, best, offer_id, bank.hold)]
            await tell_reserved(tx, slots, await self._desk.hold(tx, slots, now=now))
        elif best.status == "WAITING" and best.way is not None:
            reason = best.last.reason_code
            await self._move(tx, offer_id, now, status="WAITING", notBefore=best.way.at, statusReason=reason)
        else:
            await self._move(tx, offer_id, now, status="PROPOSED", statusReason=best.gates[-1].reason_code)
        return stored[0] if stored else None

    @staticmethod
    async def _move(tx: Transaction, offer_id: str, now: dt.datetime, **properties: Any) -> None:
        await tx.run(
            cypher.MOVE_OFFER,
            {"id": offer_id, "statuses": sorted(AGAIN), "properties": {**properties, "statusAt": now}},
        )


def judge_again(book: RuleBook, customer: Snapshot, offer: Row, *, key: str) -> Callable[[BankState, Asked], Outcome]:
    """How the offer is judged again: by its rule as it is now, or as it was proposed when a hook proposed it."""
    keys = {customer.id: key}
    booked = [one for one in book.rules if one.rule.id == offer["rule"]]
    if booked:
        rules = [one for one in booked if one.mode == "on"]
        return lambda bank, asked: decide(book, rules, [customer], bank, asked=asked, keys=keys)[0]
    proposal = Proposal(
        party=customer.id,
        rule=offer["rule"],
        offer=offer["product"],
        channels=offer["channels"],
        reasons=offer["reasons"],
        mode=book.mode(offer["rule"]),
        action_class=offer["actionClass"] or "PROMOTIONAL",
    )
    return lambda bank, asked: decide_proposals(book, [proposal], customer, bank, asked=asked, key=key)


def _instant(milliseconds: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(milliseconds=milliseconds)
