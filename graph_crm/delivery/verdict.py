"""May this message go now, and on which way: the last look before it is sent, under the customer's ledgers.

It asks the gates that judged the contact when it was planned. A slot that is held has passed the limits: of it only
what may have changed since is asked. Whatever is not known is a no.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from graph_crm.contacts.approach import POINT_KIND, Approach, Finding, Override, points_for
from graph_crm.contacts.calendar import GATE as TIMES
from graph_crm.contacts.calendar import contact_times, open_until
from graph_crm.contacts.cool_off import cool_off
from graph_crm.contacts.desk import households_of
from graph_crm.contacts.judging import Judge
from graph_crm.contacts.kinds import ReservationState
from graph_crm.contacts.permission import permission
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.contacts.slots import Slot
from graph_crm.contacts.suppression import suppression
from graph_crm.decisions.kinds import OfferStatus
from graph_crm.rules.snapshot import PartyFacts, Snapshot

HELD_FOR: Final = dt.timedelta(hours=1)
"""For so long a slot is held for a promotional message that came without one."""
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_OPEN: Final = frozenset(
    {OfferStatus.PROPOSED, OfferStatus.WAITING, OfferStatus.RESERVED, OfferStatus.LATER, OfferStatus.NO_ANSWER}
)
_CHANNEL_OF: Final[Mapping[str, str]] = {"EMAIL": "EMAIL", "PHONE": "SMS", "PUSH": "PUSH"}
"""By kind of contact point, the channel on which a message goes there."""

KeptOut: TypeAlias = Callable[[PartyFacts], bool]


@dataclass(frozen=True, slots=True)
class Way:
    """A channel, and the contact point where it needs one."""

    channel: str
    point: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with a message: sent on ``way``, kept until ``later``, or, with neither, not sent at all."""

    code: str
    reason: str
    way: Way | None = None
    later: dt.datetime | None = None
    slot: Slot | None = None
    """The slot to hold for it in the transaction that begins to send."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a message is judged by."""

    policy: ContactPolicy
    overrides: Sequence[Override] = ()
    kept_out: KeptOut | None = None
    """Whom nothing is promoted to."""


def instant(milliseconds: int) -> dt.datetime:
    """An instant as the graph hands it over."""
    return _EPOCH + dt.timedelta(milliseconds=milliseconds)


def preferred_ways(snapshot: Snapshot, channels: Collection[str], *, letters: bool) -> list[Way]:
    """The ways to a customer, the preferred first: by the contact points, and at last by letter."""
    found = [
        Way(_CHANNEL_OF[point.kind], point.key)
        for point in snapshot.points
        if _CHANNEL_OF.get(point.kind) in channels and not point.blocked
    ]
    return [*found, Way("LETTER")] if letters and "LETTER" in channels else found


def ways_on(snapshot: Snapshot, channel: str, point: str | None, *, mandatory: bool = False) -> list[Way]:
    """The ways to a customer on one channel: the contact point that was named, or each that it has."""
    if point is not None or channel not in POINT_KIND:
        return [Way(channel, point)]
    points = points_for(snapshot, channel)
    if mandatory:  # nothing stops it, but a blocked address would not bring it
        points = tuple(one for one in points if not one.blocked) or points
    return [Way(channel, one.key) for one in points] or [Way(channel)]


def judged(
    snapshot: Snapshot, message: Mapping[str, Any], ways: Sequence[Way], rules: Rules, now: dt.datetime
) -> Verdict:
    """Whether ``message`` (the row of `cypher.MESSAGE`) may go at ``now``, on the first way that is allowed.

    Where no way is open now but one only waits for its hours, the message is kept until then.
    """
    delivery, reservation, offer = message["delivery"], message["reservation"], message["offer"]
    promotional = delivery["actionClass"] == "PROMOTIONAL"
    if delivery["offerId"] is not None and (offer is None or offer["status"] not in _OPEN):
        status = "gone" if offer is None else offer["status"]
        return Verdict("OFFER_ENDED", f"the offer is {status}: there is nothing to offer any more")
    if delivery["reservationId"] is not None:
        return _in_slot(snapshot, message, reservation, ways, rules, now)
    if promotional and rules.kept_out is not None and rules.kept_out(snapshot.party):
        return Verdict("IN_CONTROL_GROUP", "the customer's household is in the control group")
    judge = Judge(snapshot, rules.policy, rules.overrides)
    lasts = HELD_FOR if promotional else dt.timedelta()
    found: list[Verdict] = []
    for way in ways:
        approach = _approach(delivery, offer, way, now, lasts)
        against = [one for one in judge.judge(approach) if not one.allowed]
        if not against:
            slot = _slot(snapshot, approach, delivery, rules, judge) if promotional else None
            return Verdict("ALLOWED", "nothing speaks against it", way, slot=slot)
        earliest = judge.earliest(approach)
        waits = earliest.at if set(earliest.pushed) <= {TIMES} else None
        found.append(Verdict(against[0].code, against[0].reason, later=waits))
    return _soonest(found)


def _in_slot(
    snapshot: Snapshot,
    message: Mapping[str, Any],
    reservation: Mapping[str, Any] | None,
    ways: Sequence[Way],
    rules: Rules,
    now: dt.datetime,
) -> Verdict:
    """A slot is held for the message: it must still be, and nothing that came since may speak against it."""
    gone = Verdict("RESERVATION_GONE", "the contact slot is no longer held")
    if reservation is None or reservation["state"] != ReservationState.HELD or now >= instant(reservation["until"]):
        return gone
    if now < instant(reservation["at"]):
        return Verdict("SLOT_BEGINS_LATER", "the contact slot begins later", later=instant(reservation["at"]))
    delivery, offer = message["delivery"], message["offer"]
    found: list[Verdict] = []
    for way in ways:
        approach = _approach(delivery, offer, way, now, dt.timedelta(), reservation["direction"])
        findings = [gate(snapshot, approach, rules.policy) for gate in (permission, suppression, cool_off)]
        times = contact_times(snapshot, approach, rules.policy)
        against = next((one for one in findings if not one.allowed), None)
        if against is None and times.allowed:
            return Verdict("ALLOWED", "nothing speaks against it", way)
        waits = None
        if against is None and times.earliest is not None and times.earliest < instant(reservation["until"]):
            waits = times.earliest
        binding: Finding = against or times
        found.append(Verdict(binding.code, binding.reason, later=waits))
    return _soonest(found)


def _soonest(found: Sequence[Verdict]) -> Verdict:
    """Of the ways that are closed the one that opens first; the first where none does."""
    if not found:
        return Verdict("NO_WAY", "there is no way to reach the recipient that the bank has set up")
    waiting = [one for one in found if one.later is not None]
    return min(waiting, key=lambda one: one.later or dt.datetime.max.replace(tzinfo=dt.UTC), default=found[0])


def _approach(
    delivery: Mapping[str, Any],
    offer: Mapping[str, Any] | None,
    way: Way,
    now: dt.datetime,
    lasts: dt.timedelta,
    direction: str | None = None,
) -> Approach:
    # An address that the message itself names is the one from which somebody wrote to the bank: it is an answer.
    answers = delivery["to"] is not None and delivery["actionClass"] != "PROMOTIONAL"
    return Approach(
        way.channel,
        at=now,
        until=now + lasts,
        direction=direction or ("INBOUND" if answers else "OUTBOUND"),
        action_class=delivery["actionClass"],
        purpose=delivery["purpose"],
        product=offer["productCode"] if offer else None,
        family=offer["familyCode"] if offer else None,
        point=way.point,
    )


def _slot(snapshot: Snapshot, approach: Approach, delivery: Mapping[str, Any], rules: Rules, judge: Judge) -> Slot:
    closes = open_until(snapshot, approach, rules.policy)
    used = {one for finding in judge.judge(approach) for one in finding.overrides}
    return Slot(
        party_id=snapshot.id,
        channel=approach.channel,
        at=approach.at,
        until=approach.end if closes is None else max(min(closes, approach.end), approach.at + dt.timedelta(minutes=1)),
        action_class=approach.action_class,
        purpose=approach.purpose or "MARKETING",
        product=approach.product,
        point=approach.point,
        households=households_of(snapshot),
        offer_id=delivery["offerId"],
        overrides=tuple(sorted(used)),
    )
