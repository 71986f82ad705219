"""An offer that got its contact slot goes to where it is made: a message, the call list, the screens."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from graph_crm.contacts.kinds import Channel
from graph_crm.graph.database import Transaction


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


Place: TypeAlias = Callable[[Transaction, ReservedOffer], Awaitable[None]]
"""Puts an offer where an agent or a screen finds it, in the caller's transaction; for one offer and place once."""

NOWHERE: Mapping[Channel, Place] = MappingProxyType({})
