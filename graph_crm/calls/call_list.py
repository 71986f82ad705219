"""The call list: whom the bank calls next, given to one agent at a time, and what became of each call.

An entry is a delivery by PHONE. An agent claims the best one for some minutes: in one transaction over all agents, so
that nobody is called by two; after that it is judged again, under the ledgers of the customer, by everything that has
been said since. An agent who goes away loses the claim by the clock, and the entry goes to another one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graph_crm import snapshots
from graph_crm.calls import cypher
from graph_crm.contacts import ledger
from graph_crm.contacts.approach import Approach, Finding
from graph_crm.contacts.calendar import contact_times
from graph_crm.contacts.cool_off import cool_off
from graph_crm.contacts.desk import memory_of
from graph_crm.contacts.kinds import ActionClass, Channel
from graph_crm.contacts.overrides import shipped
from graph_crm.contacts.permission import permission
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.contacts.suppression import suppression
from graph_crm.decisions.offers.states import OPEN
from graph_crm.delivery.kinds import DeliveryState
from graph_crm.delivery.offers import ReservedOffer
from graph_crm.errors import CallNotClaimed, CallRecorded, CrmError, Forbidden, NotFound
from graph_crm.graph.database import Database, Row, Transaction
from graph_crm.parties import checks
from graph_crm.parties.service import new_id
from graph_crm.rules.snapshot import ticked

SALES = "sales"
"""The queue of offers."""
SERVICE = "service"
"""The queue of customers who wait to be called back, where the switchboard named none."""
CLAIM_MINUTES = 10
"""So long an entry stays with the agent who took it."""
LONGEST_CLAIM_MINUTES = 120
CALLBACK_PRIORITY = 1000.0
"""Who called the bank comes before everybody to whom the bank wants to sell something."""
FOR_ANYBODY = dt.timedelta(minutes=15)
"""Who waits so long to be called back is called by anybody: of whatever queue, whatever language is spoken."""
WAKE_AT_ONCE = 100
"""So many entries whose time has come are brought forward by one claim; the timer brings the others."""
TRIES = 50
"""So many entries are looked at for one that may be called now."""
NOT_FORESEEABLE = dt.timedelta(hours=1)
"""An entry that may not be called now, nobody knows until when, is looked at again after it."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_OPEN_OFFERS = frozenset(one.value for one in OPEN)


@dataclass(frozen=True, slots=True)
class ListNumbers:
    """How long the list is."""

    waiting: int
    """Entries that may be called now and that nobody has taken."""
    taken: int
    """Entries that an agent has taken."""
    later: int
    """Entries whose time comes later."""
    oldest: dt.datetime | None
    """Since when the oldest of those that wait could be called."""
    now: dt.datetime


class CallList:
    """Puts customers on the call list and gives them to agents.

    ``clock`` replaces the database's clock in tests. ``policy`` is asked anew each time.
    """

    def __init__(
        self,
        database: Database,
        policy: Callable[[], ContactPolicy] = shipped,
        *,
        clock: checks.Clock | None = None,
    ) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock

    async def place(self, tx: Transaction, offer: ReservedOffer) -> None:
        """Put an offer whose slot is held on the list, once for each slot; its older entry goes."""
        point = offer.point or ""
        properties = {
            "partyId": offer.party_id,
            "to": point.partition(":")[2] or None,
            "pointKey": offer.point,
            "actionClass": offer.action_class,
            "purpose": offer.purpose,
            "template": "offer_call",
            "queue": SALES,
            "priority": max(float(offer.priority), 0.0),
            "skill": offer.skill,
            "script": offer.script,
            "reasons": list(offer.reasons),
            "productCode": offer.product,
            "offerId": offer.id,
            "reservationId": offer.reservation_id,
            "notBefore": offer.begins,
            "expiresAt": offer.ends,
        }
        await self.put(tx, f"call:{offer.id}:{offer.reservation_id}", properties)

    async def put(self, tx: Transaction, key: str, properties: Mapping[str, Any]) -> str:
        """Put an entry on the list in the caller's transaction; its id, the same for the same key."""
        made = {
            "id": new_id("delivery"),
            "channel": Channel.PHONE.value,
            "state": DeliveryState.QUEUED.value,
            "variables": "{}",
            "attempts": 0,
            "claims": 0,
            "attachments": [],
            "callers": [],
            **properties,
            "priority": float(properties["priority"]),
        }
        rows = await tx.run(cypher.PLACE, {"key": key, "properties": made, "now": self._now()})
        found: str = rows[0]["id"]
        return found

    async def next(self, agent: str, *, queue: str | None = None, minutes: int = CLAIM_MINUTES) -> str | None:
        """Take the next entry for ``agent`` for so many minutes; its id, None when nobody may be called now.

        Who has taken one already and not told what became of it gets the same again. ``queue``: only this one.

        Raises: InvalidInput; Forbidden for an employee who does not work here any more.
        """
        if not 1 <= minutes <= LONGEST_CLAIM_MINUTES:
            raise checks.refuse("minutes", "is out of range", f"Send 1 to {LONGEST_CLAIM_MINUTES} minutes.")
        name = None if queue is None else checks.text("queue", queue, checks.ID_LIMIT)
        (employee,) = await self._database.read(cypher.AGENT, {"agent": agent, "now": self._now()})
        if not employee["active"]:
            raise Forbidden("This employee does not work here any more", hint="Ask with an agent who does.")
        passed: list[str] = []
        while len(passed) < TRIES:
            asked = {
                "agent": agent,
                "queue": name,
                "open": [SALES, SERVICE],
                "skills": employee["skills"],
                "others": employee["others"],
                "languages": [one.lower().partition("-")[0] for one in employee["languages"]] or None,
                "milliseconds": minutes * 60_000,
                "anybody": FOR_ANYBODY // dt.timedelta(milliseconds=1),
                "passed": passed,
            }
            taken = await self._database.write(lambda tx, asked=asked: self._claim(tx, asked), idempotent=True)  # type: ignore[misc]  # mypy can't infer a lambda with a default
            if taken is None:
                return None
            if await self._database.write(lambda tx, taken=taken: self._still(tx, taken, agent), idempotent=True):  # type: ignore[misc]  # mypy can't infer a lambda with a default
                return taken
            passed.append(taken)
        return None

    async def _claim(self, tx: Transaction, asked: Mapping[str, Any]) -> str | None:
        (turn,) = await tx.run(cypher.TAKE_TURN, {"agent": asked["agent"], "now": self._now()})
        if turn["own"] is not None and turn["own"] not in asked["passed"]:
            prolonged = {"id": turn["own"], "at": turn["now"], "milliseconds": asked["milliseconds"]}
            await tx.run(cypher.PROLONG, prolonged)
            return str(turn["own"])
        await tx.run(cypher.WAKE, {"now": self._now(), "most": WAKE_AT_ONCE})
        rows = await tx.run(cypher.CLAIM, {**asked, "at": turn["now"]})
        return str(rows[0]["id"]) if rows else None

    async def _still(self, tx: Transaction, entry_id: str, agent: str) -> bool:
        """Whether the entry may be called right now; one that may not is put off, or ends."""
        row, now = await self._locked(tx, entry_id)
        entry = row["entry"]
        if entry["claimedBy"] != agent or entry["state"] != DeliveryState.QUEUED:
            return False
        gone = _fallen_away(row, now)
        if gone is not None:
            await self._change(tx, entry_id, state=DeliveryState.CANCELLED.value, stateReason=gone, claimedUntil=None)
            return False
        against = await self._against(tx, entry, row["offer"], now)
        if against is None:
            return True
        if against.gate in _PUTS_OFF:
            later = against.earliest or now + NOT_FORESEEABLE
            await self._change(tx, entry_id, notBefore=later, stateReason=against.code, claimedUntil=None)
        else:
            await self._change(
                tx, entry_id, state=DeliveryState.CANCELLED.value, stateReason=against.code, claimedUntil=None
            )
        return False

    async def _against(
        self, tx: Transaction, entry: Mapping[str, Any], offer: Mapping[str, Any] | None, now: dt.datetime
    ) -> Finding | None:
        """What speaks against the call now. Its limits were kept when the slot was taken."""
        if entry["partyId"] is None:
            return None
        policy = self._policy()
        loaded = await snapshots.load(tx.run, [entry["partyId"]], now=now, needs=policy.needs, memory=memory_of(policy))
        if not loaded:
            return Finding(False, "PARTY_GONE", "the customer is not there any more", gate="party")
        approach = Approach(
            Channel.PHONE.value,
            at=now,
            action_class=entry["actionClass"],
            purpose=entry["purpose"],
            product=entry["productCode"],
            family=None if offer is None else offer["family"],
            point=entry["pointKey"],
        )
        if entry["callId"] is not None:
            # The customer called: only the hour matters, and where it can't be known somebody has to try.
            said = contact_times(loaded[0], approach, policy)
            return None if said.allowed or said.earliest is None else said
        gates = (permission, suppression, cool_off, contact_times)
        found = (gate(loaded[0], approach, policy) for gate in gates)
        return next((one for one in found if not one.allowed), None)

    async def skip(self, entry_id: str, reason: str, *, agent: str, minutes: int = 15) -> str:
        """Give a claimed entry back without a call; it comes again after so many minutes. Its id.

        Raises: NotFound; InvalidInput; CallNotClaimed; CallRecorded.
        """
        said = checks.text("reason", reason)
        if not 0 <= minutes <= 7 * 24 * 60:
            raise checks.refuse("minutes", "is out of range", "Send 0 minutes to a week.")

        async def work(tx: Transaction) -> str:
            row, now = await self._locked(tx, entry_id)
            entry = row["entry"]
            require_caller(entry, agent)
            if entry["state"] != DeliveryState.QUEUED:
                raise recorded(entry)
            if entry["claimedBy"] == agent:
                later = now + dt.timedelta(minutes=minutes)
                await self._change(tx, entry_id, notBefore=later, stateReason="SKIPPED", note=said, claimedUntil=None)
            return entry_id

        return await self._database.write(work, idempotent=True)

    async def numbers(self, queue: str | None = None) -> ListNumbers:
        """How long the list is, of one queue or of all."""
        (row,) = await self._database.read(cypher.NUMBERS, {"queue": queue, "now": self._now()})
        oldest = None if row["oldest"] is None else _instant(row["oldest"])
        return ListNumbers(row["waiting"], row["taken"], row["later"], oldest, _instant(row["now"]))

    async def expire(self) -> int:
        """Mark entries whose time is over, and bring forward those whose time has come; how many are over.

        Nothing depends on it: what is over is given to nobody any more, and claims bring forward what they need.
        """
        asked = {"now": self._now(), "most": 500}
        while (await self._database.execute(cypher.WAKE, asked, repeat=True, idempotent=True))[0]["woken"]:
            pass
        ended = 0
        while True:
            rows = await self._database.execute(
                cypher.OVERDUE, {"now": self._now(), "most": 500}, repeat=True, idempotent=True
            )
            if not rows or not rows[0]["ended"]:
                return ended
            ended += rows[0]["ended"]

    async def _locked(self, tx: Transaction, entry_id: str) -> tuple[Row, dt.datetime]:
        return await locked_entry(tx, entry_id, self._now())

    async def _change(self, tx: Transaction, entry_id: str, **properties: Any) -> None:
        await tx.run(cypher.CHANGE, {"id": entry_id, "properties": properties, "now": self._now()})

    def _now(self) -> dt.datetime | None:
        return None if self._clock is None else ticked(self._clock())


_PUTS_OFF = frozenset({"contact_times"})
"""Gates that only say that it is not the hour."""


async def locked_entry(tx: Transaction, entry_id: str, now: dt.datetime | None) -> tuple[Row, dt.datetime]:
    """An entry (a row of `cypher.ENTRY`) under the ledgers of its customer and its own lock, and the clock after them.

    Raises: NotFound.
    """
    rows = await tx.run(cypher.OF, {"id": entry_id})
    if not rows:
        raise no_entry()
    locked = None
    if rows[0]["party"] is not None:
        locked = await ledger.lock_parties(tx, [rows[0]["party"]])
    found = await tx.run(cypher.ENTRY, {"id": entry_id})
    if not found:
        raise no_entry()
    if now is None:
        now = locked.now if locked is not None else _instant((await tx.run(cypher.CLOCK))[0]["now"])
    return found[0], now


def _fallen_away(row: Row, now: dt.datetime) -> str | None:
    """Why the reason for a call is gone; None while it is there."""
    entry, slot, offer = row["entry"], row["slot"], row["offer"]
    if entry["offerId"] is not None and (offer is None or offer["status"] not in _OPEN_OFFERS):
        return f"OFFER_{offer['status']}" if offer else "OFFER_GONE"
    if offer is not None and offer["validUntil"] is not None and _instant(offer["validUntil"]) <= now:
        return "OFFER_EXPIRED"
    if offer is not None and offer["off"]:
        return "RULE_OFF"
    if entry["reservationId"] is None:
        return None
    if slot is None or slot["state"] != "HELD":
        return f"SLOT_{slot['state']}" if slot else "SLOT_GONE"
    return None if _instant(slot["at"]) <= now < _instant(slot["until"]) else "SLOT_EXPIRED"


def callback_class() -> dict[str, str]:
    """What kind of business it is to call somebody back."""
    return {"actionClass": ActionClass.TRANSACTIONAL.value, "purpose": "SERVICE"}


def _instant(milliseconds: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(milliseconds=milliseconds)


def require_caller(entry: Mapping[str, Any], agent: str) -> None:
    """Raise CallNotClaimed unless the agent took the entry some time: whose claim ran out may have called."""
    if agent not in (entry["callers"] or ()):
        raise CallNotClaimed("This entry of the call list was never yours", hint="Take one with nextCall.")


def recorded(entry: Mapping[str, Any]) -> CrmError:
    """The error for an entry that is done."""
    return CallRecorded(
        "What became of this entry is recorded already",
        hint="Send what the customer says later with recordResponse, or recordInteraction without an offer.",
        state=entry["state"],
        outcome=entry["outcome"],
    )


def no_entry() -> NotFound:
    """The error for an entry that is not there."""
    return NotFound(
        "entryId: there is no such entry of the call list", hint="Use the id that nextCall answered.", field="entryId"
    )
