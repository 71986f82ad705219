"""The mutations and queries of contacts. They hold no business logic: a service does the work."""

from __future__ import annotations

import datetime as dt
from typing import cast

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info

from graph_crm.contacts.approach import Finding
from graph_crm.contacts.desk import ContactDesk
from graph_crm.contacts.judging import Earliest
from graph_crm.contacts.kinds import ActionClass, Channel, ContactDirection, ContactPurpose, ReservationState
from graph_crm.contacts.overrides import NewOverride, OverrideService
from graph_crm.contacts.service import ContactService, NewInteraction
from graph_crm.contacts.slots import TIME_TO_LIVE, Refused
from graph_crm.contacts.types import Interaction, LimitOverride, Reservation
from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation, query
from graph_crm.parties.inputs import KEY, SOURCE

CONTACT = "contact"
"""The permission of holding slots."""
ASK = "ask_override"
APPROVE = "approve_override"
_MINUTES = int(TIME_TO_LIVE.total_seconds() // 60)


@strawberry.input(description="A contact between the bank and a party that took place.")
class RecordInteractionInput:
    """A contact that took place."""

    party_id: strawberry.ID = strawberry.field(description="The party.")
    channel: Channel = strawberry.field(description="Where it took place.")
    direction: ContactDirection = strawberry.field(description="Who began it.")
    purpose: str = strawberry.field(description="Why it took place, a word such as OFFER or SERVICE.")
    outcome: str | None = strawberry.field(
        default=None, description="How it ended, a word such as ACCEPTED or NO_ANSWER."
    )
    at: dt.datetime | None = strawberry.field(default=None, description="When it took place; now when left out.")
    note: str | None = strawberry.field(default=None, description="What the employee wrote down.")
    product_code: strawberry.ID | None = strawberry.field(default=None, description="The product that it was about.")
    source: str | None = strawberry.field(default=None, description=SOURCE)
    action_class: ActionClass | None = strawberry.field(
        default=None, description="What kind of business it was; left out, it counts as a sale."
    )
    point_key: strawberry.ID | None = strawberry.field(
        default=None, description="The party's contact point that was used, for example PHONE:+420602123456."
    )
    call_back_at: dt.datetime | None = strawberry.field(
        default=None, description="When the customer asked to be called again, at most a year later."
    )
    id: strawberry.ID | None = strawberry.field(default=None, description="The bank's own id; made up when left out.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)

    def command(self) -> NewInteraction:
        """The same in the words of the service."""
        return NewInteraction(
            party_id=self.party_id,
            channel=self.channel,
            direction=self.direction,
            purpose=self.purpose,
            outcome=self.outcome,
            at=self.at,
            note=self.note,
            product_code=self.product_code,
            source=self.source,
            action_class=self.action_class,
            point=self.point_key,
            call_back_at=self.call_back_at,
        )


@strawberry.input(description="A contact that somebody wants to make, for which a slot is asked.")
class ReserveContactInput:
    """A slot that is asked for."""

    party_id: strawberry.ID = strawberry.field(description="The customer.")
    channel: Channel = strawberry.field(description="The channel to use.")
    action_class: ActionClass = strawberry.field(
        default=ActionClass.PROMOTIONAL, description="What kind of business it is."
    )
    purpose: ContactPurpose | None = strawberry.field(
        default=None, description="What the contact is for; left out, what fits the class."
    )
    product_code: strawberry.ID | None = strawberry.field(
        default=None, description="The product that it is about; left out with an offer, the offer's."
    )
    point_key: strawberry.ID | None = strawberry.field(
        default=None,
        description="The contact point to use; left out, the customer's first one that may be used.",
    )
    at: dt.datetime | None = strawberry.field(
        default=None, description="From when on the contact will be made; now when left out."
    )
    minutes: int = strawberry.field(default=_MINUTES, description="Minutes for which the slot is held.")
    offer_id: strawberry.ID | None = strawberry.field(default=None, description="The offer that is to be brought.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="A limit that is to be shortened for some time.")
class AskLimitOverrideInput:
    """An override that is asked for."""

    limit: str = strawberry.field(description="Name of the limit in the contact policy.")
    days: float = strawberry.field(description="Days of the window instead of the limit's own; fewer, and 1 at least.")
    since: dt.datetime = strawberry.field(description="From when on it is to be in force.")
    until: dt.datetime = strawberry.field(
        description="First instant at which it is no longer in force, at most 31 days after the beginning."
    )
    reason: str = strawberry.field(description="Why the bank wants it; everyone who is asked why can read it.")
    segment: str | None = strawberry.field(default=None, description="Only customers of this segment; all otherwise.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type(description="What one rule of contact says.")
class ContactFinding:
    """What one gate of the contact policy says."""

    gate: str = strawberry.field(
        description="The gate: control_group, consent, suppression, cool_off, contact_limits or contact_times."
    )
    code: str = strawberry.field(description="Stable code of the reason.")
    reason: str = strawberry.field(description="The reason in words.")
    numbers: JSON = strawberry.field(description="The numbers in it.")
    evidence: list[str] = strawberry.field(description="Identifiers of what it rests on.")
    earliest: dt.datetime | None = strawberry.field(
        description="When this gate allows it first; null when that is not foreseeable."
    )

    @classmethod
    def of(cls, finding: Finding) -> ContactFinding:
        """A finding as GraphQL shows it."""
        return cls(
            gate=finding.gate,
            code=finding.code,
            reason=finding.reason,
            numbers=JSON(dict(finding.numbers)),
            evidence=list(finding.evidence),
            earliest=finding.earliest,
        )


@strawberry.type(description="When the bank may next contact a customer, and which rule says so.")
class EarliestContact:
    """The answer to when the bank may next contact a customer."""

    at: dt.datetime | None = strawberry.field(description="The first instant; null when it is not foreseeable.")
    allowed_now: bool = strawberry.field(description="Whether it may be done now.")
    code: str = strawberry.field(description="Stable code of the reason that binds.")
    reason: str = strawberry.field(description="The reason in words.")
    gate: str | None = strawberry.field(description="The gate that says so; null when nothing speaks against it.")
    limit: str | None = strawberry.field(description="Name of the contact limit, where one binds.")

    @classmethod
    def of(cls, earliest: Earliest, *, asked: dt.datetime) -> EarliestContact:
        """An answer of the contact policy as GraphQL shows it."""
        because = earliest.because
        limit = because.numbers.get("limit")
        return cls(
            at=earliest.at,
            allowed_now=earliest.at is not None and earliest.at <= asked,
            code=because.code,
            reason=because.reason,
            gate=because.gate or None,
            limit=limit if isinstance(limit, str) else None,
        )


@strawberry.type(description="A slot that is held, or the reasons why not. A refusal is an answer, not an error.")
class ReserveContactResult:
    """A slot, or why there is none."""

    reserved: bool = strawberry.field(description="Whether the slot is held, or was when the same key came before.")
    reservation_id: strawberry.ID | None = strawberry.field(
        default=None, description="Identifier of the slot; null when it is refused."
    )
    state: ReservationState | None = strawberry.field(
        default=None, description="What became of the slot; null when it is refused."
    )
    at: dt.datetime | None = strawberry.field(default=None, description="From when on the contact may be made.")
    until: dt.datetime | None = strawberry.field(
        default=None, description="First instant at which it may not any more; confirm before."
    )
    point_key: str | None = strawberry.field(
        default=None, description="The contact point to use; null where the channel needs none."
    )
    findings: list[ContactFinding] = strawberry.field(
        default_factory=list, description="Every gate that refuses, in the order of the gates."
    )
    earliest: EarliestContact | None = strawberry.field(
        default=None, description="When it may be done first; null when the slot is held."
    )

    @strawberry.field(description="The slot with all that hangs on it; null when it is refused.")  # type: ignore[untyped-decorator]  # strawberry's own
    async def reservation(self, info: Info[RequestContext, None]) -> Reservation | None:
        """The slot, by one statement for the whole selection."""
        if self.reservation_id is None:
            return None
        return cast(Reservation, await info.context.fetch("Reservation", self.reservation_id, info))


@strawberry.type
class ContactMutations:
    """Recording contacts, holding slots for them, and shortening limits."""

    @mutation("Record a contact that took place. Only its outcome follows the answers told at it; no limit refuses it.")
    async def record_interaction(
        self,
        info: Info[RequestContext, None],
        input: RecordInteractionInput,  # noqa: A002 - the schema's word
    ) -> Interaction:
        """Record a contact and answer with it."""
        service = info.context.service(ContactService)
        written = await service.record(input.command(), id=input.id, idempotency_key=input.idempotency_key)
        return cast(Interaction, await info.context.fetch("Interaction", written.id, info))

    @mutation(
        "Hold a slot to contact a customer, before the contact is made. Refused when any rule speaks against it.",
        permission=CONTACT,
    )
    async def reserve_contact(
        self,
        info: Info[RequestContext, None],
        input: ReserveContactInput,  # noqa: A002 - the schema's word
    ) -> ReserveContactResult:
        """Hold a slot and answer with it, or with the reasons why not."""
        answer = await info.context.service(ContactDesk).reserve(
            input.party_id,
            input.channel,
            action_class=input.action_class,
            purpose=input.purpose,
            product_code=input.product_code,
            point=input.point_key,
            at=input.at,
            ttl=dt.timedelta(minutes=input.minutes or -1),  # a slot of no minutes would be over at once
            key=input.idempotency_key,
            offer_id=input.offer_id,
        )
        if isinstance(answer, Refused):
            return ReserveContactResult(
                reserved=False,
                findings=[ContactFinding.of(one) for one in answer.findings],
                earliest=EarliestContact.of(answer.earliest, asked=answer.asked),
            )
        return ReserveContactResult(
            reserved=True,
            reservation_id=strawberry.ID(answer.id),
            state=answer.state,
            at=answer.at,
            until=answer.until,
            point_key=answer.point,
        )

    @mutation("Say that the contact of a slot was made; again and again is the same as once.", permission=CONTACT)
    async def confirm_contact(
        self,
        info: Info[RequestContext, None],
        reservation_id: strawberry.ID,
        at: dt.datetime | None = None,
        outcome: str | None = None,
        note: str | None = None,
    ) -> Interaction:
        """Confirm a slot and answer with the contact that it became."""
        made = await info.context.service(ContactDesk).confirm(reservation_id, at=at, outcome=outcome, note=note)
        return cast(Interaction, await info.context.fetch("Interaction", made, info))

    @mutation(
        "Give a slot back because the contact was not made; again and again is the same as once.", permission=CONTACT
    )
    async def release_contact(
        self, info: Info[RequestContext, None], reservation_id: strawberry.ID, reason: str
    ) -> Reservation:
        """Release a slot and answer with it."""
        await info.context.service(ContactDesk).release(reservation_id, reason)
        return cast(Reservation, await info.context.fetch("Reservation", reservation_id, info))

    @mutation(
        "Ask that a contact limit is shortened for some time; it has no effect until another person approves it.",
        permission=ASK,
    )
    async def ask_limit_override(
        self,
        info: Info[RequestContext, None],
        input: AskLimitOverrideInput,  # noqa: A002 - the schema's word
    ) -> LimitOverride:
        """Ask for an override and answer with it."""
        asked = NewOverride(
            limit=input.limit,
            days=input.days,
            since=input.since,
            until=input.until,
            reason=input.reason,
            segment=input.segment,
        )
        service = info.context.service(OverrideService)
        written = await service.ask(asked, by=info.context.caller.subject, idempotency_key=input.idempotency_key)
        return cast(LimitOverride, await info.context.fetch("LimitOverride", written.id, info))

    @mutation("Approve an override that another person asked for.", permission=APPROVE)
    async def approve_limit_override(
        self,
        info: Info[RequestContext, None],
        id: strawberry.ID,  # noqa: A002 - the schema's word
        note: str | None = None,
    ) -> LimitOverride:
        """Approve an override and answer with it."""
        await info.context.service(OverrideService).approve(id, by=info.context.caller.subject, note=note)
        return cast(LimitOverride, await info.context.fetch("LimitOverride", id, info))

    @mutation("Reject an override that another person asked for.", permission=APPROVE)
    async def reject_limit_override(
        self,
        info: Info[RequestContext, None],
        id: strawberry.ID,  # noqa: A002 - the schema's word
        note: str | None = None,
    ) -> LimitOverride:
        """Reject an override and answer with it."""
        await info.context.service(OverrideService).reject(id, by=info.context.caller.subject, note=note)
        return cast(LimitOverride, await info.context.fetch("LimitOverride", id, info))

    @mutation("End an override at once, or take back what was asked for.", permission=ASK)
    async def revoke_limit_override(
        self,
        info: Info[RequestContext, None],
        id: strawberry.ID,  # noqa: A002 - the schema's word
        note: str | None = None,
    ) -> LimitOverride:
        """Revoke an override and answer with it."""
        await info.context.service(OverrideService).revoke(id, by=info.context.caller.subject, note=note)
        return cast(LimitOverride, await info.context.fetch("LimitOverride", id, info))


@strawberry.type
class ContactQueries:
    """Questions about contacts that no stored record answers."""

    @query("When the bank may next contact a customer to sell something, and which rule says so. Nothing is held.")
    async def earliest_contact_at(
        self,
        info: Info[RequestContext, None],
        party_id: strawberry.ID,
        channel: Channel,
        product_code: strawberry.ID | None = None,
        action_class: ActionClass = ActionClass.PROMOTIONAL,
    ) -> EarliestContact:
        """Ask the contact policy."""
        asked, earliest = await info.context.service(ContactDesk).earliest(
            party_id, channel, product_code=product_code, action_class=action_class
        )
        return EarliestContact.of(earliest, asked=asked)
