"""The use case of responses: what became of an offer is recorded with the contact at which it did, and what follows.

One transaction holds everything: the response, the contact, the agreement that a yes opens, the entry for the learner.
It locks the ledgers of the customer first, so of two clients that report the same yes one opens the agreement and the
other gets the same answer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from graph_crm.contacts import ledger
from graph_crm.contacts.desk import interaction_id
from graph_crm.contacts.kinds import ActionClass, Channel, ContactDirection, ContactPurpose, ReservationState
from graph_crm.decisions.kinds import OfferStatus, ResponseOutcome
from graph_crm.decisions.learning import store as learning
from graph_crm.decisions.offers import cypher
from graph_crm.decisions.offers.states import AGAIN, ANSWERS, FINAL, UNTOLD, Standing, Step, step
from graph_crm.errors import NotFound, OfferAnswered, OfferEnded
from graph_crm.graph.database import Database, Row, Transaction
from graph_crm.graph.outbox import put
from graph_crm.parties import checks
from graph_crm.parties.service import new_id
from graph_crm.parties.writes import Written, write_once
from graph_crm.products.agreements import AgreementService
from graph_crm.products.commands import AgreementDetails, NewAgreement, NewHolder
from graph_crm.rules.snapshot import ticked

RECORDED = learning.TOPIC
"""The topic of the outbox under which every response is told to the learner."""
ONE_WISH = dt.timedelta(days=1)
"""A yes to another offer of the same product within so long is taken for the same wish."""
SAME_CONTACT = dt.timedelta(hours=1)
"""What is shown again within it on the same channel is the same talk, or the same look at the screen."""
EARLY_BY = dt.timedelta(minutes=5)
"""Clocks differ: an answer may be so much earlier than the offer, the slot or the contact."""
FURTHEST_CALL_BACK = dt.timedelta(days=366)
CALL_BACK_VALID = dt.timedelta(days=1)
"""An offer stays valid for so long after the call that the customer asked for."""
OUTBOUND_CHANNELS = frozenset({Channel.PHONE, Channel.SMS, Channel.EMAIL, Channel.LETTER, Channel.PUSH})
"""Here the bank goes to the customer; to a cash machine, the online bank and a branch the customer comes."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """What a yes led to: an agreement that another system opened, or the terms of the one to be opened."""

    agreement_id: str | None = None
    details: AgreementDetails = field(default_factory=AgreementDetails)

    @property
    def terms_given(self) -> bool:
        """Whether any term of a new agreement is given."""
        return self.details != AgreementDetails()


@dataclass(frozen=True, kw_only=True)
class NewResponse:
    """What became of an offer; ``at`` is now, ``channel`` that of the contact or of the offer when left out."""

    offer_id: str
    outcome: ResponseOutcome
    at: dt.datetime | None = None
    channel: Channel | None = None
    note: str | None = None
    call_back_at: dt.datetime | None = None
    interaction_id: str | None = None
    """The recorded contact at which the customer said it; found or made when left out."""
    acceptance: Acceptance | None = None


@dataclass(frozen=True, slots=True)
class _Told:
    """A response with its instants settled: the customer's, and the database's under the lock."""

    asked: NewResponse
    at: dt.datetime
    now: dt.datetime
    by: str | None

    @property
    def status(self) -> OfferStatus:
        return OfferStatus(self.asked.outcome.value)

    @property
    def final(self) -> bool:
        return self.status in ANSWERS

    @property
    def key(self) -> str:
        """Unique: an offer has one final answer, and any other one once an instant."""
        offer = self.asked.offer_id
        return f"{offer}|answer" if self.final else f"{offer}|{self.asked.outcome}|{(self.at - _EPOCH) // _MILLISECOND}"


@dataclass(frozen=True, slots=True)
class _Contact:
    """The contact that an answer was given at: one that is in the graph, or ``made`` with these properties."""

    id: str
    made: Mapping[str, Any] | None = None
    slot: str | None = None
    """The slot that was held for it."""


class ResponseService:
    """Records what became of offers. ``clock`` replaces the database's clock, which all processes share."""

    def __init__(self, database: Database, *, clock: checks.Clock | None = None) -> None:
        self._database = database
        self._clock = clock
        self._agreements = AgreementService(database, now=clock or checks.utc_now)

    async def record(
        self, response: NewResponse, *, by: str | None = None, idempotency_key: str | None = None
    ) -> Written:
        """Record a response and what follows from it; the id is the response's.

        The same answer again is answered with the response that was recorded first. ``by``: who told it.

        Raises: NotFound; InvalidInput; OfferAnswered where the customer has said the opposite before; OfferEnded where
        the offer had ended before it happened; IdempotencyKeyReused.
        """
        response = _checked(response)

        async def work(tx: Transaction) -> Written:
            rows = await tx.run(cypher.CUSTOMER, {"offer": response.offer_id})
            locked = await ledger.lock_parties(tx, [row["party"] for row in rows])
            if locked is None:
                raise NotFound("offerId: there is no such offer", hint="Use the id of an offer.", field="offerId")
            return await self.record_within(tx, response, locked.now, by=by)

        command = {"response": response}
        return await write_once(self._database, "recordResponse", idempotency_key, command, work)

    async def record_within(
        self, tx: Transaction, response: NewResponse, locked_at: dt.datetime, *, by: str | None = None
    ) -> Written:
        """The same in the caller's transaction, which holds the ledgers of the offer's customer since ``locked_at``."""
        response = _checked(response)
        now = locked_at if self._clock is None else ticked(self._clock())
        # What is told ahead of the database's clock happened now: no limit may overlook it until then.
        at = now if response.at is None else min(ticked(checks.instant("at", response.at, now)), now)
        return await self._record(tx, _Told(response, at, now, by))

    async def _record(self, tx: Transaction, told: _Told) -> Written:
        asked = told.asked
        (row,) = await tx.run(
            cypher.STANDING,
            {
                "offer": asked.offer_id,
                "interaction": asked.interaction_id,
                "channel": asked.channel,
                "key": told.key,
                "at": told.at,
                "sameContactFrom": told.at - SAME_CONTACT,
                "contactUntil": told.at + EARLY_BY,
            },
        )
        _check_fits(told, row)
        if row["known"] and not told.final:
            return Written(row["known"])
        standing = Standing(OfferStatus(row["status"]), _instant(row["since"]), row["contacted"] or bool(row["named"]))
        move = step(standing, asked.outcome, told.at)
        _refuse(move, told, row)
        if move is Step.KNOWN and row["known"]:
            return Written(row["known"])
        contact = _contact(told, row)
        agreement = await self._agreement(tx, told, row) if told.status is OfferStatus.ACCEPTED else None
        identifier = new_id("response")
        late = standing.status in FINAL and told.final
        response = {
            "outcome": asked.outcome.value,
            "at": told.at,
            "recordedAt": told.now,
            "channel": row["channel"],
            "note": told.asked.note,
            "callBackAt": None if asked.call_back_at is None else ticked(asked.call_back_at),
            "by": told.by,
            "late": late,
            "offerId": asked.offer_id,
            "partyId": row["party"],
            "productCode": row["product"],
            "familyCode": row["family"],
        }
        await tx.run(
            cypher.RECORD,
            {
                "offer": asked.offer_id,
                "id": identifier,
                "key": told.key,
                "changes": _changes(told, row, late=late) if move is Step.MOVES else {},
                "response": response,
                "contacts": [] if contact.made is None else [{"id": contact.id, "properties": contact.made}],
                "interaction": contact.id,
                "used": contact.slot,
                "slots": _slots(told, row, contact.slot),
                "agreement": agreement,
                "settled": sorted(FINAL | {OfferStatus.LATER}),
            },
        )
        if told.status in ANSWERS:
            waiting = sorted(UNTOLD | AGAIN)
            settled = {"party": row["party"], "product": row["product"], "offer": asked.offer_id, "statuses": waiting}
            await tx.run(cypher.SETTLE, {**settled, "now": told.now})
        await tell(tx, identifier, row["features"], row["chosen"], response)
        return Written(identifier, related=(asked.offer_id,))

    async def _agreement(self, tx: Transaction, told: _Told, row: Row) -> str:
        """The agreement that the yes leads to: named and held by the customer, or opened on the day of the yes."""
        if row["agreement"] is not None:
            return str(row["agreement"])
        acceptance = told.asked.acceptance or Acceptance()
        named = acceptance.agreement_id
        if named is None:
            await self._refuse_another(tx, told, row)
            holder = NewHolder(party_id=row["party"])
            agreement = NewAgreement(
                product_code=row["product"], holders=[holder], opened_on=told.at.date(), details=acceptance.details
            )
            return (await self._agreements.open_within(tx, agreement)).id
        await self._agreements.lock_held(tx, named, row["party"], row["product"])
        if await tx.run(cypher.CONVERTED, {"agreement": named}):
            raise OfferAnswered(
                "acceptance.agreementId: another offer led to this agreement",
                hint="Name the agreement that this offer led to, or none to have one opened.",
                field="acceptance.agreementId",
            )
        return named

    @staticmethod
    async def _refuse_another(tx: Transaction, told: _Told, row: Row) -> None:
        """Two offers of one product that are both accepted are one wish told twice, until somebody says otherwise."""
        asked = {"party": row["party"], "product": row["product"], "offer": told.asked.offer_id}
        found = await tx.run(cypher.ACCEPTED_LATELY, {**asked, "from": told.now - ONE_WISH})
        if found:
            raise OfferAnswered(
                "Another offer of this product was accepted just now",
                hint="Name its agreement in acceptance.agreementId when it is the same wish;"
                " open a second agreement with openAgreement.",
                agreementId=found[0]["agreement"],
            )


async def tell(
    tx: Transaction, identifier: str, features: str | None, chosen: str | None, response: Mapping[str, Any]
) -> None:
    """Tell a response to the learner: by the channel that the offer was made for, which its features belong to."""
    channel, at = chosen or response["channel"], response["at"]
    names = ("outcome", "offerId", "partyId", "productCode", "familyCode")
    payload = {
        **{name: response[name] for name in names},
        "responseId": identifier,
        "channel": channel,
        "at": at.isoformat(timespec="milliseconds"),
        "features": orjson.loads(features) if features else {},
    }
    where = learning.partition(response["productCode"], channel)
    await put(tx, RECORDED, where, payload, f"{RECORDED}:{identifier}")


def _checked(response: NewResponse) -> NewResponse:
    """The response with its words as members of their lists; refuses what no offer could make right."""
    channel, note = response.channel, response.note
    response = replace(
        response,
        outcome=checks.one_of("outcome", response.outcome, ResponseOutcome),
        channel=None if channel is None else checks.one_of("channel", channel, Channel),
        note=None if note is None else checks.text("note", note, checks.NOTE_LIMIT, lines=True),
    )
    later, taken = response.call_back_at, response.acceptance
    if later is not None and response.outcome is not ResponseOutcome.LATER:
        raise checks.refuse("callBackAt", "fits the outcome LATER only", "Leave it out, or send LATER.")
    if later is not None and later.tzinfo is None:
        raise checks.refuse("callBackAt", "has no time zone", "Send an offset, for example 2026-11-23T10:00:00Z.")
    if taken is not None and response.outcome is not ResponseOutcome.ACCEPTED:
        raise checks.refuse("acceptance", "fits the outcome ACCEPTED only", "Leave it out, or send ACCEPTED.")
    if taken is not None and taken.agreement_id is not None and taken.terms_given:
        raise checks.refuse(
            "acceptance", "names an agreement and gives terms", "Send agreementId, or the terms of a new agreement."
        )
    return response


def _check_fits(told: _Told, row: Row) -> None:
    """Refuse what does not fit the offer as it is."""
    asked = told.asked
    if asked.interaction_id is not None and (row["named"] is None or not row["named"][1]):
        raise NotFound(
            "interactionId: the customer had no such contact",
            hint="Use an id of recordInteraction.",
            field="interactionId",
        )
    if row["channel"] is None:
        raise checks.refuse("channel", "is not known", "Send the channel on which the customer answered.")
    created = _instant(row["createdAt"])
    if created is not None and told.at < created - EARLY_BY:
        raise checks.refuse("at", "is before the offer was made", "Send the instant at which the customer answered.")
    later = asked.call_back_at
    if later is not None and not told.at < later <= told.now + FURTHEST_CALL_BACK:
        raise checks.refuse("callBackAt", "is out of range", "Send an instant after the answer, within a year.")


def _refuse(move: Step, told: _Told, row: Row) -> None:
    """Say no to what contradicts what is known, and what to do instead."""
    outcome, status, agreement = told.asked.outcome, row["status"], row["agreement"]
    named = told.asked.acceptance.agreement_id if told.asked.acceptance else None
    if move is Step.KNOWN and named is not None and named != agreement:
        raise OfferAnswered(
            "The offer was accepted and led to another agreement",
            hint="Open what the customer wants besides with openAgreement.",
            status=status,
            agreementId=agreement,
        )
    if move is Step.CONTRADICTS:
        hint = (
            "The customer withdraws from the agreement: close it with closeAgreement, and record the talk with"
            " recordInteraction (outcome REJECTED, with the product) to begin the cool-off."
            if outcome is ResponseOutcome.REJECTED
            else "The customer changed his mind: ask decide for a new offer and record the yes to that,"
            " or open the agreement with openAgreement."
        )
        raise OfferAnswered(
            f"The offer is {status}: {outcome} contradicts it", hint=hint, status=status, agreementId=agreement
        )
    if move is Step.ENDED:
        raise OfferEnded(
            f"The offer had ended before: it is {status}",
            hint="Record the contact with recordInteraction; ask decide for an offer that is valid now.",
            status=status,
        )


def _contact(told: _Told, row: Row) -> _Contact:
    """The contact at which it was said: the one named, the one a slot is held for, the last one, or a new one."""
    asked = told.asked
    if asked.interaction_id is not None:
        return _Contact(asked.interaction_id)
    slot = next((one for one in row["slots"] if _used(one, told, row["channel"])), None)
    if slot is not None:
        identifier, begins = slot[0], _EPOCH + dt.timedelta(milliseconds=slot[2])
        made = {"at": min(max(told.at, begins), told.now), "note": asked.note}
        return _Contact(interaction_id(identifier), made, identifier)
    if row["contact"] is not None and _said_there(row["contact"], told):
        return _Contact(row["contact"][0])
    return _Contact(new_id("interaction"), _made(told, row))


def _slots(told: _Told, row: Row, used: str | None) -> list[dict[str, str]]:
    """What becomes of the slots that are held for the offer: used, not needed any more, or not named here."""
    changed = []
    for identifier, channel, _, _ in row["slots"]:
        elsewhere = told.asked.interaction_id is not None and channel == row["channel"]
        if identifier == used:
            changed.append({"id": identifier, "state": ReservationState.CONFIRMED.value, "reason": "CONTACT_MADE"})
        elif told.final or told.status is OfferStatus.LATER or elsewhere:
            reason = f"ANSWERED_{told.status.value}"
            changed.append({"id": identifier, "state": ReservationState.CANCELLED.value, "reason": reason})
    return changed


def _used(slot: list[Any], told: _Told, channel: str) -> bool:
    """Whether the contact was made in this slot."""
    begins, ends = (_EPOCH + dt.timedelta(milliseconds=one) for one in slot[2:4])
    return slot[1] == channel and begins <= told.now < ends and told.at >= begins - EARLY_BY


def _said_there(contact: list[Any], told: _Told) -> bool:
    """Whether it was said at the last contact on the channel, and not at one of its own."""
    _, made, untold = contact
    if untold:
        return True
    if told.asked.outcome is ResponseOutcome.NO_ANSWER:
        return False
    since = told.at - (_EPOCH + dt.timedelta(milliseconds=made))
    return told.asked.outcome is not ResponseOutcome.PRESENTED or since <= SAME_CONTACT


def _made(told: _Told, row: Row) -> dict[str, Any]:
    """A contact that nobody recorded before its outcome was told."""
    kind = ActionClass(row["class"] or ActionClass.PROMOTIONAL)
    channel, outcome = Channel(row["channel"]), told.asked.outcome
    # Who has been asked and answers on another way comes to the bank.
    came = outcome not in (ResponseOutcome.PRESENTED, ResponseOutcome.NO_ANSWER) and row["contacted"]
    bank = channel in OUTBOUND_CHANNELS and row["mode"] != "INBOUND" and not came
    purpose = ContactPurpose.MARKETING if kind is ActionClass.PROMOTIONAL else ContactPurpose.SERVICE
    return {
        "channel": channel.value,
        "direction": (ContactDirection.OUTBOUND if bank else ContactDirection.INBOUND).value,
        "actionClass": kind.value,
        "purpose": purpose.value,
        "productCode": row["product"],
        "pointKey": row["point"] if bank and channel == row["chosen"] else None,
        "offerId": told.asked.offer_id,
        "at": told.at,
        "note": told.asked.note,
    }


def _changes(told: _Told, row: Row, *, late: bool) -> dict[str, Any]:
    """What changes on the offer."""
    changes: dict[str, Any] = {
        "status": told.status.value,
        "statusReason": "ANSWERED_LATE" if late else "ANSWERED",
        "statusAt": told.at,
        "notBefore": None,
    }
    later = told.asked.call_back_at
    if later is not None:
        changes["notBefore"] = ticked(later)
        valid = _instant(row["validUntil"])
        if valid is not None and valid < later + CALL_BACK_VALID:
            changes["validUntil"] = ticked(later) + CALL_BACK_VALID
    elif told.status in (OfferStatus.LATER, OfferStatus.NO_ANSWER) and row["mode"] != "INBOUND":
        changes["notBefore"] = told.at  # judged again at once: the policy says how long to wait
    return changes


def _instant(milliseconds: int | None) -> dt.datetime | None:
    return None if milliseconds is None else _EPOCH + dt.timedelta(milliseconds=milliseconds)
