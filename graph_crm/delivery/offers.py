"""An offer that got its contact slot goes to where it is made: a message, the call list, the screens."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import orjson

from graph_crm.contacts.kinds import ActionClass, Channel, ContactPurpose, ReservationState
from graph_crm.decisions.kinds import OfferStatus
from graph_crm.delivery import cypher
from graph_crm.delivery.queueing import Message, queue
from graph_crm.delivery.verdict import instant
from graph_crm.graph.database import Row, Transaction
from graph_crm.graph.outbox import OutboxEntry

TEMPLATES: Final[Mapping[Channel, str]] = MappingProxyType(
    {
        Channel.EMAIL: "offer_mail",
        Channel.SMS: "offer_sms",
        Channel.PUSH: "offer_push",
        Channel.LETTER: "offer_letter",
    }
)
"""The template of an offer on each channel on which the bank sends."""
SCREENS: Final = (Channel.ATM, Channel.ONLINE)
"""Where the customer comes and looks: an offer waits there whatever channel its slot is for, where its rule says so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReservedOffer:
    """An offer for which a slot is held, as it is placed; read in the transaction that places it."""

    id: str
    party_id: str
    reservation_id: str
    channel: Channel
    """The channel that the slot is held for."""
    place: Channel
    """Where it is placed now: the channel of the slot, or a screen that its rule allows as well."""
    point: str | None
    product: str
    action_class: str
    purpose: str
    begins: dt.datetime
    """From when on the customer may be contacted."""
    ends: dt.datetime
    """First instant at which the slot is no longer held."""
    valid_until: dt.datetime | None
    priority: float
    """The higher, the sooner it is made."""
    script: str | None
    reasons: tuple[str, ...]
    skill: str | None = None
    """What the agent who calls has to be able to do; None: anybody calls."""


Place: TypeAlias = Callable[[Transaction, ReservedOffer], Awaitable[None]]
"""Puts an offer where an agent or a screen finds it, in the caller's transaction; for one offer and place once."""

NOWHERE: Mapping[Channel, Place] = MappingProxyType({})


class OfferPlacing:
    """Brings reserved offers to their places. ``places``: by channel, what puts an offer on a list or a screen."""

    def __init__(self, places: Mapping[Channel, Place] = NOWHERE) -> None:
        self._places = dict(places)

    def add(self, channel: Channel, place: Place) -> None:
        """Register what puts an offer on the list or the screen of ``channel``."""
        self._places[channel] = place

    async def place(self, tx: Transaction, entry: OutboxEntry) -> None:
        """Place the offer that ``entry`` names (topic `decisions.offers.placing.RESERVED`).

        On EMAIL, SMS, PUSH and LETTER a message is queued; on the other channels, and on every screen that the rule of
        the offer allows, it is put there by what the place is registered with. A slot that is no longer held, or an
        offer that ended, is placed nowhere.
        """
        asked = {"offer": entry.payload["offerId"], "reservation": entry.payload["reservationId"]}
        rows = await tx.run(cypher.OFFER_PLACED, asked)
        if not rows or rows[0]["state"] != ReservationState.HELD or rows[0]["status"] != OfferStatus.RESERVED:
            return
        row = rows[0]
        offer = _offer(row, asked["offer"], asked["reservation"])
        if offer.channel in TEMPLATES:
            await self._queue(tx, row, offer)
        for place in dict.fromkeys((offer.channel, *SCREENS)):
            put = self._places.get(place)
            if put is not None and (place is offer.channel or place in (row["channels"] or ())):
                await put(tx, replace(offer, place=place))

    @staticmethod
    async def _queue(tx: Transaction, row: Row, offer: ReservedOffer) -> None:
        """Queue the message; where one for the same offer failed before, it replaces that."""
        before = await tx.run(cypher.TRIED_FOR_OFFER, {"offer": offer.id})
        variables = {
            "product": row["productName"],
            "productCode": offer.product,
            "script": scripts_of(row).get(offer.channel),
            "reasons": _reasons(row),
            "until": None if offer.valid_until is None else offer.valid_until.isoformat(timespec="milliseconds"),
        }
        message = Message(
            key=f"offer:{offer.reservation_id}",
            template=TEMPLATES[offer.channel],
            party_id=offer.party_id,
            channel=offer.channel,
            point=offer.point,
            action_class=ActionClass(offer.action_class),
            purpose=ContactPurpose(offer.purpose),
            variables=variables,
            not_before=offer.begins,
            expires_at=offer.ends,
            reservation_id=offer.reservation_id,
            offer_id=offer.id,
        )
        new = await queue(tx, message)
        if before:
            await tx.run(cypher.REPLACE, {"new": new, "old": before[0]["id"]})


def _offer(row: Row, offer: str, reservation: str) -> ReservedOffer:
    channel = Channel(row["channel"])
    return ReservedOffer(
        id=offer,
        party_id=row["party"],
        reservation_id=reservation,
        channel=channel,
        place=channel,
        point=row["point"],
        product=row["product"],
        action_class=row["actionClass"] or ActionClass.PROMOTIONAL.value,
        purpose=row["purpose"] or ContactPurpose.MARKETING.value,
        begins=instant(row["at"]),
        ends=instant(row["until"]),
        valid_until=None if row["validUntil"] is None else instant(row["validUntil"]),
        priority=_priority(row["factors"]),
        script=scripts_of(row).get(channel) or (" ".join(row["reasons"] or ()) if row["scripts"] else row["script"]),
        reasons=tuple(row["reasons"] or ()),
        skill=row["skill"],
    )


def scripts_of(offer: Mapping[str, Any]) -> Mapping[str, str]:
    """What plugins say of an offer, by channel: words for an agent are not for a screen, nor for a letter."""
    found: dict[str, str] = orjson.loads(offer["scripts"]) if offer["scripts"] else {}
    return found


def _reasons(row: Row) -> list[str]:
    """The reasons in the customer's language, where the rule has them in it."""
    translated = orjson.loads(row["translations"]) if row["translations"] else {}
    language = (row["language"] or "").split("-")[0].lower()
    return list(translated.get(language) or row["reasons"] or ())


def _priority(factors: str | None) -> float:
    found = orjson.loads(factors).get("priority") if factors else None
    return float(found) if isinstance(found, int | float) else 0.0
