"""The use cases of the knowledge base: write articles, retire them, and hear that one helped."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graph_crm.contacts.kinds import Channel
from graph_crm.errors import AlreadyExists, Forbidden, NotFound
from graph_crm.graph.database import Database, Transaction
from graph_crm.graph.idempotency import digest_of
from graph_crm.parties import checks
from graph_crm.parties.service import new_id
from graph_crm.parties.writes import Written, expect_version, write_once
from graph_crm.requests.knowledge import cypher
from graph_crm.requests.knowledge.words import article_words, scope_words
from graph_crm.rules.snapshot import ticked
from graph_crm.security.roles import Caller

TEXT_LIMIT = 20_000
"""Characters of an article."""
MOST_PRODUCTS = 50
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LANGUAGE = re.compile(r"[a-z]{2}")


@dataclass(frozen=True, kw_only=True)
class ArticleText:
    """What an article says. ``slug`` is its name, the same in every language; ``text`` is Markdown."""

    slug: str
    language: str
    title: str
    text: str
    category: str | None = None
    products: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class ArticleChange:
    """What of an article changes; None: it stays. An empty ``category`` takes it away."""

    title: str | None = None
    text: str | None = None
    category: str | None = None
    products: Sequence[str] | None = None


def article_id(language: str, slug: str) -> str:
    """The id of an article: it follows from language and slug, so that none is there twice."""
    return f"article:{language}:{slug}"


def checked(article: ArticleText) -> dict[str, Any]:
    """The properties of an article as the graph holds them. Raises InvalidInput that names the field."""
    if len(article.slug) > checks.ID_LIMIT // 2 or not _SLUG.fullmatch(article.slug):
        raise checks.refuse("slug", "is no name of an article", "Use small letters, digits and hyphens: lost-card.")
    if not _LANGUAGE.fullmatch(article.language):
        raise checks.refuse("language", "is no language", "Use an ISO 639-1 code of two small letters, for example pl.")
    return _searchable(
        {
            "slug": article.slug,
            "language": article.language,
            "title": checks.text("title", article.title, checks.NAME_LIMIT),
            "text": checks.text("text", article.text, TEXT_LIMIT, lines=True),
            "category": _category(article.category),
            "products": _products(article.products),
            "active": True,
        }
    )


def _category(code: str | None) -> str | None:
    return checks.code("category", code) if code else None


def _products(codes: Sequence[str]) -> list[str]:
    if len(codes) > MOST_PRODUCTS:
        raise checks.refuse("products", "are too many", f"Name at most {MOST_PRODUCTS}.", limit=MOST_PRODUCTS)
    return sorted({checks.code("products", code) for code in codes})


def _searchable(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties with the words under which the article is found."""
    return {
        **properties,
        "titleWords": article_words(properties["title"]),
        "textWords": article_words(properties["text"]),
        "scopeWords": scope_words(properties["language"], properties["products"], active=properties["active"]),
    }


class ArticleService:
    """Writes articles. Every version of one is kept; a change names the version that its author has seen."""

    def __init__(self, database: Database, *, now: checks.Clock = checks.utc_now) -> None:
        self._database = database
        self._now = now

    async def create(self, article: ArticleText, *, by: str, idempotency_key: str | None = None) -> Written:
        """Store a new article. Raises AlreadyExists for a slug that its language has; InvalidInput; NotFound."""
        properties = checked(article)
        identifier = article_id(article.language, article.slug)

        async def work(tx: Transaction) -> Written:
            await _require_products(tx, properties["products"])
            told = {"id": identifier, "properties": properties, "now": self._instant(), "by": by}
            rows = await tx.run(cypher.CREATE, told)
            if rows[0]["version"] > 1:
                raise AlreadyExists(
                    "slug: there is an article of this name in this language",
                    hint="Change it with updateArticle, or choose another name.",
                    field="slug",
                )
            await tx.run(cypher.KEEP_VERSION, told)
            return Written(identifier)

        return await write_once(self._database, "createArticle", idempotency_key, article, work)

    async def update(
        self,
        identifier: str,
        change: ArticleChange,
        *,
        by: str,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> Written:
        """Change what an article says; a retired one is suggested again. Raises VersionConflict, NotFound."""
        checks.version(version)

        async def work(tx: Transaction) -> Written:
            before = await _locked(tx, identifier, version)
            after: dict[str, Any] = {
                "title": before["title"]
                if change.title is None
                else checks.text("title", change.title, checks.NAME_LIMIT),
                "text": before["text"]
                if change.text is None
                else checks.text("text", change.text, TEXT_LIMIT, lines=True),
                "category": before["category"] if change.category is None else _category(change.category),
                "products": before["products"] if change.products is None else _products(change.products),
                "active": True,
            }
            await _require_products(tx, after["products"])
            return await self._store(tx, identifier, before, after, by)

        command = {"id": identifier, "change": change, "version": version}
        return await write_once(self._database, "updateArticle", idempotency_key, command, work)

    async def retire(
        self, identifier: str, *, by: str, version: int | None = None, idempotency_key: str | None = None
    ) -> Written:
        """Suggest an article no more; what it solved stays. Again it changes nothing."""
        checks.version(version)

        async def work(tx: Transaction) -> Written:
            before = await _locked(tx, identifier, version)
            kept = {name: before[name] for name in ("title", "text", "category", "products")}
            return await self._store(tx, identifier, before, {**kept, "active": False}, by)

        command = {"id": identifier, "version": version}
        return await write_once(self._database, "retireArticle", idempotency_key, command, work)

    async def _store(
        self, tx: Transaction, identifier: str, before: Mapping[str, Any], after: Mapping[str, Any], by: str
    ) -> Written:
        number: int = before["version"]
        if all(before[name] == value for name, value in after.items()):
            return Written(identifier, number)
        told = {
            "id": identifier,
            "properties": _searchable({**after, "language": before["language"]}),
            "version": number + 1,
            "now": self._instant(),
            "by": by,
        }
        await tx.run(cypher.CHANGE, told)
        await tx.run(cypher.KEEP_VERSION, told)
        return Written(identifier, number + 1)

    async def helped(
        self,
        identifier: str,
        *,
        caller: Caller,
        party_id: str | None = None,
        channel: Channel | None = None,
        text: str | None = None,
        idempotency_key: str | None = None,
    ) -> Written:
        """An article solved somebody's problem before a request was sent: solved at first contact.

        A customer speaks for the own party. A known customer counts once a day and article.

        Raises: NotFound for an unknown article or party; Forbidden where a customer names somebody else.
        """
        party = party_id or caller.party_id
        if party is not None and not caller.may_read_party(party):
            raise Forbidden("A customer may speak for the own party only.", hint="Leave partyId out.")
        now = self._instant()
        stored = None if text is None else checks.text("text", text, checks.NOTE_LIMIT, lines=True)
        identity = new_id("first-contact")
        if party is not None:
            key = digest_of([identifier, party, now.date().isoformat()])
        else:
            key = identity if idempotency_key is None else digest_of([identifier, caller.subject, idempotency_key])

        async def work(tx: Transaction) -> Written:
            told = {
                "id": identity,
                "key": key,
                "article": identifier,
                "party": party,
                "channel": None if channel is None else channel.value,
                "text": stored,
                "now": now,
                "by": caller.subject,
            }
            rows = await tx.run(cypher.HELPED, told)
            if not rows:
                known = (await tx.run(cypher.EXISTING, told))[0]["article"]
                raise (
                    _no_article()
                    if not known
                    else NotFound(
                        "partyId: there is no such party", hint="Look the party up with searchParties.", field="partyId"
                    )
                )
            return Written(identifier)

        command = {"article": identifier, "party": party, "channel": channel, "text": text}
        return await write_once(self._database, "articleHelped", idempotency_key, command, work)

    def _instant(self) -> dt.datetime:
        return ticked(self._now())


async def _locked(tx: Transaction, identifier: str, version: int | None) -> Mapping[str, Any]:
    rows = await tx.run(cypher.LOCK, {"id": identifier})
    if not rows:
        raise _no_article()
    expect_version(rows[0]["version"], version, "article")
    return rows[0]


def _no_article() -> NotFound:
    return NotFound("There is no article with this id.", hint="Find articles with suggestArticles.", field="articleId")


async def _require_products(tx: Transaction, codes: Sequence[str]) -> None:
    if codes and (unknown := (await tx.run(cypher.KNOWN_PRODUCTS, {"codes": list(codes)}))[0]["unknown"]):
        raise NotFound(
            f"products: there is no product {unknown[0]}", hint="Use codes that products lists.", field="products"
        )
