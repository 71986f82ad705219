"""What people do about messages: take one back, send one again."""

from __future__ import annotations

from typing import Final

import orjson

from graph_crm.contacts.kinds import ActionClass, Channel, ContactPurpose
from graph_crm.delivery import cypher
from graph_crm.delivery.kinds import DeliveryState
from graph_crm.delivery.queueing import Message, queue
from graph_crm.errors import DeliveryUnderWay, InvalidInput, NotFound
from graph_crm.graph.database import Database, Transaction
from graph_crm.parties import checks
from graph_crm.parties.writes import Written, write_once

BY_HAND: Final = "CANCELLED_BY_HAND"
_UNDER_WAY: Final = frozenset({DeliveryState.QUEUED, DeliveryState.SENDING})


class Deliveries:
    """The use cases of messages. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def cancel(self, identifier: str, reason: str, *, by: str | None) -> str:
        """Take a message back that has not begun; taken back again, nothing changes.

        Raises: NotFound; DeliveryUnderWay where it is being sent, or was; InvalidInput.
        """
        said = checks.text("reason", reason)

        async def work(tx: Transaction) -> str:
            asked = {"id": identifier, "from": [DeliveryState.QUEUED.value], "state": DeliveryState.CANCELLED.value}
            told = f"{by}: {said}" if by else said
            done = await tx.run(cypher.CANCEL, {**asked, "reason": BY_HAND, "diagnostic": told})
            if not done:
                raise _no_delivery()
            state = DeliveryState(done[0]["state"])
            if state is not DeliveryState.CANCELLED:
                raise DeliveryUnderWay(
                    f"The message can't be taken back, it is {state.value}",
                    hint="What was sent stays sent.",
                    state=state.value,
                )
            return identifier

        return await self._database.write(work, idempotent=True)

    async def resend(
        self, identifier: str, *, channel: str | None = None, idempotency_key: str | None = None
    ) -> Written:
        """Send what a message said once more, as a new one that replaces it; it is judged like any other.

        ``channel``: another way than the first one. Raises: NotFound; InvalidInput for one that is still on its way,
        and for an offer: a decision makes those anew.
        """
        way = None if channel is None else checks.one_of("channel", channel, Channel)

        async def work(tx: Transaction) -> Written:
            rows = await tx.run(cypher.COPIED, {"id": identifier})
            if not rows:
                raise _no_delivery()
            one = rows[0]["delivery"]
            if one["state"] in _UNDER_WAY:
                raise InvalidInput(
                    f"id: the message is still on its way, it is {one['state']}", hint="Wait for its end.", field="id"
                )
            if one["offerId"] is not None:
                raise InvalidInput(
                    "id: the message is an offer", hint="Ask decide for an offer that is valid now.", field="id"
                )
            chosen = way.value if way else one["wantedChannel"]
            message = Message(
                key=f"{identifier}>again:{idempotency_key or rows[0]['again']}",
                template=one["template"],
                party_id=one["partyId"],
                to=one["to"] if way is None else None,
                channel=None if chosen is None else Channel(chosen),
                point=one["wantedPoint"] if way is None else None,
                action_class=ActionClass(one["actionClass"]),
                purpose=ContactPurpose(one["purpose"]),
                language=one["language"],
                variables=orjson.loads(one["variables"]),
                request_id=one["requestId"],
                attachments=tuple(one["attachments"] or ()),
            )
            new = await queue(tx, message)
            await tx.run(cypher.REPLACE, {"new": new, "old": identifier})
            return Written(new)

        command = {"id": identifier, "channel": channel}
        return await write_once(self._database, "resendDelivery", idempotency_key, command, work)


def _no_delivery() -> NotFound:
    return NotFound("id: there is no such message", hint="Look it up with deliveries.", field="id")
