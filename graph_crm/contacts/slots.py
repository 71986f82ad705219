"""Contact slots: what is asked for, what is held, what is refused, and what a request must satisfy."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graph_crm.contacts.approach import Approach, Finding
from graph_crm.contacts.judging import Earliest
from graph_crm.contacts.kinds import ActionClass, Channel, ContactDirection, ContactPurpose, ReservationState
from graph_crm.errors import CrmError, IdempotencyKeyReused, InvalidInput, NotFound, ReservationGone, ReservationNotOpen
from graph_crm.parties import checks
from graph_crm.rules.snapshot import ticked

TIME_TO_LIVE = dt.timedelta(minutes=15)
"""How long a slot is held when nothing else is said."""
LONGEST_TIME_TO_LIVE = dt.timedelta(days=7)
FURTHEST_AHEAD = dt.timedelta(days=90)
"""No slot begins later than so long from now."""
LATE_BY = dt.timedelta(minutes=5)
"""A slot asked for so long ago begins now: clocks differ, and requests take time."""
_OPEN_OFFERS = ("PROPOSED", "WAITING", "LATER", "NO_ANSWER")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_PURPOSE: Mapping[ActionClass, ContactPurpose] = {
    ActionClass.PROMOTIONAL: ContactPurpose.MARKETING,
    ActionClass.TRANSACTIONAL: ContactPurpose.SERVICE,
    ActionClass.MANDATORY: ContactPurpose.SERVICE,
}
_SELLING = (ContactPurpose.MARKETING, ContactPurpose.PARTNERS)
"""What is promotion whatever class it is given: limits and rests must bind it."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """A contact slot that is held, or what became of it when the same key comes again."""

    id: str
    party_id: str
    at: dt.datetime
    """From when on the contact may be made."""
    until: dt.datetime
    """The first instant at which it may not any more."""
    point: str | None
    """Key of the contact point to use; None where the channel needs none."""
    state: ReservationState = ReservationState.HELD
    overrides: tuple[str, ...] = ()
    """The overrides without which it would have been refused."""


@dataclass(frozen=True, slots=True)
class Refused:
    """No slot: what forbids the contact, and when it may be made first."""

    findings: tuple[Finding, ...]
    """Every gate that says no, in the order of the gates."""
    earliest: Earliest
    asked: dt.datetime
    """The instant of the answer."""


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A slot to be held for a customer whose ledgers the caller holds and whom it has judged."""

    party_id: str
    channel: str
    at: dt.datetime
    until: dt.datetime
    action_class: str = ActionClass.PROMOTIONAL
    purpose: str = ContactPurpose.MARKETING
    direction: str = ContactDirection.OUTBOUND
    product: str | None = None
    point: str | None = None
    households: tuple[str, ...] = ()
    offer_id: str | None = None
    key: str | None = None
    """Unique; none: the slot's own id."""
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A slot that somebody asks for, checked."""

    party_id: str
    channel: Channel
    action_class: ActionClass
    purpose: ContactPurpose
    direction: ContactDirection
    product: str | None
    point: str | None
    at: dt.datetime | None
    lasts: dt.timedelta
    offer_id: str | None
    key: str | None

    def approach(self, now: dt.datetime, product: str | None, family: str | None, point: str | None) -> Approach:
        """The question to the contact policy."""
        at = now if self.at is None else max(self.at, now)
        return Approach(
            self.channel.value,
            at=at,
            until=at + self.lasts,
            direction=self.direction.value,
            action_class=self.action_class.value,
            purpose=self.purpose.value,
            product=product,
            family=family,
            point=point,
        )


def properties_of(slot: Slot, now: dt.datetime, version: str) -> dict[str, Any]:
    """A slot as the graph holds it."""
    return {
        "channel": slot.channel,
        "direction": slot.direction,
        "actionClass": slot.action_class,
        "purpose": slot.purpose,
        "productCode": slot.product,
        "pointKey": slot.point,
        "householdIds": list(slot.households),
        "createdAt": ticked(now),
        "at": ticked(slot.at),
        "until": ticked(slot.until),
        "overrides": sorted(slot.overrides),
        "policyVersion": version,
    }


def checked(
    party_id: str,
    channel: str,
    action_class: str,
    purpose: str | None,
    product: str | None,
    direction: str,
    point: str | None,
    at: dt.datetime | None,
    ttl: dt.timedelta,
    key: str | None,
    offer_id: str | None,
) -> Wanted:
    """What is asked for, in the platform's own words. Raises InvalidInput."""
    if not dt.timedelta() <= ttl <= LONGEST_TIME_TO_LIVE:
        hint = f"Hold a slot for a minute at least and {LONGEST_TIME_TO_LIVE.days} days at most."
        raise checks.refuse("minutes", "is out of range", hint)
    if at is not None and at.tzinfo is None:
        raise checks.refuse("at", "has no time zone", "Send an offset, for example 2026-11-23T10:00:00Z.")
    kind = checks.one_of("actionClass", action_class, ActionClass)
    if checks.one_of("direction", direction, ContactDirection) is ContactDirection.INBOUND:
        raise checks.refuse(
            "direction", "is INBOUND: the customer who came needs no slot", "Record the contact with recordInteraction."
        )
    wish = _PURPOSE[kind] if purpose is None else checks.one_of("purpose", purpose, ContactPurpose)
    if wish in _SELLING and kind is not ActionClass.PROMOTIONAL:
        raise checks.refuse(
            "actionClass", f"does not fit the purpose {wish.value}", "To sell something is PROMOTIONAL."
        )
    return Wanted(
        party_id=party_id,
        channel=checks.one_of("channel", channel, Channel),
        action_class=kind,
        purpose=wish,
        direction=checks.one_of("direction", direction, ContactDirection),
        product=product,
        point=point,
        at=None if at is None else ticked(at),
        lasts=ttl,
        offer_id=offer_id,
        key=None if key is None else checks.text("idempotencyKey", key, checks.ID_LIMIT),
    )


def same_slot(held: Sequence[Any], wanted: Wanted) -> Reserved:
    """The slot that a key got before."""
    party, identifier, _, state, channel, direction, kind, purpose, product, point, at, until, offer = held[:13]
    asked = (
        wanted.party_id,
        wanted.channel,
        wanted.direction,
        wanted.action_class,
        wanted.purpose,
        wanted.offer_id,
    )
    if (
        asked != (party, channel, direction, kind, purpose, offer)
        or wanted.point not in (None, point)
        or wanted.product not in (None if offer else product, product)
    ):
        raise key_reused()
    return Reserved(
        identifier,
        party,
        _EPOCH + dt.timedelta(milliseconds=at),
        _EPOCH + dt.timedelta(milliseconds=until),
        point,
        ReservationState(state),
        tuple(held[14] or ()),
    )


def not_open(held: Sequence[Any], now: dt.datetime) -> CrmError:
    """Why a slot (a row of `cypher.RESERVATION`) can't be confirmed at ``now``."""
    state = held[3]
    at, until = (_EPOCH + dt.timedelta(milliseconds=held[place]) for place in (10, 11))
    if state == ReservationState.HELD and now < until:
        return ReservationNotOpen(
            "The slot begins later: the customer must not be contacted yet",
            hint="Wait until the slot begins; a contact that was made is recorded with recordInteraction.",
            at=at.isoformat(),
        )
    return ReservationGone(
        "The slot is no longer held" if state != ReservationState.HELD else "The slot's time to live is over",
        hint="Reserve again before you contact the customer; a contact that was made is recorded with"
        " recordInteraction.",
        state=state,
        until=until.isoformat(),
    )


def require_soon(at: dt.datetime, now: dt.datetime) -> None:
    """Raise unless a slot may begin at ``at``."""
    if at < now - LATE_BY or at > now + FURTHEST_AHEAD:
        raise checks.refuse(
            "at", "is out of range", f"Send an instant from now to {FURTHEST_AHEAD.days} days ahead, or none for now."
        )


def require_open_offer(found: Sequence[Sequence[Any]], wanted: Wanted) -> None:
    """Raise unless the offer (rows of `cypher.SITUATION`) is the customer's and waits to be delivered."""
    if not found or found[0][0] != wanted.party_id:
        raise NotFound("offerId: the customer has no such offer", hint="Use the id of an offer.", field="offerId")
    _, status, product, _, action_class = found[0]
    if status not in _OPEN_OFFERS:
        raise InvalidInput(
            f"offerId: the offer can't be delivered, it is {status}",
            hint="Only an offer that is PROPOSED or WAITING gets a slot.",
            field="offerId",
            status=status,
        )
    if wanted.product is not None and wanted.product != product:
        raise checks.refuse("productCode", "is another product than the offer's", "Leave it out, or send the offer's.")
    if action_class == ActionClass.PROMOTIONAL and wanted.action_class is not ActionClass.PROMOTIONAL:
        raise checks.refuse("actionClass", "is not the offer's", "The offer is promotion; so is a contact about it.")


def no_party() -> CrmError:
    """The error for a customer who is not there."""
    return NotFound("partyId: there is no such party", hint="Look the party up with searchParties.", field="partyId")


def key_reused() -> CrmError:
    """The error for a key that stands for another slot."""
    return IdempotencyKeyReused(
        "This key was used before for another slot", hint="Use a new key for each slot that you ask for"
    )
