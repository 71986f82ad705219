"""The GraphQL types of interest and where they live in the graph."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import strawberry

from graph_crm.graph.compiler.scalars import day_to_send
from graph_crm.graph.mapping import Argument, Root, computed, graph, many, prop
from graph_crm.interest import cypher
from graph_crm.interest.service import check_order
from graph_crm.parties import checks
from graph_crm.parties.types import Party

_LEFT = """{n}.score * 2.0 ^ (({n}.at.epochMillis - datetime.realtime().epochMillis)
  / (toFloat({n}.halfLifeDays) * 86400000))"""


@graph.node(label="InterestDay", key="key")
class InterestDay:
    """What a customer looked at on one day, of one product. It stays when the events themselves are removed."""

    key: strawberry.ID = prop("Day, product and party.")
    day: dt.date = prop("The day, in UTC.", order=True)
    product_code: str = prop("Code of the product or service.")
    family_code: str | None = prop("Code of its family.")
    views: int = prop("How often its page was looked at.", order=True)
    started: int = prop("How many applications were begun.")
    abandoned: int = prop("How many applications were left unfinished.")


@graph.node(label="Interest", key="key")
class Interest:
    """How much a customer is interested in a product or service, by what the customer looked at."""

    key: strawberry.ID = prop("Party and product.")
    product_code: str = prop("Code of the product or service.")
    family_code: str | None = prop("Code of its family; null when the catalogue does not have the product.")
    score: float = computed("What is left of the looks now: each fades to half in a half-life.", _LEFT, filter=True)
    views: int = prop("How often its page was looked at, ever.", order=True)
    started: int = prop("How many applications were begun, ever.")
    abandoned: int = prop("How many applications were left unfinished, ever.")
    first_at: dt.datetime = prop("When the first look was.", order=True)
    last_at: dt.datetime = prop("When the last look was.", order=True)
    days: InterestDay = many("The same by day, the latest first.", "BY_DAY", InterestDay, order="DAY_DESC")


@graph.extend(Party)
class _PartyInterests:
    interests: Interest = many("What the party looked at, the latest first.", "SHOWS", Interest, order="LAST_AT_DESC")


@graph.edge
class Interested:
    """What the customer looked at in the period."""

    views: int = computed("How often the page was looked at.", "{e}.views")
    started: int = computed("How many applications were begun.", "{e}.started")
    abandoned: int = computed("How many applications were left unfinished.", "{e}.abandoned")
    last_day: str = computed("The last day of a look, in UTC (ISO date).", "{e}.lastDay")


def _code(value: Any) -> str:
    return checks.code("productCode", value)


def _period(given: Mapping[str, Any]) -> None:
    check_order(dt.date.fromisoformat(given["from"]), dt.date.fromisoformat(given["to"]))


graph.root(
    Root(
        name="interestedCustomers",
        node=Party,
        page=True,
        description="The customers who showed interest in a product or service in a period, by identifier or as"
        " ordered.",
        start=cypher.INTERESTED,
        edge=Interested,
        arguments={
            "productCode": Argument(str, "The product or service.", _code, required=True),
            "from": Argument(dt.date, "The first day, in UTC.", day_to_send, required=True),
            "to": Argument(dt.date, "The last day, in UTC.", day_to_send, required=True),
        },
        check=_period,
    )
)
