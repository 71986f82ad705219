"""Telling that an offer got its contact slot, so that it comes to where it is made: a message, a list, a screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from graph_crm.contacts.slots import Slot
from graph_crm.graph import outbox
from graph_crm.graph.database import Transaction

RESERVED: Final = "offer.reserved"
"""The topic of the outbox; its payload is ``{offerId, partyId, reservationId}``."""


async def tell_reserved(tx: Transaction, slots: Sequence[Slot], ids: Sequence[str]) -> None:
    """Put the offers of ``slots``, held under ``ids``, into the outbox, in the transaction that holds them.

    Slots that somebody asked for by hand are not told: who asked makes the contact.
    """
    entries = [
        outbox.NewEntry(
            RESERVED,
            slot.party_id,
            {"offerId": slot.offer_id, "partyId": slot.party_id, "reservationId": identifier},
            f"{RESERVED}:{identifier}",
        )
        for slot, identifier in zip(slots, ids, strict=True)
        if slot.offer_id is not None
    ]
    if entries:
        await outbox.put_many(tx, entries)
