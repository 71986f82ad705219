"""The use cases of contacts between the bank and its customers."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

from graph_crm.contacts import cypher, ledger
from graph_crm.contacts.approach import POINT_KIND
from graph_crm.contacts.kinds import ActionClass, Channel, ContactDirection
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
    action_class: ActionClass | None = None
    """What kind of business it was; not known counts as promotional."""
    point: str | None = None
    """Key of the customer's contact point that was used, for example ``PHONE:+420602123456``."""
    call_back_at: dt.datetime | None = None
    """When the customer asked to be called again."""


CALL_BACK_WITHIN = dt.timedelta(days=366)
"""A wish to be called again later than so long after the contact is a mistake."""


def _word(field: str, value: str) -> str:
    """A word of the bank's own lists, for example SERVICE or NO_ANSWER, in capitals."""
    stored = checks.text(field, value, checks.ID_LIMIT).upper().replace(" ", "_").replace("-", "_")
    if not _WORD.fullmatch(stored):
        raise checks.refuse(field, "is no word of a list", "Use capitals and underscores, for example NO_ANSWER.")
    return stored


class ContactService:
    """The use cases of interactions: recorded once; afterwards only `outcome` follows the responses told at them.

    A contact that took place is a fact: no limit refuses it, and it counts for the limits from then on.
    """

    def __init__(self, database: Database, *, now: checks.Clock | None = None) -> None:
        self._database = database
        self._now = now

    async def record(
        self,
        interaction: NewInteraction,
        *,
        id: str | None = None,  # noqa: A002 - the name of the property
        idempotency_key: str | None = None,
    ) -> Written:
        """Record a contact that took place, not one of the future.

        Raises: NotFound for an unknown party or product; AlreadyExists; InvalidInput, also for a contact point that is
        not the customer's.
        """
        identifier = new_id("interaction") if id is None else checks.identifier("id", id)
        given = _checked(interaction, (self._now or checks.utc_now)())

        async def work(tx: Transaction) -> Written:
            locked = await ledger.lock_parties(tx, [interaction.party_id])
            if locked is None:
                raise NotFound(
                    "partyId: there is no such party", hint="Look the party up with searchParties.", field="partyId"
                )
            await self._require_known(tx, interaction)
            # The clock after the lock: who decides next sees the contact, however fast the caller's clock is.
            now = locked.now if self._now is None else self._now()
            properties = {**given, "at": min(given["at"] or now, now)}
            parameters = {"id": identifier, "partyId": interaction.party_id, "properties": properties}
            if not (await tx.run(cypher.RECORD_INTERACTION, parameters))[0]["created"]:
                raise AlreadyExists(
                    "id: an interaction with this id is recorded", hint="Send another id, or none.", field="id"
                )
            return Written(identifier, related=(interaction.party_id,))

        command = {"id": id, "interaction": interaction}
        return await write_once(self._database, "recordInteraction", idempotency_key, command, work)

    @staticmethod
    async def _require_known(tx: Transaction, interaction: NewInteraction) -> None:
        code, point = interaction.product_code, interaction.point
        if code is None and point is None:
            return
        known = (await tx.run(cypher.RECORDED_ABOUT, {"code": code, "partyId": interaction.party_id, "point": point}))[
            0
        ]
        if code is not None and not known["product"]:
            raise NotFound(
                "productCode: there is no such product", hint="Use a code that products lists.", field="productCode"
            )
        if point is not None and not known["point"]:
            raise checks.refuse(
                "pointKey", "is no contact point of the party", "Use the id of one of the party's contact points."
            )


def _checked(interaction: NewInteraction, now: dt.datetime) -> dict[str, Any]:
    """The contact as the graph holds it; ``at`` is None where it was not said."""
    channel = checks.one_of("channel", interaction.channel, Channel)
    kind = interaction.action_class
    at = None if interaction.at is None else checks.instant("at", interaction.at, now)
    note, point = interaction.note, interaction.point
    if point is not None and not point.startswith(f"{POINT_KIND.get(channel)}:"):
        raise checks.refuse(
            "pointKey",
            "does not fit the channel",
            "A call needs a phone, an e-mail an address, a push message a device.",
        )
    return {
        "channel": channel.value,
        "direction": checks.one_of("direction", interaction.direction, ContactDirection).value,
        "purpose": _word("purpose", interaction.purpose),
        "outcome": None if interaction.outcome is None else _word("outcome", interaction.outcome),
        "at": at,
        "note": None if note is None else checks.text("note", note, checks.NOTE_LIMIT, lines=True),
        "productCode": interaction.product_code,
        "source": None if interaction.source is None else checks.text("source", interaction.source),
        "actionClass": None if kind is None else checks.one_of("actionClass", kind, ActionClass).value,
        "pointKey": point,
        "callBackAt": _call_back(interaction.call_back_at, at or now),
    }


def _call_back(asked: dt.datetime | None, made: dt.datetime) -> dt.datetime | None:
    if asked is None:
        return None
    if asked.tzinfo is None:
        raise checks.refuse("callBackAt", "has no time zone", "Send an offset, for example 2026-11-23T10:00:00Z.")
    if not made < asked <= made + CALL_BACK_WITHIN:
        raise checks.refuse("callBackAt", "is out of range", "Send an instant after the contact, at most a year later.")
    return asked.astimezone(dt.UTC)
