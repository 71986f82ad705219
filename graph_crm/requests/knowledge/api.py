"""The mutations of the knowledge base. They hold no business logic: a service does the work."""

from __future__ import annotations

from typing import cast

import strawberry
from strawberry.types import Info

from graph_crm.contacts.kinds import Channel
from graph_crm.graph.context import RequestContext
from graph_crm.graph.mutation import mutation
from graph_crm.parties.inputs import KEY
from graph_crm.requests.knowledge.service import ArticleChange, ArticleService, ArticleText
from graph_crm.requests.knowledge.types import Article

Request = Info[RequestContext, None]
VERSION = "The version that you read; the change is refused when the article has moved on."
TITLE = "The problem in one line, as a customer would say it."
TEXT = "The remedy, in Markdown."
CATEGORY = "Code of the category of requests that it is about."
PRODUCTS = "Codes of the products that it is about; none: of all."


@strawberry.input(description="A typical problem and its remedy.")
class CreateArticleInput:
    """A typical problem and its remedy."""

    slug: str = strawberry.field(description="Its name, the same in every language, for example lost-card.")
    language: str = strawberry.field(description="ISO 639-1 code of its language.")
    title: str = strawberry.field(description=TITLE)
    text: str = strawberry.field(description=TEXT)
    category: str | None = strawberry.field(default=None, description=CATEGORY)
    products: list[str] | None = strawberry.field(default=None, description=PRODUCTS)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="What of an article changes; what is left out stays.")
class UpdateArticleInput:
    """What of an article changes."""

    id: strawberry.ID = strawberry.field(description="The article.")
    title: str | None = strawberry.field(default=None, description=TITLE)
    text: str | None = strawberry.field(default=None, description=TEXT)
    category: str | None = strawberry.field(default=None, description=f"{CATEGORY} An empty text takes it away.")
    products: list[str] | None = strawberry.field(default=None, description=PRODUCTS)
    version: int | None = strawberry.field(default=None, description=VERSION)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="An article that is not to be suggested any more.")
class RetireArticleInput:
    """An article that is not to be suggested any more."""

    id: strawberry.ID = strawberry.field(description="The article.")
    version: int | None = strawberry.field(default=None, description=VERSION)
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.input(description="An article that solved a problem before a request was sent.")
class ArticleHelpedInput:
    """An article that solved a problem before a request was sent."""

    article_id: strawberry.ID = strawberry.field(description="The article.")
    party_id: strawberry.ID | None = strawberry.field(
        default=None, description="The customer, where an employee says it; a customer's token names the customer."
    )
    channel: Channel | None = strawberry.field(default=None, description="Where it was read.")
    text: str | None = strawberry.field(default=None, description="What the customer had typed.")
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)


@strawberry.type
class KnowledgeMutations:
    """Writing articles, and hearing that one helped."""

    @mutation("Write a new article; it is suggested from now on.", permission="run_desk")
    async def create_article(self, info: Request, input: CreateArticleInput) -> Article:  # noqa: A002 - the schema's word
        """Store an article and answer with it."""
        written = await info.context.service(ArticleService).create(
            ArticleText(
                slug=input.slug,
                language=input.language,
                title=input.title,
                text=input.text,
                category=input.category,
                products=tuple(input.products or ()),
            ),
            by=info.context.caller.subject,
            idempotency_key=input.idempotency_key,
        )
        return cast(Article, await info.context.fetch("Article", written.id, info))

    @mutation(
        "Change an article; its earlier versions are kept, and a retired one is suggested again.", permission="run_desk"
    )
    async def update_article(self, info: Request, input: UpdateArticleInput) -> Article:  # noqa: A002 - the schema's word
        """Change an article and answer with it."""
        written = await info.context.service(ArticleService).update(
            str(input.id),
            ArticleChange(title=input.title, text=input.text, category=input.category, products=input.products),
            by=info.context.caller.subject,
            version=input.version,
            idempotency_key=input.idempotency_key,
        )
        return cast(Article, await info.context.fetch("Article", written.id, info))

    @mutation("Suggest an article no more; what it solved stays.", permission="run_desk")
    async def retire_article(self, info: Request, input: RetireArticleInput) -> Article:  # noqa: A002 - the schema's word
        """Retire an article and answer with it."""
        written = await info.context.service(ArticleService).retire(
            str(input.id),
            by=info.context.caller.subject,
            version=input.version,
            idempotency_key=input.idempotency_key,
        )
        return cast(Article, await info.context.fetch("Article", written.id, info))

    @mutation(
        "Say that an article solved the problem, so that no request is needed: solved at first contact. A customer"
        " counts once a day and article.",
        permission="own_requests",
    )
    async def article_helped(self, info: Request, input: ArticleHelpedInput) -> Article:  # noqa: A002 - the schema's word
        """Count it and answer with the article."""
        written = await info.context.service(ArticleService).helped(
            str(input.article_id),
            caller=info.context.caller,
            party_id=None if input.party_id is None else str(input.party_id),
            channel=input.channel,
            text=input.text,
            idempotency_key=input.idempotency_key,
        )
        return cast(Article, await info.context.fetch("Article", written.id, info))
