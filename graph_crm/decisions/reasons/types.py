"""The GraphQL types of explanations: the trace of a decision, why a contact was made, why a product was not offered."""

from __future__ import annotations

import datetime as dt

import strawberry
from strawberry.scalars import JSON


@strawberry.type(description="The answer of one gate for one candidate.")
class GateVerdict:
    """The answer of one gate for one candidate."""

    name: str = strawberry.field(description="Name of the gate, for example eligibility.")
    verdict: str = strawberry.field(
        description="PASS, DROP (it goes no further) or HOLD (it is kept, but nobody may be contacted with it)."
    )
    passed: bool = strawberry.field(description="Whether the verdict is PASS.")
    reason_code: str = strawberry.field(description="Stable code of the reason.")
    reason: str = strawberry.field(description="The reason in English, as it was stored.")
    sentence: str = strawberry.field(description="The reason as a sentence in the language that was asked for.")
    numbers: JSON | None = strawberry.field(description="The numbers that the verdict rests on.")
    evidence: list[str] | None = strawberry.field(description="Identifiers of what it rests on.")
    earliest: dt.datetime | None = strawberry.field(
        description="From when on this gate would let it pass, as far as was known then."
    )


@strawberry.type(description="What was considered: a product, proposed by a rule.")
class Candidate:
    """What was considered: a product, proposed by a rule."""

    rule: str = strawberry.field(description="The rule that was asked.")
    title: str | None = strawberry.field(description="What the rule is called.")
    version: str | None = strawberry.field(description="Digest of what the rule said then.")
    plugin: str | None = strawberry.field(description="The plugin that brought the rule.")
    mode: str | None = strawberry.field(description="on; or shadow: it only watches and is never proposed.")
    product_code: str = strawberry.field(description="The product that the rule offers.")


@strawberry.type(description="A way by which the customer might have been approached.")
class Way:
    """A way by which the customer might have been approached."""

    channel: str = strawberry.field(description="The channel.")
    point: str | None = strawberry.field(description="The contact point; null: the channel needs none.")
    at: dt.datetime | None = strawberry.field(description="When it could be used first; null: nobody could say.")
    allowed: bool = strawberry.field(description="Whether it could be used at once, or as soon as the hours allowed.")
    findings: list[GateVerdict] = strawberry.field(description="What each check of contact policy said about it.")


@strawberry.type(description="What was thought about one candidate offer.")
class TraceEntry:
    """What was thought about one candidate offer."""

    candidate: Candidate = strawberry.field(description="What was considered.")
    rule: str = strawberry.field(description="The rule, as in candidate.")
    product_code: str = strawberry.field(description="The product, as in candidate.")
    rank: int | None = strawberry.field(description="Its place among the offers, 1 for the best; null: not offered.")
    status: str | None = strawberry.field(description="Status that its offer got; null: not offered.")
    factors: JSON | None = strawberry.field(description="What the priority was made of, each factor with its reason.")
    ways: list[Way] = strawberry.field(
        description="The ways to the customer that were looked at, the chosen one first."
    )
    gates: list[GateVerdict] = strawberry.field(description="The gates in order, up to the first that stopped it.")


@strawberry.type(description="What started a decision.")
class WhyCause:
    """What started a decision."""

    trigger: str = strawberry.field(description="As the decision has it, for example event:atm_balance_check.")
    event_id: str | None = strawberry.field(description="Identifier of the event; null: there was none.")
    event_type: str | None = strawberry.field(description="Type of the event.")
    at: dt.datetime | None = strawberry.field(description="When the event happened.")


@strawberry.type(description="A statement of the customer that a contact rested on.")
class WhyConsent:
    """A statement of the customer that a contact rested on."""

    id: strawberry.ID = strawberry.field(description="Identifier of the record.")
    purpose: str | None = strawberry.field(description="What it is given for.")
    channel: str | None = strawberry.field(description="For which channel; null: for all.")
    status: str | None = strawberry.field(description="GRANTED, DENIED or WITHDRAWN.")
    since: dt.datetime | None = strawberry.field(description="When the customer said so.")
    source: str | None = strawberry.field(description="Where the statement was made.")
    text_version: str | None = strawberry.field(description="Version of the text that the customer agreed to.")


@strawberry.type(description="A contact limit that was loosened for a contact.")
class WhyOverride:
    """A contact limit that was loosened for a contact."""

    id: strawberry.ID = strawberry.field(description="Identifier of the override.")
    limit: str | None = strawberry.field(description="Name of the limit.")
    segment: str | None = strawberry.field(description="For customers of this segment only; null: for all.")
    days: float | None = strawberry.field(description="The days that it was shortened to.")
    reason: str | None = strawberry.field(description="Why it was asked for.")
    asked_by: str | None = strawberry.field(description="Who asked for it.")
    approved_by: str | None = strawberry.field(description="Who approved it.")
    approved_at: dt.datetime | None = strawberry.field(description="When it was approved.")


@strawberry.type(description="Why a contact was made, read from what was stored when it was decided.")
class WhyContacted:
    """Why a contact was made, read from what was stored when it was decided."""

    interaction_id: strawberry.ID = strawberry.field(description="The contact.")
    at: dt.datetime | None = strawberry.field(description="When it took place.")
    channel: str | None = strawberry.field(description="Where it took place.")
    direction: str | None = strawberry.field(description="OUTBOUND: the bank began; INBOUND: the customer did.")
    product_code: str | None = strawberry.field(description="The product that it was about.")
    product_name: str | None = strawberry.field(description="What the product is called.")
    decided: bool = strawberry.field(
        description="Whether a decision of the platform led to it; if not, somebody recorded it without one."
    )
    decision_id: strawberry.ID | None = strawberry.field(description="The decision.")
    decided_at: dt.datetime | None = strawberry.field(description="When it was decided.")
    judged_again_id: strawberry.ID | None = strawberry.field(
        description="The decision that judged the waiting offer again; null: it did not wait."
    )
    judged_again_at: dt.datetime | None = strawberry.field(description="When that was decided.")
    cause: WhyCause | None = strawberry.field(description="What started the decision.")
    candidate: Candidate | None = strawberry.field(description="The rule that proposed it, and what.")
    reasons: list[str] = strawberry.field(
        description="What was to be said to the customer, as the rule's author wrote it."
    )
    gates: list[GateVerdict] = strawberry.field(description="Every check that it went through.")
    consents: list[WhyConsent] = strawberry.field(description="The consent that it rested on.")
    overrides: list[WhyOverride] = strawberry.field(description="Limits that were loosened for it, and by whom.")
    policy_version: str | None = strawberry.field(description="Version of the contact policy in force.")
    text: str = strawberry.field(description="All of it in a few sentences.")


@strawberry.type(description="An offer, as it stands now.")
class WhyOffer:
    """An offer, as it stands now."""

    id: strawberry.ID = strawberry.field(description="Identifier of the offer.")
    status: str = strawberry.field(description="Where it stands.")
    status_reason: str | None = strawberry.field(description="Code of the reason why it stands there.")
    not_before: dt.datetime | None = strawberry.field(description="The customer may not be contacted with it before.")


@strawberry.type(description="Why a product was not offered, read from the newest decision about it.")
class WhyNot:
    """Why a product was not offered, read from the newest decision about it."""

    product_code: str = strawberry.field(description="The product.")
    product_name: str | None = strawberry.field(
        description="What it is called; null: the catalogue has no such product."
    )
    considered: bool = strawberry.field(description="Whether any decision about it is stored.")
    proposed: bool = strawberry.field(description="Whether the newest decision did propose it after all.")
    decision_id: strawberry.ID | None = strawberry.field(description="The newest decision about it.")
    decided_at: dt.datetime | None = strawberry.field(description="When that was decided.")
    trigger: str | None = strawberry.field(description="What started the decision.")
    candidate: Candidate | None = strawberry.field(description="The candidate that came furthest.")
    gate: GateVerdict | None = strawberry.field(description="The check that stopped it, or that holds it back.")
    offer: WhyOffer | None = strawberry.field(description="The offer, where there is one.")
    earliest: dt.datetime | None = strawberry.field(description="When it may be possible first, as far as was known.")
    trace: list[TraceEntry] = strawberry.field(description="Every candidate for this product in that decision.")
    text: str = strawberry.field(description="All of it in a few sentences.")
