"""The GraphQL types of a preview: what would be decided now, and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin

import strawberry
from strawberry.scalars import JSON

from graph_crm.contacts.kinds import Channel
from graph_crm.decisions.kinds import OfferStatus
from graph_crm.decisions.pipeline import Considered, Outcome
from graph_crm.decisions.reasons import telling as why
from graph_crm.decisions.reasons.types import TraceEntry

T = TypeVar("T")


@strawberry.type(description="An offer that would be made.")
class PreviewedOffer:
    """An offer that would be made."""

    rank: int = strawberry.field(description="1 for the best.")
    product_code: str = strawberry.field(description="Code of the product.")
    rule_id: str = strawberry.field(description="The rule that proposes it.")
    status: OfferStatus = strawberry.field(description="The status that the offer would get.")
    channel: Channel | None = strawberry.field(description="The channel that would be used.")
    point_key: str | None = strawberry.field(description="The contact point that would be used.")
    not_before: dt.datetime | None = strawberry.field(description="When the customer could be contacted first.")
    reasons: list[str] = strawberry.field(description="Why, in words that an agent can say.")
    script: str | None = strawberry.field(description="What an agent or a screen can say.")
    priority: float = strawberry.field(description="What it is worth, in currency units: the product of its factors.")
    factors: JSON = strawberry.field(description="What the priority is made of, factor by factor.")

    @classmethod
    def of(cls, one: Considered, language: str | None) -> PreviewedOffer:
        """An offer of the pipeline, its reasons in ``language`` where its author wrote them."""
        way, priority = one.way, one.priority
        return cls(
            rank=one.rank or 0,
            product_code=one.product,
            rule_id=one.rule,
            status=OfferStatus(one.status),
            channel=Channel(way.channel) if way else None,
            point_key=way.point if way else None,
            not_before=way.at if way else None,
            reasons=why.said_in(one.proposal.reasons, one.proposal.translations, language) if one.proposal else [],
            script=one.script,
            priority=priority.number if priority else 0.0,
            factors=JSON(priority.as_json() if priority else {}),
        )


@strawberry.type(description="What would be decided now. Nothing of it is stored.")
class Preview:
    """What would be decided now. Nothing of it is stored."""

    at: dt.datetime = strawberry.field(description="When the customer was looked at.")
    offers: list[PreviewedOffer] = strawberry.field(description="What would be offered, the best first.")
    trace: list[TraceEntry] = strawberry.field(description="Every candidate with the verdict of every gate.")

    @classmethod
    def of(cls, outcome: Outcome, language: str | None) -> Preview:
        """An outcome of the pipeline, its reasons as sentences in ``language``."""
        told = why.trace([one.as_json() for one in outcome.considered], {"language": language})
        return cls(
            at=outcome.snapshot.now,
            offers=[PreviewedOffer.of(one, language) for one in outcome.offers],
            trace=[_typed(TraceEntry, one) for one in told or ()],
        )


def _typed(kind: type[T], told: Mapping[str, Any]) -> T:
    """An object of a GraphQL type from what `why` tells, which goes by GraphQL's names."""
    values = {}
    for field in kind.__strawberry_definition__.fields:  # type: ignore[attr-defined]  # set by strawberry
        value = told.get(field.graphql_name or _camel(field.python_name))
        annotation = field.type_annotation.annotation
        values[field.python_name] = _value(annotation, value)
    return kind(**values)


def _value(annotation: Any, value: Any) -> Any:
    parts = [one for one in get_args(annotation) if one is not type(None)]
    if get_origin(annotation) is list:
        return [_value(parts[0], one) for one in value or ()]
    if value is None:
        return None
    inner = parts[0] if parts else annotation
    if hasattr(inner, "__strawberry_definition__") and isinstance(value, Mapping):
        return _typed(inner, value)
    if inner is dt.datetime:
        return dt.datetime.fromisoformat(value)
    return value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
