"""What is still to happen to a customer, and what of it is cancelled when it may happen no longer.

Held reservations are contacts that are planned, offers are what they are for, deliveries are messages that are queued
and entries of call lists. All are judged by the function that judges a new contact, so that exactly that is cancelled
which would be refused now.

All of it runs under the ledgers of whom it concerns, in the transaction that records the refusal: what is decided or
reserved at the same time either waits for the refusal and sees it, or is there already and is cancelled here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from graph_crm import snapshots
from graph_crm.consent import cypher
from graph_crm.contacts.approach import Approach, Finding, points_for
from graph_crm.contacts.permission import permission
from graph_crm.decisions.kinds import OfferStatus
from graph_crm.decisions.offers.states import UNTOLD
from graph_crm.graph.database import Transaction
from graph_crm.rules.conditions.base import Needs
from graph_crm.rules.snapshot import CHANNELS, PURPOSES, Snapshot

OPEN_OFFERS: Final = sorted(UNTOLD)
"""Offers of which the customer has not heard. Another contact for one that was heard of is judged when it is due."""
PROMOTIONAL: Final = "PROMOTIONAL"
WHAT_WAS_SAID: Final = snapshots.Memory(touches=dt.timedelta(0), answers=dt.timedelta(0), household=False, points=False)
"""Of the customer's past only the consents: nothing else is asked."""

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
SLOT_CANCELLED: Final = "SLOT_CANCELLED"
"""Why an offer waits again that lost its reservation, or its contact point, and can be made in another way."""

Judge = Callable[[Snapshot, Approach], Finding | None]
"""Why a customer may not be approached so; None, or a finding that allows it: nothing speaks against it."""


@dataclass(frozen=True)
class Cancelled:
    """What was cancelled, by id, in the order of the ids."""

    reservations: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    deliveries: tuple[str, ...] = ()


@dataclass
class _Changes:
    """What is to be written, by id."""

    reservations: dict[str, dict[str, Any]] = field(default_factory=dict)
    offers: dict[str, dict[str, Any]] = field(default_factory=dict)
    deliveries: dict[str, dict[str, Any]] = field(default_factory=dict)


async def cancel(
    tx: Transaction,
    judge: Judge,
    now: dt.datetime,
    *,
    party_id: str | None = None,
    points: Iterable[str] = (),
    needs: Needs | None = None,
    memory: snapshots.Memory = WHAT_WAS_SAID,
) -> Cancelled:
    """Cancel what ``judge`` has a reason against.

    Of ``party_id`` that is everything that waits, of others what they have reserved at ``points``. The ledgers
    of the party and of the points must be locked by ``tx``.

    An offer is cancelled when its channel (or, where none is chosen, each of its channels) is closed to it; where only
    its reservation or its contact point is, it is open again and can be made in another way. ``needs`` and ``memory``:
    what ``judge`` must see of the customers beside consents and contact points.
    """
    own: list[Mapping[str, Any]] = []
    queued: list[Mapping[str, Any]] = []
    open_offers: list[tuple[str, Mapping[str, Any]]] = []
    if party_id is not None:
        asked = {"partyId": party_id, "now": now, "open": OPEN_OFFERS}
        for row in await tx.run(cypher.PENDING, asked):
            own.extend(row["reservations"])
            queued.extend(row["deliveries"])
            open_offers.extend((party_id, offer) for offer in row["offers"])
    at_points = sorted(set(points))
    if at_points:
        asked = {"points": at_points, "partyId": party_id or "", "now": now, "open": OPEN_OFFERS}
        for row in await tx.run(cypher.RESERVED_AT_POINTS, asked):
            own.append(row["reservation"])
            if row["offer"] is not None:
                open_offers.append((row["reservation"]["partyId"], row["offer"]))
        asked = {"points": at_points, "partyId": party_id or ""}
        queued.extend(row["delivery"] for row in await tx.run(cypher.QUEUED_AT_POINTS, asked))
    if not own and not open_offers and not queued:
        return Cancelled()
    concerned = sorted({one["partyId"] for one in [*own, *queued]} | {party for party, _ in open_offers})
    loaded = await snapshots.load(tx.run, concerned, now=now, needs=needs or Needs(), memory=memory)
    customers = {one.id: one for one in loaded}
    changes = _judged(judge, customers, own, open_offers)
    _judge_deliveries(judge, customers, queued, changes)
    return await _carry_out(tx, changes, now)


async def cancel_refused(tx: Transaction, refusals: Sequence[tuple[str, str | None]]) -> None:
    """Cancel what many refusals forbid: the party of each, and the contact point where it names one.

    Their ledgers must be locked by ``tx``, and the refusals be written.
    """
    if not refusals:
        return
    (row,) = await tx.run(cypher.CLOCK)
    now = _EPOCH + dt.timedelta(milliseconds=row["now"])
    rows = [{"partyId": party, "pointKey": point} for party, point in refusals]
    for found in await tx.run(cypher.TO_CANCEL, {"refusals": rows, "now": now, "open": OPEN_OFFERS}):
        await cancel(tx, permission, now, party_id=found["partyId"], points=found["shared"])


def _judged(
    judge: Judge,
    customers: Mapping[str, Snapshot],
    reservations: Sequence[Mapping[str, Any]],
    offers: Sequence[tuple[str, Mapping[str, Any]]],
) -> _Changes:
    changes = _Changes()
    for held in reservations:
        customer = customers[held["partyId"]]
        against = _against(judge, customer, _approach(customer, held, held["channel"], held["pointKey"]))
        if against is not None:
            changes.reservations[held["id"]] = {"reason": against.reason}
    for party, offer in offers:
        against = _closed(judge, customers[party], offer)
        slots = [held for held in reservations if held["offerId"] == offer["id"]]
        if against is not None:
            changes.offers[offer["id"]] = {
                "status": OfferStatus.CANCELLED,
                "reason": against.code,
                "pointKey": offer["pointKey"],
            }
            changes.reservations |= {held["id"]: {"reason": against.reason} for held in slots}
        elif any(held["id"] in changes.reservations for held in slots) or _lost(judge, customers[party], offer):
            changes.offers[offer["id"]] = {"status": OfferStatus.WAITING, "reason": SLOT_CANCELLED, "pointKey": None}
    return changes


def _judge_deliveries(
    judge: Judge, customers: Mapping[str, Snapshot], queued: Sequence[Mapping[str, Any]], changes: _Changes
) -> None:
    """Which messages that wait must not be sent any more: forbidden themselves, or in a slot that is cancelled here."""
    for one in queued:
        customer = customers.get(one["partyId"])
        if customer is None:
            continue
        # An address that a message itself names answers who wrote from it: no contact point of the customer is asked.
        direction = "INBOUND" if one["to"] is not None and one["actionClass"] != PROMOTIONAL else "OUTBOUND"
        asked = {**one, "channels": None, "direction": direction}
        if one["channel"] is not None and one["pointKey"] is not None:
            against = _against(judge, customer, _approach(customer, asked, one["channel"], one["pointKey"]))
        else:
            against = _closed(judge, customer, asked)
        if against is not None:
            changes.deliveries[one["id"]] = {"code": against.code or "FORBIDDEN", "reason": against.reason}
        elif one["reservationId"] in changes.reservations:
            changes.deliveries[one["id"]] = {
                "code": SLOT_CANCELLED,
                "reason": changes.reservations[one["reservationId"]]["reason"],
            }


def _against(judge: Judge, customer: Snapshot, approach: Approach) -> Finding | None:
    found = judge(customer, approach)
    return None if found is None or found.allowed else found


def _closed(judge: Judge, customer: Snapshot, offer: Mapping[str, Any]) -> Finding | None:
    """Why none of the offer's ways is open, by the first of them; None when one is."""
    first = None
    for channel in [offer["channel"]] if offer["channel"] else offer["channels"] or CHANNELS:
        points: list[str | None] = [one.key for one in points_for(customer, channel)]
        for point in points or [None]:
            against = _against(judge, customer, _approach(customer, offer, channel, point))
            if against is None:
                return None
            first = first or against
    return first


def _lost(judge: Judge, customer: Snapshot, offer: Mapping[str, Any]) -> bool:
    """Whether the contact point that was chosen for an offer is closed to it."""
    channel, point = offer["channel"], offer["pointKey"]
    return bool(channel and point and _against(judge, customer, _approach(customer, offer, channel, point)))


def _approach(customer: Snapshot, of: Mapping[str, Any], channel: str, point: str | None) -> Approach:
    purpose = of.get("purpose")
    return Approach(
        channel,
        at=customer.now,
        direction=of.get("direction") or "OUTBOUND",
        action_class=of["actionClass"] or PROMOTIONAL,  # what is not known to be harmless is judged as a promotion
        purpose=purpose if purpose in PURPOSES else None,
        product=of["productCode"],
        family=of["familyCode"],
        point=point,
    )


async def _carry_out(tx: Transaction, changes: _Changes, now: dt.datetime) -> Cancelled:
    gone: list[str] = []
    closed: list[str] = []
    if changes.reservations:
        rows = [{"id": one, **change} for one, change in sorted(changes.reservations.items())]
        gone = [row["id"] for row in await tx.run(cypher.CANCEL_RESERVATIONS, {"rows": rows, "now": now})]
    stopped: list[str] = []
    if changes.deliveries:
        rows = [{"id": one, **change} for one, change in sorted(changes.deliveries.items())]
        stopped = [row["id"] for row in await tx.run(cypher.CANCEL_DELIVERIES, {"rows": rows, "now": now})]
    if changes.offers:
        rows = [{"id": one, **change} for one, change in sorted(changes.offers.items())]
        done = await tx.run(cypher.CHANGE_OFFERS, {"rows": rows, "now": now, "open": OPEN_OFFERS})
        closed = [row["id"] for row in done if changes.offers[row["id"]]["status"] == OfferStatus.CANCELLED]
    return Cancelled(tuple(gone), tuple(closed), tuple(stopped))
