"""What follows when a message did not go: the address is marked, the slot given back, the next allowed way taken."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Callable
from typing import Any, Final

import orjson

from graph_crm import snapshots
from graph_crm.consent.protection import mark_point
from graph_crm.contacts import ledger
from graph_crm.contacts.approach import Approach
from graph_crm.contacts.desk import ContactDesk, households_of, memory_of
from graph_crm.contacts.kinds import ActionClass, Channel, ContactPurpose
from graph_crm.contacts.overrides import overrides_of
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.contacts.slots import Slot
from graph_crm.contacts.treatment import best_way
from graph_crm.decisions.kinds import OfferStatus
from graph_crm.decisions.offers.placing import tell_reserved
from graph_crm.delivery import cypher
from graph_crm.delivery.channels.book import Channels
from graph_crm.delivery.composing import postal_lines
from graph_crm.delivery.kinds import DeliveryState
from graph_crm.delivery.queueing import Message, queue
from graph_crm.delivery.verdict import KeptOut, Rules, Way, instant, judged, preferred_ways
from graph_crm.graph import outbox
from graph_crm.graph.database import Row, Transaction

_logger = logging.getLogger(__name__)

BOUNCED: Final = "BOUNCED"
"""Why a contact point is blocked to which messages don't come through."""
UNDELIVERED: Final = "request.undelivered"
"""The topic of the outbox for messages about a request that ended without another way: ``{number, template, reason,
deliveryId}``."""
NOT_SET_UP: Final = "CHANNEL_NOT_SET_UP"
LONGEST_KEY: Final = 500
"""Characters of the key of a message."""
NO_REPLACEMENT: Final = frozenset({"TEMPLATE", "ATTACHMENT"})
"""Reasons that would hold on every other way as well."""
MESSAGES: Final = frozenset({Channel.EMAIL, Channel.SMS, Channel.PUSH, Channel.LETTER})
"""Channels on which the bank sends; to the others somebody calls, or a screen asks."""
_WAITING: Final = (DeliveryState.QUEUED.value, DeliveryState.SENDING.value)
_GONE_OUT: Final = (*_WAITING, DeliveryState.SENT.value)


class MovingOn:
    """Settles messages that failed or bounced, and finds another way for what they said."""

    def __init__(
        self,
        desk: ContactDesk,
        channels: Channels,
        policy: Callable[[], ContactPolicy],
        *,
        kept_out: KeptOut | None,
        hold: dt.timedelta,
    ) -> None:
        self._desk = desk
        self._channels = channels
        self._policy = policy
        self._kept_out = kept_out
        self._hold = hold

    async def failed(
        self,
        tx: Transaction,
        identifier: str,
        state: DeliveryState,
        reason: str,
        diagnostic: str,
        *,
        now: dt.datetime | None,
        late: bool = False,
    ) -> bool:
        """Settle the message as ``state`` (FAILED or BOUNCED); whether it was settled now.

        No ledger may be held by ``tx``. ``late``: the channel had taken it before.
        """
        whose = await tx.run(cypher.WHOSE_SLOT, {"id": identifier})
        if not whose:
            return False
        row = whose[0]
        if row["party"] is not None:
            await ledger.lock_parties(tx, [row["party"]])
        elif address := _point_of(row):
            await ledger.lock(tx, [ledger.point_key(address)])
        return await self.settle(tx, identifier, state, reason, diagnostic, now=now, late=late)

    async def settle(
        self,
        tx: Transaction,
        identifier: str,
        state: DeliveryState,
        reason: str,
        diagnostic: str,
        *,
        now: dt.datetime | None,
        late: bool = False,
    ) -> bool:
        """The same for a caller that holds the ledgers of the customer."""
        row = (await tx.run(cypher.MESSAGE, {"id": identifier, "now": now}))[0]
        at = instant(row["now"])
        origins = list(_GONE_OUT if late else _WAITING)
        if late and state is DeliveryState.BOUNCED:  # what arrived somewhere did not fail, but may have been sent back
            origins.append(DeliveryState.DELIVERED.value)
        asked = {"id": identifier, "from": origins, "state": state.value, "reason": reason}
        if not await tx.run(cypher.END, {**asked, "diagnostic": diagnostic, "now": at}):
            return False
        delivery = row["delivery"]
        waits = reason != NOT_SET_UP and await self._let_go(tx, row, reason, at, late=late)
        point = delivery["pointKey"] or _point_of(delivery)
        if state is DeliveryState.BOUNCED and point is not None:
            await mark_point(tx, point, BOUNCED, at)
        if delivery["offerId"] is not None:
            if waits:
                await self._offer_elsewhere(tx, row, reason, at)
        elif row["party"] is None or reason in NO_REPLACEMENT or not await self._message_elsewhere(tx, row, at):
            await reached_nobody(tx, row, reason)
        return True

    @staticmethod
    async def _let_go(tx: Transaction, row: Row, reason: str, now: dt.datetime, *, late: bool) -> bool:
        """Give the slot back; whether the offer waits for another way now."""
        delivery = row["delivery"]
        if delivery["reservationId"] is not None:
            await tx.run(cypher.LET_GO, {"id": delivery["reservationId"], "now": now, "reason": reason})
        if row["offer"] is None or row["party"] is None:
            return False
        again = [OfferStatus.RESERVED, OfferStatus.WAITING, *([OfferStatus.PRESENTED] if late else [])]
        asked = {"id": row["offer"]["id"], "from": again, "now": now, "reason": reason}
        return bool(await tx.run(cypher.OFFER_AGAIN, {**asked, "status": OfferStatus.WAITING, "notBefore": now}))

    async def _message_elsewhere(self, tx: Transaction, row: Row, now: dt.datetime) -> bool:
        """Queue the same message on the next way that is allowed; whether there is one."""
        delivery, party = row["delivery"], row["party"]
        tried = {(one["channel"], one["point"]) for one in await tx.run(cypher.TRIED, {"id": delivery["id"]})}
        dead = {channel for channel, _ in tried if channel not in self._channels}
        policy = self._policy()
        (snapshot,) = await snapshots.load(tx.run, [party["id"]], now=now, needs=policy.needs, memory=memory_of(policy))
        ways = [
            way
            for way in preferred_ways(snapshot, list(self._channels), letters=bool(postal_lines(party)))
            if (way.channel, way.point) not in tried and way.channel not in dead
        ]
        rules = Rules(policy, overrides_of(row["overrides"]), self._kept_out)
        asked = {**row, "delivery": {**delivery, "to": None, "reservationId": None}}
        found = next((way for way in ways if _open(judged(snapshot, asked, [way], rules, now))), None)
        if found is None:
            return False
        new = await queue(tx, _copy(delivery, found))
        await tx.run(cypher.REPLACE, {"new": new, "old": delivery["id"]})
        return True

    async def _offer_elsewhere(self, tx: Transaction, row: Row, reason: str, now: dt.datetime) -> None:
        """Hold a slot for the offer on the next channel of its rule, let it wait, or take it back."""
        offer, party = row["offer"], row["party"]
        asked = {"id": offer["id"], "from": [OfferStatus.WAITING], "now": now, "reason": reason}
        tried = await tx.run(cypher.TRIED_FOR_OFFER, {"offer": offer["id"]})
        # An address that bounced closes itself, and no other of its channel.
        failed = {one["channel"] for one in tried if one["point"] is None or one["state"] != DeliveryState.BOUNCED}
        policy = self._policy()
        (snapshot,) = await snapshots.load(tx.run, [party["id"]], now=now, needs=policy.needs, memory=memory_of(policy))
        channels = [one for one in offer["channels"] or () if one not in failed]
        channels = [one for one in channels if one not in MESSAGES or one in self._channels]
        if reason in NO_REPLACEMENT or not channels:
            await tx.run(cypher.OFFER_AGAIN, {**asked, "status": OfferStatus.CANCELLED, "notBefore": None})
            return
        approach = Approach(
            channels[0],
            at=now,
            until=now + self._hold,
            action_class=offer["actionClass"] or ActionClass.PROMOTIONAL,
            purpose=row["delivery"]["purpose"],
            product=offer["productCode"],
            family=offer["familyCode"],
        )
        way = best_way(snapshot, channels, approach, policy, overrides_of(row["overrides"]))
        if way.allowed and way.at is not None:
            slot = Slot(
                party_id=party["id"],
                channel=way.channel,
                at=way.at,
                until=way.at + self._hold,
                action_class=approach.action_class,
                purpose=approach.purpose or ContactPurpose.MARKETING,
                product=approach.product,
                point=way.point,
                households=households_of(snapshot),
                offer_id=offer["id"],
                overrides=tuple(sorted({one for finding in way.findings for one in finding.overrides})),
            )
            held = await self._desk.hold(tx, [slot], now=now)
            await tell_reserved(tx, [slot], held)
        elif way.at is not None:
            await tx.run(cypher.OFFER_AGAIN, {**asked, "status": OfferStatus.WAITING, "notBefore": way.at})
        else:
            await tx.run(cypher.OFFER_AGAIN, {**asked, "status": OfferStatus.CANCELLED, "notBefore": None})


async def reached_nobody(tx: Transaction, row: Row, reason: str) -> None:
    """Tell those who answer for the request that what was said about it reached nobody."""
    delivery = row["delivery"]
    _logger.warning("message %s (%s) reached nobody: %s", delivery["id"], delivery["template"], reason)
    if row["request"] is None:
        return
    told = {"number": row["request"], "template": delivery["template"], "reason": reason, "deliveryId": delivery["id"]}
    await outbox.put(tx, UNDELIVERED, f"undelivered:{row['request']}", told, f"{UNDELIVERED}:{delivery['id']}")


def _open(verdict: Any) -> bool:
    return verdict.way is not None or verdict.later is not None


def _point_of(delivery: Row | dict[str, Any]) -> str | None:
    """The key of the contact point that an address of a message is, where it is one."""
    to = delivery.get("to") if hasattr(delivery, "get") else None
    if delivery["channel"] == Channel.EMAIL and to:
        return f"EMAIL:{str(to).lower()}"
    return None


def _copy(delivery: dict[str, Any], way: Way) -> Message:
    """The same message on another way."""
    key = f"{delivery['key']}>{way.channel}:{way.point or ''}"
    if len(key) > LONGEST_KEY:  # cut off, two ways would be one
        key = f"{key[: LONGEST_KEY - 65]}>{hashlib.sha256(key.encode()).hexdigest()}"
    return Message(
        key=key,
        template=delivery["template"],
        party_id=delivery["partyId"],
        channel=Channel(way.channel),
        point=way.point,
        action_class=ActionClass(delivery["actionClass"]),
        purpose=ContactPurpose(delivery["purpose"]),
        language=delivery["language"],
        variables=orjson.loads(delivery["variables"]),
        expires_at=None if delivery["expiresAt"] is None else instant(delivery["expiresAt"]),
        offer_id=delivery["offerId"],
        request_id=delivery["requestId"],
        attachments=tuple(delivery["attachments"] or ()),
    )
