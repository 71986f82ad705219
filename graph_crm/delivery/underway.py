"""A message on its way from the queue to its channel: due, put into words, begun."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from graph_crm.delivery.verdict import Way, instant
from graph_crm.graph.database import Row
from graph_crm.rules.delivery import DeliveryChannel, Outgoing


@dataclass(frozen=True, slots=True)
class Begun:
    """A message that is SENDING now, and what to hand over."""

    outgoing: Outgoing
    attachments: tuple[str, ...]
    channel: DeliveryChannel
    wait: float
    """Seconds until its turn on the channel comes."""
    since: dt.datetime
    """When its hand-over was begun first."""
    unknown: int
    """So often its outcome was not known before."""
    expires: dt.datetime | None
    """From here on it is not sent any more."""
    slot: str | None
    """The contact slot that it uses."""
    product: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A message that is due; ``by`` names this attempt to send it."""

    payload: Mapping[str, Any]
    by: str

    @property
    def alone(self) -> bool:
        """Whether more than the message itself may have to be written: it is begun in a transaction of its own."""
        return bool(self.payload.get("alone")) or "partyId" not in self.payload


@dataclass(frozen=True, slots=True)
class Starting:
    """A message in words that may go now."""

    row: Row
    way: Way
    channel: DeliveryChannel
    outgoing: Outgoing
    wait: float
    reservation: str | None
    by: str

    def marked(self) -> dict[str, Any]:
        """As `cypher.SENDING` takes it."""
        return {
            "id": self.outgoing.id,
            "by": self.by,
            "channel": self.way.channel,
            "point": self.way.point,
            "language": self.outgoing.language,
            "subject": self.outgoing.subject,
            "reservationId": self.reservation,
        }

    def begun(self, marked: Row) -> Begun:
        """As it is handed over, with what its marking answered."""
        delivery, offer = self.row["delivery"], self.row["offer"]
        expires = delivery["expiresAt"]
        return Begun(
            outgoing=replace(self.outgoing, attempt=marked["attempts"]),
            attachments=tuple(delivery["attachments"] or ()) if self.channel.capability.attachments else (),
            channel=self.channel,
            wait=self.wait,
            since=instant(marked["since"]),
            unknown=marked["unknown"],
            expires=None if expires is None else instant(expires),
            slot=self.reservation,
            product=offer["productCode"] if offer else None,
        )


@dataclass(frozen=True, slots=True)
class Wait:
    """The channel's pace allows it later."""

    seconds: float
