"""Sending: one message from the queue to its channel, so that it is never lost, and promoted to nobody who said no.

A message is judged once more under the ledgers of its customer, in the transaction that marks it SENDING. Only then
it is handed over, with no transaction open; what became of it is written in the transaction that completes the entry
of the outbox. Who finds a message SENDING finds one whose sender died: whether it went is not known. On a channel that
drops repeats it is handed over again under the same key; on another one it is repeated only where it promotes nothing.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import random
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any, Final, TypeAlias

from graph_crm import snapshots
from graph_crm.contacts import cypher as contacts
from graph_crm.contacts import ledger
from graph_crm.contacts.desk import ContactDesk, interaction_id, memory_of
from graph_crm.contacts.overrides import overrides_of, shipped
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.delivery import cypher
from graph_crm.delivery.channels.book import Channels, what_to_set
from graph_crm.delivery.composing import channel_of, compose, postal_lines
from graph_crm.delivery.kinds import DeliveryState
from graph_crm.delivery.moving_on import BOUNCED, NOT_SET_UP, MovingOn, reached_nobody
from graph_crm.delivery.queueing import DUE
from graph_crm.delivery.templates.library import Templates
from graph_crm.delivery.underway import Asked, Begun, Starting, Wait
from graph_crm.delivery.unsubscribe import Unsubscriber
from graph_crm.delivery.verdict import KeptOut, Rules, Verdict, Way, instant, judged, preferred_ways, ways_on
from graph_crm.errors import CrmError, DatabaseUnavailable, InvalidInput, NotFound, TemplateFailed
from graph_crm.events.settling import Joint
from graph_crm.graph import outbox
from graph_crm.graph.database import Database, Row, Transaction
from graph_crm.graph.gathering import Gathering
from graph_crm.graph.outbox import OutboxEntry
from graph_crm.parties import checks
from graph_crm.rules.delivery import Bounced, Enclosed, Refused, Sent, TryLater
from graph_crm.rules.snapshot import Snapshot, epoch_milliseconds, ticked

FIRST_PAUSE: Final = 15.0
"""Seconds until the second attempt; each further pause is about twice as long."""
LONGEST_PAUSE: Final = 900.0
"""Seconds of the longest pause: when the far side is back, what waits for it goes out soon."""
LONGEST_ASKED: Final = 3_600.0
"""Seconds of the longest pause that a far side may ask for."""
BEGIN_SECONDS: Final = 0.05
"""Between two transactions that begin messages, where many are due; one alone waits for nothing."""
ALONE: Final = 8
"""So many messages are on their way at a time that need a transaction of their own, promotion above all."""
PATIENCE: Final = 2.0
"""Seconds for which a message waits for its turn on a channel with a pace; a longer wait goes back to the queue."""

CRASHED: Final = "CRASHED_WHILE_SENDING"
NOT_KNOWN: Final = "OUTCOME_UNKNOWN"
_WAITING: Final = (DeliveryState.QUEUED.value, DeliveryState.SENDING.value)

Effect: TypeAlias = Callable[[Transaction], Awaitable[None]]
ReadAttachments: TypeAlias = Callable[[Sequence[str]], Awaitable[Sequence[Enclosed]]]
"""Reads what goes with a message. Raises NotFound or InvalidInput for what may never leave the bank, any other
CrmError for what may later."""

_logger = logging.getLogger(__name__)


class _NeverReadable(Exception):
    """What goes with a message can't be read, and never will."""


class DeliveryService:
    """Hands messages over. ``clock`` replaces the database's clock in tests.

    A message that surely did not go is tried again for ``patience``: an outage of the far side loses nothing. One of
    which is not known whether it went is tried ``attempts`` times. Then it goes another way, or fails.
    """

    def __init__(
        self,
        database: Database,
        channels: Channels,
        templates: Templates,
        unsubscriber: Unsubscriber,
        *,
        desk: ContactDesk | None = None,
        policy: Callable[[], ContactPolicy] = shipped,
        kept_out: KeptOut | None = None,
        attempts: int = 6,
        patience: dt.timedelta = dt.timedelta(hours=24),
        hold: dt.timedelta = dt.timedelta(hours=72),
        attachments: ReadAttachments | None = None,
        clock: checks.Clock | None = None,
    ) -> None:
        self._database = database
        self.channels = channels
        self.templates = templates
        self._unsubscriber = unsubscriber
        self._policy = policy
        self._desk = desk or ContactDesk(database, policy)
        self._kept_out = kept_out
        self._attempts = attempts
        self._patience = patience
        self.read_attachments = attachments
        self._clock = clock
        self._beginning = Gathering(self._begin_all, at_once=2, gap=BEGIN_SECONDS)
        self._alone = asyncio.Semaphore(ALONE)
        self.moving_on = MovingOn(self._desk, channels, policy, kept_out=kept_out, hold=hold)

    async def due(self, entry: OutboxEntry) -> Effect | None:
        """Send the message that ``entry`` names (topic `delivery.due`); what to write in completing the entry."""
        identifier, asked = str(entry.payload["deliveryId"]), Asked(entry.payload, uuid.uuid4().hex)
        if asked.alone:
            async with self._alone:
                return await self._sending(identifier, await self._begin_alone(asked))
        return await self._sending(identifier, await self._beginning.ask(asked))

    async def _sending(self, identifier: str, begun: Begun | Wait | None) -> Effect | None:
        if begun is None:
            return None
        if isinstance(begun, Wait):
            return lambda tx: self._later(tx, identifier, begun.seconds, "PACE", None, unsure=True)
        outcome = await self._hand_over(begun)
        if isinstance(outcome, Sent) and begun.slot is None:
            return Joint(self._all_sent, ((begun, outcome),))
        return lambda tx: self._settle(tx, identifier, begun, outcome)

    # Before

    async def _begin_all(self, asked: Sequence[Asked]) -> Sequence[Begun | Wait | Exception | None]:
        """Begin messages that are due at the same time, in one transaction; what needs more than that, by itself."""
        begun: Mapping[str, Begun] = {}
        if len(asked) > 1:
            try:
                begun = await self._database.write(lambda tx: self._begin_together(tx, asked), idempotent=True)
            except DatabaseUnavailable:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, only the message that it is about may fail
                _logger.info("%d messages are begun one by one: %s", len(asked), type(error).__name__)
        return [begun.get(one.by) or await self._begun_alone(one) for one in asked]

    async def _begun_alone(self, asked: Asked) -> Begun | Wait | Exception | None:
        try:
            return await self._begin_alone(asked)
        except Exception as error:  # noqa: BLE001 - it goes to the entry that it is about
            return error

    async def _begin_alone(self, asked: Asked) -> Begun | Wait | None:
        return await self._database.write(lambda tx: self._begin(tx, asked.payload, asked.by), idempotent=True)

    async def _begin_together(self, tx: Transaction, asked: Sequence[Asked]) -> Mapping[str, Begun]:
        """Mark SENDING what may simply go, by the names of the attempts; the others are left as they are."""
        by = {str(one.payload["deliveryId"]): one.by for one in asked}
        parties = {str(party) for one in asked if (party := one.payload["partyId"]) is not None}
        if parties:
            await ledger.lock_parties(tx, parties)
        rows = await tx.run(cypher.MESSAGES, {"ids": sorted(by), "now": self._told()})
        waiting = [row for row in rows if row["delivery"]["state"] in _WAITING]
        if not waiting:
            return {}
        now, policy = instant(max(row["now"] for row in waiting)), self._policy()
        named = sorted({row["party"]["id"] for row in waiting if row["party"] is not None} & parties)
        known = await snapshots.load(tx.run, named, now=now, needs=policy.needs, memory=memory_of(policy))
        customers = {one.id: one for one in known}
        starting = [
            one for row in waiting if (one := self._simply(row, by[row["delivery"]["id"]], now, customers)) is not None
        ]
        return {one.by: begun for one, begun in zip(starting, await self._mark(tx, starting, now), strict=True)}

    def _simply(self, row: Row, by: str, now: dt.datetime, customers: Mapping[str, Snapshot]) -> Starting | None:
        """How a message goes of which nothing but itself has to be written; None: more is to be thought of."""
        delivery, party = row["delivery"], row["party"]
        begins, expires = delivery["notBefore"], delivery["expiresAt"]
        early = begins is not None and now < instant(begins)
        late = expires is not None and now >= instant(expires)
        more = delivery["actionClass"] == "PROMOTIONAL" or delivery["reservationId"] or delivery["offerId"]
        if early or late or more or _unsure(delivery, by) or (party is not None and party["id"] not in customers):
            return None
        verdict = self._judged(row, None if party is None else customers[party["id"]], now)
        channel = None if verdict.way is None else self.channels.get(verdict.way.channel)
        if verdict.way is None or channel is None:
            return None
        pace, clock = self.channels.pace(verdict.way.channel), asyncio.get_running_loop().time()
        if pace.ahead(clock) > PATIENCE:
            return None
        try:
            outgoing = compose(row, verdict.way, channel, self.templates, self._unsubscriber)
        except (TemplateFailed, NotFound):
            return None
        return Starting(row, verdict.way, channel, outgoing, pace.take(clock), None, by)

    async def _mark(self, tx: Transaction, starting: Sequence[Starting], now: dt.datetime) -> list[Begun]:
        """From here on they are SENDING."""
        if not starting:
            return []
        marked = {"rows": [one.marked() for one in starting], "now": epoch_milliseconds(now)}
        rows = await tx.run(cypher.SENDING, marked)
        return [one.begun(row) for one, row in zip(starting, sorted(rows, key=lambda row: row["place"]), strict=True)]

    async def _begin(self, tx: Transaction, payload: Mapping[str, Any], by: str) -> Begun | Wait | None:
        """Decide under the customer's ledgers what becomes of the message; None: it is settled, or not for now.

        ``by`` names this very attempt: where its own commit is repeated, it is not taken for somebody else's.
        """
        identifier, party = str(payload["deliveryId"]), payload.get("partyId")
        if "partyId" not in payload:
            whose = await tx.run(cypher.WHOSE, {"id": identifier})
            party = whose[0]["party"] if whose else None
        if party is not None:
            await ledger.lock_parties(tx, [party])
        rows = await tx.run(cypher.MESSAGE, {"id": identifier, "now": self._told()})
        if not rows or rows[0]["delivery"]["state"] not in _WAITING:
            return None
        return await self._decide(tx, rows[0], by, instant(rows[0]["now"]))

    async def _decide(self, tx: Transaction, row: Row, by: str, now: dt.datetime) -> Begun | Wait | None:
        delivery = row["delivery"]
        identifier, unsure = delivery["id"], _unsure(delivery, by)
        if unsure and not self._may_repeat(delivery):
            await self._settle_crashed(tx, row)
            return None
        begins = delivery["notBefore"]
        if begins is not None and now < instant(begins) and not unsure:
            await self._put(tx, identifier, instant(begins), "NOT_BEFORE", None)
            return None
        verdict = await self._verdict(tx, row, now)
        if delivery["expiresAt"] is not None and now >= instant(delivery["expiresAt"]):
            verdict = Verdict("TIME_OVER", "its time was over before it could be sent")
        if verdict.way is not None:
            return await self._start(tx, row, verdict, verdict.way, by, now)
        if unsure and delivery["actionClass"] == "PROMOTIONAL":
            await self._settle_crashed(tx, row)
        else:
            await self._not_now(tx, row, verdict, now)
        return None

    def _may_repeat(self, delivery: Mapping[str, Any]) -> bool:
        """Whether a message of which is not known whether it went may be handed over again."""
        channel = self.channels.get(delivery["channel"] or "")
        return delivery["actionClass"] != "PROMOTIONAL" or (channel is not None and channel.capability.idempotent)

    async def _verdict(self, tx: Transaction, row: Row, now: dt.datetime) -> Verdict:
        party, policy = row["party"], self._policy()
        if party is None:
            return self._judged(row, None, now)
        memory = memory_of(policy)
        (snapshot,) = await snapshots.load(tx.run, [party["id"]], now=now, needs=policy.needs, memory=memory)
        return self._judged(row, snapshot, now)

    def _judged(self, row: Row, snapshot: Snapshot | None, now: dt.datetime) -> Verdict:
        """Whether it may go, to this customer or, with None, to somebody who is none."""
        if snapshot is None:
            delivery = row["delivery"]
            way = Way(delivery["channel"] or channel_of(str(delivery["to"])))
            return Verdict("ALLOWED", "who is no customer is asked for nothing", way)
        rules = Rules(self._policy(), overrides_of(row["overrides"]), self._kept_out)
        return judged(snapshot, row, self._ways(snapshot, row), rules, now)

    def _ways(self, snapshot: Snapshot, row: Row) -> list[Way]:
        """The ways on which the message may be sent, the best first."""
        delivery, slot = row["delivery"], row["reservation"]
        if delivery["reservationId"] is not None and slot is not None:
            return [Way(slot["channel"], slot["pointKey"])]
        if delivery["to"] is not None and delivery["pointKey"] is None:
            channel = delivery["channel"] or channel_of(delivery["to"])
            key = f"{'EMAIL' if channel == 'EMAIL' else 'PHONE'}:{delivery['to']}"
            return [Way(channel, key if key in {one.key for one in snapshot.points} else None)]
        if delivery["channel"] is not None:
            mandatory = delivery["actionClass"] == "MANDATORY"
            return ways_on(snapshot, delivery["channel"], delivery["pointKey"], mandatory=mandatory)
        return preferred_ways(snapshot, list(self.channels), letters=bool(postal_lines(row["party"])))

    async def _not_now(self, tx: Transaction, row: Row, verdict: Verdict, now: dt.datetime) -> None:
        """Keep the message for its hour, or take it back, saying why."""
        delivery = row["delivery"]
        identifier, expires = delivery["id"], delivery["expiresAt"]
        if verdict.later is not None and (expires is None or verdict.later < instant(expires)):
            await self._put(tx, identifier, verdict.later, verdict.code, verdict.reason)
            return
        state, told = DeliveryState.CANCELLED, verdict.reason
        if verdict.code == "NO_WAY":
            state = DeliveryState.FAILED
            told = f"{verdict.reason}; the channels that are set up: {', '.join(self.channels) or 'none'}"
        elif verdict.code == "TIME_OVER":
            state = DeliveryState.EXPIRED
        asked = {"id": identifier, "from": _WAITING, "state": state.value, "reason": verdict.code, "now": now}
        ended = await tx.run(cypher.END, {**asked, "diagnostic": told})
        if ended and state is DeliveryState.FAILED:
            await reached_nobody(tx, row, verdict.code)

    async def _start(
        self, tx: Transaction, row: Row, verdict: Verdict, way: Way, by: str, now: dt.datetime
    ) -> Begun | Wait | None:
        """Put the message into words and mark it SENDING, with a slot of its own where it needs one."""
        delivery = row["delivery"]
        identifier = delivery["id"]
        channel = self.channels.get(way.channel)
        if channel is None:
            # Somebody else may still make the contact: the slot and the offer stay as they are.
            reason = f"No channel carries {way.channel}. {what_to_set(way.channel)}"
            _logger.warning("message %s failed: %s", identifier, reason)
            await self.moving_on.settle(tx, identifier, DeliveryState.FAILED, NOT_SET_UP, reason, now=now)
            return None
        pace, clock = self.channels.pace(way.channel), asyncio.get_running_loop().time()
        if pace.ahead(clock) > PATIENCE:
            return Wait(pace.ahead(clock))
        turn = pace.take(clock)  # before anything is waited for: another message looks at the same pace
        try:
            outgoing = compose(row, way, channel, self.templates, self._unsubscriber)
        except (TemplateFailed, NotFound) as error:
            _logger.warning("message %s failed: %s", identifier, error.message)
            await self.moving_on.settle(tx, identifier, DeliveryState.FAILED, "TEMPLATE", error.message, now=now)
            return None
        reservation = delivery["reservationId"]
        if verdict.slot is not None:
            (reservation,) = await self._desk.hold(tx, [verdict.slot], now=now)
        starting = Starting(row, way, channel, outgoing, turn, reservation, by)
        return (await self._mark(tx, [starting], now))[0]

    # The hand-over

    async def _hand_over(self, begun: Begun) -> Sent | Exception:
        """Hand the message over, with no transaction open; what the channel answered or raised."""
        channel = begun.channel
        try:
            enclosed = await self._enclosed(begun.attachments)
        except (NotFound, InvalidInput) as error:  # it is gone, or a scanner refused it: that stays so
            return _NeverReadable(error.message)
        except (CrmError, OSError) as error:  # a scanner has not answered, the storage is down: surely nothing went
            return TryLater(f"The attachments can't be read: {error}")
        pace = self.channels.pace(begun.outgoing.channel)
        try:
            async with pace.places:
                await asyncio.sleep(begun.wait)
                async with asyncio.timeout(channel.limits.seconds):
                    sent: object = await channel.send(replace(begun.outgoing, attachments=enclosed))
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises is an answer; whether it went, is not known
            return error
        if isinstance(sent, Sent):
            return sent
        return TypeError(f"channel {channel.name} answered {type(sent).__name__} instead of Sent")

    async def _enclosed(self, attachments: Sequence[str]) -> tuple[Enclosed, ...]:
        if not attachments:
            return ()
        if self.read_attachments is None:
            raise NotFound("Attachments can't be read here")
        return tuple(await self.read_attachments(attachments))

    # After, in the transaction that completes the entry

    async def _settle(self, tx: Transaction, identifier: str, begun: Begun, outcome: Sent | Exception) -> None:
        """Write what became of the message."""
        outgoing = begun.outgoing
        match outcome:
            case Sent():
                await self._sent(tx, begun, outcome, None, None)
            case Bounced():
                await self._failed(tx, identifier, DeliveryState.BOUNCED, BOUNCED, outcome.diagnostic)
            case Refused():
                await self._failed(tx, identifier, DeliveryState.FAILED, "REFUSED", outcome.diagnostic)
            case _NeverReadable():
                await self._failed(tx, identifier, DeliveryState.FAILED, "ATTACHMENT", str(outcome))
            case TryLater():
                await self._again(tx, begun, outcome)
            case _:
                _logger.warning("message %s: %s failed", identifier, begun.channel.name, exc_info=outcome)
                told = f"{type(outcome).__name__}: {outcome}"[:500]
                if outgoing.promotional and not begun.channel.capability.idempotent:
                    await self._sent(tx, begun, Sent(), NOT_KNOWN, told)
                else:
                    await self._again(tx, begun, TryLater(told), unsure=True)

    async def _sent(
        self, tx: Transaction, begun: Begun, sent: Sent, reason: str | None, diagnostic: str | None
    ) -> None:
        """The message went: the contact is recorded, the slot confirmed, the offer presented."""
        identifier, slot = begun.outgoing.id, begun.slot
        contact = interaction_id(slot) if slot else f"interaction:{identifier}"
        now = self._told()
        if slot is not None:
            # As the desk confirms it. A slot that ended meanwhile is left as it is: the contact was made all the same.
            asked: dict[str, Any] = {"interactionId": contact, "at": None, "offerStatus": "PRESENTED", "properties": {}}
            await tx.run(contacts.CONFIRM, {"ids": [slot], "now": now, **asked})
        row = _sent_row(begun, sent) | {"interactionId": contact, "reason": reason, "diagnostic": diagnostic}
        await tx.run(cypher.SENT, {"rows": [row], "parties": _parties([row]), "now": now})

    async def _all_sent(self, tx: Transaction, went: Sequence[tuple[Begun, Sent]]) -> None:
        """Messages without a slot went: each is a contact from now on."""
        rows = sorted((_sent_row(begun, sent) for begun, sent in went), key=itemgetter("id"))
        await tx.run(cypher.SENT, {"rows": rows, "parties": _parties(rows), "now": self._told()})

    async def _settle_crashed(self, tx: Transaction, row: Row) -> None:
        """Whoever sent it died: it counts as sent, so that nobody is told twice and the limits see it."""
        delivery, now = row["delivery"], self._told()
        slot = delivery["reservationId"]
        contact = interaction_id(slot) if slot else f"interaction:{delivery['id']}"
        if slot is not None and row["reservation"] is not None:
            await tx.run(cypher.CONFIRMED_UNDER_LEDGERS, {"slot": slot, "interactionId": contact, "now": now})
        sent = {
            "id": delivery["id"],
            "state": DeliveryState.SENT.value,
            "reason": CRASHED,
            "diagnostic": "Whoever handed it over ended before the answer came; it may or may not have gone",
            "providerId": None,
            "interactionId": contact,
            "product": row["offer"]["productCode"] if row["offer"] else None,
            "party": delivery["partyId"],
        }
        await tx.run(cypher.SENT, {"rows": [sent], "parties": _parties([sent]), "now": now})

    async def _again(self, tx: Transaction, begun: Begun, answer: TryLater, *, unsure: bool = False) -> None:
        """Another attempt after a pause; where nothing more is to be hoped for on this way, another way."""
        identifier, reason = begun.outgoing.id, NOT_KNOWN if unsure else "TRY_LATER"
        seconds = answer.seconds
        if seconds is None:
            spread = 0.75 + random.random() / 2  # noqa: S311 - jitter, not a secret
            seconds = min(FIRST_PAUSE * 2 ** min(begun.outgoing.attempt - 1, 20), LONGEST_PAUSE) * spread
        at = await self._clock_of(tx) + dt.timedelta(seconds=min(seconds, LONGEST_ASKED))
        over = begun.unknown + 1 >= self._attempts if unsure else at >= begun.since + self._patience
        if over or (begun.expires is not None and at >= begun.expires):
            await self._failed(tx, identifier, DeliveryState.FAILED, reason, answer.diagnostic)
            return
        await self._put(tx, identifier, at, reason, answer.diagnostic, unsure=unsure)

    async def _later(
        self,
        tx: Transaction,
        identifier: str,
        seconds: float,
        reason: str,
        diagnostic: str | None,
        *,
        unsure: bool = False,
    ) -> None:
        at = await self._clock_of(tx) + dt.timedelta(seconds=seconds)
        await self._put(tx, identifier, at, reason, diagnostic, unsure=unsure)

    async def _put(
        self,
        tx: Transaction,
        identifier: str,
        at: dt.datetime,
        reason: str,
        diagnostic: str | None,
        *,
        unsure: bool = False,
    ) -> None:
        """Put the message back into the queue for a later time."""
        asked = {"id": identifier, "at": at, "reason": reason, "diagnostic": diagnostic, "unsure": unsure}
        rows = await tx.run(cypher.LATER, asked)
        if rows:
            key = f"{DUE}:{identifier}:{rows[0]['turn']}"
            await outbox.put(tx, DUE, identifier, {"deliveryId": identifier}, key, not_before=at)

    async def _failed(
        self, tx: Transaction, identifier: str, state: DeliveryState, reason: str, diagnostic: str
    ) -> None:
        """It did not go on this way: mark the address that is wrong, and try the next way that is allowed."""
        await self.moving_on.failed(tx, identifier, state, reason, diagnostic, now=self._told())

    async def _clock_of(self, tx: Transaction) -> dt.datetime:
        return self._told() or instant((await tx.run(cypher.CLOCK))[0]["now"])

    def _told(self) -> dt.datetime | None:
        return None if self._clock is None else ticked(self._clock())


def _unsure(delivery: Mapping[str, Any], by: str) -> bool:
    """Whether it may have gone already: somebody else began to hand it over, and nobody wrote what became of it."""
    if delivery["state"] == DeliveryState.SENDING:
        return bool(delivery["sendingBy"] != by)
    return bool(delivery["unsure"])


def _sent_row(begun: Begun, sent: Sent) -> dict[str, Any]:
    """As `cypher.SENT` takes it."""
    identifier = begun.outgoing.id
    return {
        "id": identifier,
        "state": (DeliveryState.DELIVERED if sent.delivered else DeliveryState.SENT).value,
        "reason": None,
        "diagnostic": None,
        "providerId": sent.provider_id,
        "interactionId": f"interaction:{identifier}",
        "product": begun.product,
        "party": begun.outgoing.party_id,
    }


def _parties(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return sorted({row["party"] for row in rows if row["party"] is not None})
