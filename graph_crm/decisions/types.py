"""The GraphQL types of decisions and offers and where they live in the graph."""

from __future__ import annotations

import datetime as dt
import enum

import strawberry

from graph_crm.contacts.kinds import Channel
from graph_crm.decisions.kinds import OfferStatus
from graph_crm.decisions.reasons import cypher as why_cypher
from graph_crm.decisions.reasons import telling as why
from graph_crm.decisions.reasons.types import TraceEntry, WhyContacted, WhyNot
from graph_crm.events.types import Event
from graph_crm.graph.mapping import Argument, JsonText, Root, computed, graph, many, one, prop, word_list
from graph_crm.parties.types import Party
from graph_crm.products.types import Product


@word_list(
    "What a decision came to.",
    PROPOSED="There is at least one offer.",
    NOTHING="There is no offer; the trace says why.",
)
class DecisionOutcome(enum.Enum):
    """What a decision came to."""

    PROPOSED = "PROPOSED"
    NOTHING = "NOTHING"


LANGUAGE = Argument(str, "Language of the sentences, for example pl; English when left out.")


@graph.node(label="Offer")
class Offer:
    """A product that a rule proposes to a customer."""

    id: strawberry.ID = prop("Identifier of the offer.", order=True)
    rule_id: str = prop("The rule that proposes it.")
    product_code: str = prop("Code of the product.")
    family_code: str | None = prop("Code of the product's family.")
    channels: list[Channel] | None = prop("Channels that the rule allows.")
    status: OfferStatus = prop("Where the offer stands.")
    reasons: list[str] = prop(
        "Why, in words that an agent can say: in the language that is asked for where the rule's author wrote it.",
        filter=False,
        cypher="[{n}.reasons, {n}.translations]",
        arguments={"language": LANGUAGE},
        shape=why.reasons,
    )
    reason_codes: list[str] | None = prop("Why, as stable codes.")
    created_at: dt.datetime | None = prop("When it was proposed.", order=True)
    product: Product | None = one("The product.", "ABOUT", Product)


@graph.edge
class Proposal:
    """The place of an offer in its decision."""

    rank: int | None = prop("1 for the best.", order=True)


@graph.node(label="Decision")
class Decision:
    """What was decided for a customer, when, and why."""

    id: strawberry.ID = prop("Identifier of the decision.", order=True)
    at: dt.datetime = prop("When it was made.", order=True)
    as_of: dt.date | None = prop("The day that the customer was looked at.", order=True)
    trigger: str = prop("What started it, for example event:atm_balance_check.")
    outcome: DecisionOutcome = prop("What it came to.")
    mode: str | None = prop("EVENT, SCAN, INBOUND (the customer was here) or TIMER (a waiting offer's time had come).")
    channel: Channel | None = prop("The channel that the customer was using; null: the customer was not here.")
    context: JsonText | None = prop("What the front end knew about the moment.")
    products: list[str] | None = prop("Codes of all products that were considered.")
    control: bool | None = prop("Whether something was left out because the customer is in the control group.")
    policy_version: str | None = prop("Digest of the contact policy that was in force.")
    model_version: int | None = prop("How many answers the learner had learned from.")
    snapshot_digest: str | None = prop("Digest of what was known of the customer.", filter=False)
    rule_versions: JsonText | None = prop("The versions of the rules that were asked.")
    trace: list[TraceEntry] | None = prop(
        "Every candidate with the verdict of every gate.",
        item=TraceEntry,
        arguments={"language": LANGUAGE},
        shape=why.trace,
    )
    party: Party | None = one("Whom it is for.", "FOR", Party)
    caused_by: Event | None = one("The event that started it.", "CAUSED_BY", Event)
    offers: Offer = many(
        "What it proposes, the best first.", "PROPOSED", Offer, edge=Proposal, order="PROPOSAL_RANK_ASC"
    )


@graph.extend(Offer)
class _OfferDecision:
    decision: Decision | None = one("The decision that proposed it.", "PROPOSED", Decision, direction="in")


@graph.extend(Event)
class _EventDecisions:
    decisions: Decision = many("What it led to.", "CAUSED_BY", Decision, direction="in", order="AT_DESC")


@graph.extend(Party)
class _PartyWhy:
    why_contacted: WhyContacted | None = computed(
        "Why the bank made a contact with the party; null where the contact was with somebody else.",
        why_cypher.CONTACTED,
        arguments={
            "interactionId": Argument(strawberry.ID, "The contact.", required=True),
            "language": LANGUAGE,
        },
        item=WhyContacted,
        shape=why.contacted,
    )
    why_not: WhyNot | None = computed(
        "Why a product was not offered to the party, by the newest decision about it.",
        why_cypher.NOT_OFFERED,
        arguments={
            "productCode": Argument(strawberry.ID, "The product.", required=True),
            "language": LANGUAGE,
        },
        item=WhyNot,
        shape=why.not_offered,
    )


@graph.extend(Party)
class _PartyDecisions:
    decisions: Decision = many(
        "What was decided for the party, the latest first.", "FOR", Decision, direction="in", order="AT_DESC"
    )


graph.root(
    Root(name="decision", node=Decision, description="The decision with this identifier; null when there is none.")
)
graph.root(Root(name="decisions", node=Decision, page=True, description="Decisions, by identifier or as ordered."))
graph.root(Root(name="offers", node=Offer, page=True, description="Offers, by identifier or as ordered."))
