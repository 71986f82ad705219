"""The services of the delivery, put together from what the platform has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from graph_crm.contacts.desk import ContactDesk
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.decisions.offers.placing import RESERVED
from graph_crm.delivery.asking import ASK_EVERY, StatusAsking
from graph_crm.delivery.channels.book import Channels
from graph_crm.delivery.offers import OfferPlacing
from graph_crm.delivery.queueing import DUE
from graph_crm.delivery.receipts import CAME_BACK, DeliveryReceipts
from graph_crm.delivery.sending import DeliveryService
from graph_crm.delivery.templates.library import Templates
from graph_crm.delivery.unsubscribe import Unsubscriber
from graph_crm.delivery.verdict import KeptOut
from graph_crm.events.worker import Handler, Outside
from graph_crm.graph.database import Database
from graph_crm.graph.timers import Work
from graph_crm.rules.delivery import DeliveryChannel

MOST_AT_ONCE = 64
"""A channel that hangs must be able to give up as many messages, a few at a time, before a worker gives up one."""


def at_once(concurrency: int) -> int:
    """How many messages may be on their way in a worker that runs so many transactions at a time.

    They are begun and settled many at once, and in between they wait for a channel.
    """
    return min(8 * concurrency, MOST_AT_ONCE)


@dataclass(frozen=True, slots=True)
class DeliveryParts:
    """Everything that sends, places and settles messages in one process."""

    sending: DeliveryService
    placing: OfferPlacing
    receipts: DeliveryReceipts
    asking: StatusAsking
    unsubscriber: Unsubscriber

    @classmethod
    def made(
        cls,
        database: Database,
        channels: Sequence[DeliveryChannel],
        templates: Templates,
        unsubscriber: Unsubscriber,
        *,
        desk: ContactDesk,
        policy: Callable[[], ContactPolicy],
        kept_out: KeptOut | None,
        attempts: int,
        patience: dt.timedelta = dt.timedelta(hours=24),
        hold: dt.timedelta,
    ) -> DeliveryParts:
        """Put them together; of two channels that carry the same kind of message the first is used."""
        sending = DeliveryService(
            database,
            Channels(channels),
            templates,
            unsubscriber,
            desk=desk,
            policy=policy,
            kept_out=kept_out,
            attempts=attempts,
            patience=patience,
            hold=hold,
        )
        receipts = DeliveryReceipts(database, sending.moving_on)
        asking = StatusAsking(database, sending.channels, receipts)
        return cls(sending, OfferPlacing(), receipts, asking, unsubscriber)

    def topics(self) -> Mapping[str, Handler]:
        """What the worker handles inside a transaction."""
        return {RESERVED: self.placing.place, CAME_BACK: self.receipts.came_back}

    def outside(self) -> Mapping[str, Outside]:
        """What the worker does with no transaction open."""
        return {DUE: self.sending.due}

    def timers(self) -> Mapping[str, tuple[float, Work]]:
        """What comes back by the clock."""
        return {"delivery.ask": (ASK_EVERY, self.asking.ask)}
