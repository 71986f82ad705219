"""Articles: their versions, who may write them, the files that they come from, and what they solved."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.errors import AlreadyExists, ConfigurationError, InvalidInput, NotFound, VersionConflict
from graph_crm.graph.database import Database, Transaction
from graph_crm.requests.commands import Happening
from graph_crm.requests.kinds import EntryKind, RequestKind
from graph_crm.requests.knowledge import solving
from graph_crm.requests.knowledge.files import load_articles, read_articles
from graph_crm.requests.knowledge.service import ArticleChange, ArticleService, ArticleText
from graph_crm.security.roles import Caller, Role

pytestmark = pytest.mark.lts
NOW = dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC)
CARD = ArticleText(
    slug="lost-card", language="en", title="My card is lost", text="Block it.", category="CARD_LOST", products=["CARD"]
)
CARD_ID = "article:en:lost-card"


@pytest.fixture
async def bank(empty_database: Database) -> Database:
    await empty_database.execute(
        "CREATE (:Product {code: 'CARD', name: 'Card'}), (:Party:Person {id: 'anna', displayName: 'Anna'})"
        " WITH 1 AS x UNWIND range(1, 40) AS n"
        " CREATE (:ServiceRequest {id: 'request:' + toString(n), number: 'R-' + toString(n), status: 'CLOSED',"
        " kind: 'REQUEST', openedAt: datetime('2026-11-01T10:00Z'), version: 1})"
    )
    return empty_database


@pytest.fixture
def articles(bank: Database) -> ArticleService:
    return ArticleService(bank, now=lambda: NOW)


async def answer(bank: Database, query: str, role: Role = Role.ADMINISTRATOR, **variables: Any) -> dict[str, Any]:
    caller = Caller("eva", role, party_id="anna" if role is Role.CUSTOMER else None)
    return await Executor(platform_schema(), bank).execute(Request(query, caller, variables))


async def do(bank: Database, query: str, role: Role = Role.ADMINISTRATOR, **variables: Any) -> Any:
    told = await answer(bank, query, role, **variables)
    assert "errors" not in told, told["errors"]
    (value,) = told["data"].values()
    return value


async def test_every_version_is_kept_and_a_change_on_a_stale_one_refused(
    bank: Database, articles: ArticleService
) -> None:
    assert (await articles.create(CARD, by="eva")).version == 1
    assert (await articles.update(CARD_ID, ArticleChange(text="Block it at once."), by="jan", version=1)).version == 2
    with pytest.raises(VersionConflict):
        await articles.update(CARD_ID, ArticleChange(text="Never mind."), by="eva", version=1)
    assert (await articles.retire(CARD_ID, by="eva", version=2)).version == 3
    assert (await articles.retire(CARD_ID, by="eva")).version == 3  # again: nothing changes
    read = (
        '{ article(id: "article:en:lost-card") { active version text products versions(first: 9)'
        " { nodes { version text active by } } } }"
    )
    found = await do(bank, read)
    assert (found["active"], found["version"], found["text"]) == (False, 3, "Block it at once.")
    assert found["versions"]["nodes"] == [
        {"version": 3, "text": "Block it at once.", "active": False, "by": "eva"},
        {"version": 2, "text": "Block it at once.", "active": True, "by": "jan"},
        {"version": 1, "text": "Block it.", "active": True, "by": "eva"},
    ]


async def test_of_many_changes_on_one_version_one_is_made(articles: ArticleService) -> None:
    await articles.create(CARD, by="eva")
    changes = [articles.update(CARD_ID, ArticleChange(text=f"Text {n}."), by="eva", version=1) for n in range(12)]
    done = await asyncio.gather(*changes, return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in done) == 1
    assert sum(isinstance(one, VersionConflict) for one in done) == 11


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("slug", "Lost Card"),
        ("slug", ""),
        ("language", "english"),
        ("title", " "),
        ("title", "x" * 201),
        ("text", ""),
        ("text", "x" * 20_001),
        ("text", "a\x00b"),
        ("category", "card lost"),
        ("products", ["card"]),
        ("products", [f"P{n}" for n in range(51)]),
    ],
)
async def test_what_can_not_be_used_is_refused_by_its_field(
    articles: ArticleService, bank: Database, field: str, value: Any
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await articles.create(ArticleText(**{**vars(CARD), field: value}), by="eva")
    assert caught.value.details["field"] == field
    assert await bank.read("MATCH (a:Article) RETURN a") == []


async def test_a_name_is_taken_once_in_a_language_and_products_must_exist(articles: ArticleService) -> None:
    await articles.create(CARD, by="eva")
    with pytest.raises(AlreadyExists):
        await articles.create(CARD, by="eva")
    await articles.create(ArticleText(**{**vars(CARD), "language": "pl"}), by="eva")
    with pytest.raises(NotFound, match="GONE"):
        await articles.update(CARD_ID, ArticleChange(products=["GONE"]), by="eva")
    with pytest.raises(NotFound):
        await articles.retire("article:en:nothing", by="eva")


async def test_articles_are_written_through_the_api_by_who_runs_the_desk(bank: Database) -> None:
    create = "mutation ($input: CreateArticleInput!) { createArticle(input: $input) { id version updatedBy } }"
    given = {"slug": "lost-card", "language": "en", "title": "Lost", "text": "Block.", "idempotencyKey": "k1"}
    for role in (Role.AGENT, Role.MARKETER, Role.CUSTOMER):
        refused = await answer(bank, create, role, input=given)
        assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    made = await do(bank, create, input=given)
    assert made == {"id": CARD_ID, "version": 1, "updatedBy": "eva"}
    assert await do(bank, create, input=given) == made  # the same key: the same article
    update = "mutation ($input: UpdateArticleInput!) { updateArticle(input: $input) { title text version } }"
    changed = await do(bank, update, input={"id": CARD_ID, "title": "Lost card", "version": 1})
    assert changed == {"title": "Lost card", "text": "Block.", "version": 2}
    retire = "mutation ($input: RetireArticleInput!) { retireArticle(input: $input) { active } }"
    assert await do(bank, retire, input={"id": CARD_ID}) == {"active": False}


HELPED = "mutation ($input: ArticleHelpedInput!) { articleHelped(input: $input) { id helped } }"


async def test_a_customer_whom_an_article_helped_counts_once_a_day(bank: Database, articles: ArticleService) -> None:
    await articles.create(CARD, by="eva")
    given = {"articleId": CARD_ID, "text": "lost my card", "channel": "ONLINE"}
    for _ in range(3):
        assert (await do(bank, HELPED, Role.CUSTOMER, input=given))["helped"] == 1
    stranger = await answer(bank, HELPED, Role.CUSTOMER, input={**given, "partyId": "jan"})
    assert stranger["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    later = ArticleService(bank, now=lambda: dt.datetime.now(dt.UTC) + dt.timedelta(days=1))
    await later.helped(CARD_ID, caller=Caller("eva", Role.AGENT), party_id="anna")
    rows = await bank.read(
        "MATCH (:Article {id: $id})-[:HELPED]->(f:FirstContact)<-[:WAS_HELPED]-(p:Party)"
        " RETURN f.category AS category, f.text AS text, f.channel AS channel, f.by AS by, p.id AS party ORDER BY f.at",
        {"id": CARD_ID},
    )
    assert sorted([dict(row) for row in rows], key=lambda row: row["text"] or "") == [
        {"category": "CARD_LOST", "text": None, "channel": None, "by": "eva", "party": "anna"},
        {"category": "CARD_LOST", "text": "lost my card", "channel": "ONLINE", "by": "eva", "party": "anna"},
    ]


async def test_who_is_not_known_counts_once_an_idempotency_key(bank: Database, articles: ArticleService) -> None:
    await articles.create(CARD, by="eva")
    agent = Caller("eva", Role.AGENT)
    await asyncio.gather(
        *(articles.helped(CARD_ID, caller=agent, idempotency_key=f"call-{n % 5}") for n in range(20)),
        *(articles.helped(CARD_ID, caller=agent) for _ in range(7)),
    )
    assert (await do(bank, '{ article(id: "article:en:lost-card") { helped } }'))["helped"] == 12
    with pytest.raises(NotFound, match="article"):
        await articles.helped("article:en:nothing", caller=agent)
    with pytest.raises(NotFound, match="party"):
        await articles.helped(CARD_ID, caller=agent, party_id="nobody")


def happened(entry: EntryKind, number: int, *articles: str) -> Happening:
    return Happening(
        entry=entry,
        entry_id=f"entry:{number}",
        request_id=f"request:{number}",
        number=f"R-{number}",
        kind=RequestKind.REQUEST,
        at=NOW,
        by="eva",
        articles=articles,
    )


async def test_what_articles_solved_is_counted_exactly_by_many_at_once(
    bank: Database, articles: ArticleService
) -> None:
    other = await articles.create(ArticleText(**{**vars(CARD), "slug": "new-card"}), by="eva")

    await articles.create(CARD, by="eva")

    async def answered(number: int, *named: str) -> None:
        async def work(tx: Transaction) -> None:
            await solving.heed(tx, happened(EntryKind.ANSWERED, number, *named))
            await solving.heed(tx, happened(EntryKind.CLOSED, number, *named))

        await bank.write(work)

    # In both orders, each request twice: the count must be that of the requests, and nobody waits for the other.
    await asyncio.gather(
        *(answered(n, CARD_ID, other.id) for n in range(1, 41)), *(answered(n, other.id, CARD_ID) for n in range(1, 41))
    )
    found = await do(
        bank,
        '{ article(id: "article:en:lost-card") { solved solvedRequests(first: 100)'
        " { totalCount nodes { number articles { nodes { slug } } } } } }",
    )
    assert found["solved"] == found["solvedRequests"]["totalCount"] == 40
    slugs = {one["slug"] for one in found["solvedRequests"]["nodes"][0]["articles"]["nodes"]}
    assert slugs == {"lost-card", "new-card"}


async def test_a_request_that_is_opened_again_was_not_solved(bank: Database, articles: ArticleService) -> None:
    await articles.create(CARD, by="eva")
    await bank.write(lambda tx: solving.heed(tx, happened(EntryKind.ANSWERED, 1, CARD_ID)))
    await bank.write(lambda tx: solving.heed(tx, happened(EntryKind.REOPENED, 1)))
    assert (await do(bank, '{ article(id: "article:en:lost-card") { solved } }'))["solved"] == 0
    with pytest.raises(NotFound, match="article"):
        await bank.write(lambda tx: solving.heed(tx, happened(EntryKind.ANSWERED, 1, "article:en:nothing")))


def test_the_shipped_articles_are_there_in_both_languages() -> None:
    by_language: dict[str, set[str]] = {}
    for one in read_articles():
        by_language.setdefault(one.language, set()).add(one.slug)
    assert by_language["en"] == by_language["pl"]
    assert len(by_language["en"]) >= 12


async def test_files_are_loaded_once_and_do_not_undo_what_people_changed(bank: Database, tmp_path: Path) -> None:
    file = tmp_path / "en" / "lost-card.md"
    file.parent.mkdir()
    file.write_text('+++\ntitle = "Lost card"\nproducts = ["CARD", "GONE"]\n+++\nBlock it.\n', "utf-8")
    assert (await load_articles(bank, tmp_path)).created == (CARD_ID,)
    assert (await load_articles(bank, tmp_path)).unchanged == 1
    await ArticleService(bank).update(CARD_ID, ArticleChange(text="Block it at once."), by="eva")
    assert (await load_articles(bank, tmp_path)).unchanged == 1
    rows = await bank.read("MATCH (a:Article) RETURN a.text AS text, a.products AS products, a.version AS version")
    assert [dict(row) for row in rows] == [{"text": "Block it at once.", "products": ["CARD"], "version": 2}]
    file.write_text('+++\ntitle = "Lost card"\n+++\nBlock it in the app.\n', "utf-8")
    assert (await load_articles(bank, tmp_path)).changed == (CARD_ID,)
    assert (await bank.read("MATCH (a:Article) RETURN a.text AS text"))[0]["text"] == "Block it in the app."


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("en/lost-card.md", "no head at all"),
        ("en/lost-card.md", "+++\ntitle = \n+++\ntext"),
        ("en/lost-card.md", '+++\ntitle = "A"\nauthor = "me"\n+++\ntext'),
        ("en/lost-card.md", '+++\ntitle = "A"\n+++\n'),
        ("en/Lost Card.md", '+++\ntitle = "A"\n+++\ntext'),
        ("english/lost-card.md", '+++\ntitle = "A"\n+++\ntext'),
        ("lost-card.md", '+++\ntitle = "A"\n+++\ntext'),
    ],
)
def test_a_file_that_can_not_be_used_is_named(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError):
        list(read_articles(tmp_path))
