"""The use cases of contacts between the bank and its customers."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from graph_crm.contacts import cypher
from graph_crm.contacts.kinds import Channel, ContactDirection
from graph_crm.errors import AlreadyExists, NotFound
from graph_crm.graph.database import Database, Transaction
from graph_crm.parties import checks
from graph_crm.parties.service import new_id
from graph_crm.parties.writes import Written, write_once

_WORD = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


@dataclass(frozen=True, kw_only=True)
class NewInteraction:
    """A contact that took place; ``at`` is now when left out."""

    party_id: str
    channel: Channel
    direction: ContactDirection
    purpose: str
    outcome: str | None = None
    at: dt.datetime | None = None
    note: str | None = None
    product_code: str | None = None
    source: str | None = None


def _word(field: str, value: str) -> str:
    """A word of the bank's own lists, for example SERVICE or NO_ANSWER, in capitals."""
    stored = checks.text(field, value, checks.ID_LIMIT).upper().replace(" ", "_").replace("-", "_")
    if not _WORD.fullmatch(stored):
        raise checks.refuse(field, "is no word of a list", "Use capitals and underscores, for example NO_ANSWER.")
    return stored


class ContactService:
    """The use cases of interactions: they are recorded once and never changed."""

    def __init__(self, database: Database, *, now: checks.Clock = checks.utc_now) -> None:
        self._database = database
        self._now = now

    async def record(
        self,
        interaction: NewInteraction,
        *,
        id: str | None = None,  # noqa: A002 - the name of the property
        idempotency_key: str | None = None,
    ) -> Written:
        """Record a contact that took place, not one of the future."""
        identifier = new_id("interaction") if id is None else checks.identifier("id", id)
        now = self._now()
        note = interaction.note
        properties = {
            "channel": checks.one_of("channel", interaction.channel, Channel).value,
            "direction": checks.one_of("direction", interaction.direction, ContactDirection).value,
            "purpose": _word("purpose", interaction.purpose),
            "outcome": None if interaction.outcome is None else _word("outcome", interaction.outcome),
            "at": now if interaction.at is None else checks.instant("at", interaction.at, now),
            "note": None if note is None else checks.text("note", note, checks.NOTE_LIMIT, lines=True),
            "productCode": interaction.product_code,
            "source": None if interaction.source is None else checks.text("source", interaction.source),
        }

        async def work(tx: Transaction) -> Written:
            code = interaction.product_code
            if code is not None and not await tx.run(cypher.PRODUCT, {"code": code}):
                raise NotFound(
                    "productCode: there is no such product", hint="Use a code that products lists.", field="productCode"
                )
            parameters = {"id": identifier, "partyId": interaction.party_id, "properties": properties}
            rows = await tx.run(cypher.RECORD_INTERACTION, parameters)
            if not rows:
                raise NotFound(
                    "partyId: there is no such party", hint="Look the party up with searchParties.", field="partyId"
                )
            if not rows[0]["created"]:
                raise AlreadyExists(
                    "id: an interaction with this id is recorded", hint="Send another id, or none.", field="id"
                )
            return Written(identifier, related=(interaction.party_id,))

        command = {"id": id, "interaction": interaction}
        return await write_once(self._database, "recordInteraction", idempotency_key, command, work)
