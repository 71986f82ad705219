"""What articles solved, kept in the transaction of the answer that names them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from graph_crm.errors import NotFound
from graph_crm.graph.database import Transaction
from graph_crm.parties import checks
from graph_crm.requests.commands import Happening
from graph_crm.requests.kinds import EntryKind
from graph_crm.requests.knowledge import cypher

MOST_ARTICLES = 20
"""Articles that one answer may name."""


async def solved(
    tx: Transaction, *, request_id: str, articles: Iterable[str], at: dt.datetime, by: str | None = None
) -> None:
    """Say that these articles (by id) solved a request; said again it changes nothing.

    Raises: NotFound for an unknown article, InvalidInput for more than `MOST_ARTICLES`.
    """
    named = sorted(set(articles))
    if not named:
        return
    if len(named) > MOST_ARTICLES:
        raise checks.refuse("articles", "are too many", f"Name at most {MOST_ARTICLES}.", limit=MOST_ARTICLES)
    unknown = [row["name"] for row in await tx.run(cypher.KNOWN, {"articles": named}) if row["id"] is None]
    if unknown:
        raise NotFound(
            "articles: there is no such article", hint="Find articles with suggestArticles.", field="articles"
        )
    await tx.run(cypher.SOLVED, {"requestId": request_id, "articles": named, "at": at, "by": by})


async def not_solved(tx: Transaction, *, request_id: str) -> None:
    """The request was opened again: no article solved it."""
    await tx.run(cypher.NOT_SOLVED, {"requestId": request_id})


async def heed(tx: Transaction, happening: Happening) -> None:
    """Keep which articles an answer rests on; an effect of the service of requests (see `RequestService`)."""
    if happening.entry in (EntryKind.ANSWERED, EntryKind.CLOSED) and happening.articles:
        await solved(tx, request_id=happening.request_id, articles=happening.articles, at=happening.at, by=happening.by)
    elif happening.entry is EntryKind.REOPENED:
        await not_solved(tx, request_id=happening.request_id)
