"""The GraphQL types of the knowledge base, and where they live in the graph."""

from __future__ import annotations

import datetime as dt
import re

import strawberry

from graph_crm.contacts.kinds import Channel
from graph_crm.graph.mapping import Argument, Root, computed, graph, many, one, prop
from graph_crm.parties import checks
from graph_crm.parties.types import Party
from graph_crm.requests.knowledge import cypher
from graph_crm.requests.knowledge.words import suggestion_query
from graph_crm.requests.types import ServiceRequest


@graph.node(label="ArticleVersion")
class ArticleVersion:
    """What an article said at a time; it is never changed."""

    id: strawberry.ID = prop("Identifier of the version.", order=True)
    version: int = prop("The number of the version, from 1.", order=True)
    title: str = prop("The problem in one line.", filter=False)
    text: str = prop("The remedy, in Markdown.", filter=False)
    category: str | None = prop("Code of the category of requests that it is about.")
    products: list[str] | None = prop("Codes of the products that it is about.")
    active: bool = prop("Whether it was suggested.")
    at: dt.datetime = prop("Since when it said so.", order=True)
    by: str | None = prop("Who wrote it; files: an import.")


@graph.node(label="Article")
class Article:
    """A typical problem and its remedy."""

    id: strawberry.ID = prop("Identifier of the article, for example article:en:lost-card.", order=True)
    slug: str = prop("Its name, the same in every language.")
    language: str = prop("ISO 639-1 code of its language.")
    title: str = prop("The problem in one line.", filter=False, order=True)
    text: str = prop("The remedy, in Markdown.", filter=False)
    category: str | None = prop("Code of the category of requests that it is about.")
    products: list[str] | None = prop("Codes of the products that it is about; none: of all.")
    active: bool = prop("Whether it is suggested.")
    version: int = prop("Grows by one with each change; send it with a change.")
    created_at: dt.datetime | None = prop("When it was stored first.", order=True)
    updated_at: dt.datetime | None = prop("When it was changed last.", order=True)
    updated_by: str | None = prop("Who changed it last.")
    solved: int = computed("Requests that it solved.", cypher.SOLVED_COUNT)
    helped: int = computed("Times that it helped before a request was sent.", cypher.HELPED_COUNT)
    solved_requests: ServiceRequest = many(
        "The requests that it solved, the latest first.", "SOLVED", ServiceRequest, order="OPENED_AT_DESC", fan=500
    )
    versions: ArticleVersion = many(
        "What it said before and says now, the latest first.", "HAD_VERSION", ArticleVersion, order="VERSION_DESC"
    )


@graph.node(label="FirstContact")
class FirstContact:
    """A problem that an article solved before anybody sent a request."""

    id: strawberry.ID = prop("Identifier.", order=True)
    at: dt.datetime = prop("When the customer said that it helped.", order=True)
    channel: Channel | None = prop("Where.")
    category: str | None = prop("Code of the article's category.")
    text: str | None = prop("What the customer had typed.", filter=False)
    by: str | None = prop("Who said so: the customer, or an employee who had the customer at hand.")
    article: Article | None = one("The article.", "HELPED", Article, direction="in")
    party: Party | None = one("The customer, where it is known.", "WAS_HELPED", Party, direction="in")


@graph.extend(ServiceRequest)
class _RequestArticles:
    articles: Article = many("The articles that solved it.", "SOLVED", Article, direction="in")


@graph.edge
class Suggestion:
    """How well an article fits what was typed."""

    score: float = computed("The higher the better; comparable within one answer only.", "{e}")


_PRIMARY = re.compile(r"[a-z]{2,3}")


def _language(value: str | None) -> str | None:
    if value is None:
        return None
    found = _PRIMARY.match(checks.language("language", value))
    return found.group() if found else "en"


def _product(value: str | None) -> str | None:
    return None if value is None else checks.code("productCode", value).lower()


graph.root(Root(name="article", node=Article, description="The article with this identifier; null when there is none."))
graph.root(Root(name="articles", node=Article, page=True, description="Articles of the knowledge base."))
graph.root(
    Root(
        name="firstContacts",
        node=FirstContact,
        page=True,
        order="AT_DESC",
        description="Problems that articles solved before anybody sent a request, the latest first.",
    )
)
graph.root(
    Root(
        name="suggestArticles",
        node=Article,
        page=True,
        description="Articles for a text that is being typed, the best first. Case, accents, endings and a typo are"
        " forgiven, and the last word need not be finished. Articles in English follow those in the language.",
        start=cypher.SUGGEST,
        rank=cypher.SUGGEST_RANK,
        edge=Suggestion,
        arguments={
            "text": Argument(str, "What was typed so far.", suggestion_query),
            "language": Argument(str | None, "ISO 639-1 code of the language; English when left out.", _language),
            "productCode": Argument(str | None, "Articles about this product come first.", _product),
        },
    )
)
