"""What is suggested for a text that is being typed; the shipped articles are what there is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph_crm.api.execution import Executor, Request
from graph_crm.api.schema import platform_schema
from graph_crm.graph.database import Database
from graph_crm.products.catalogue import load_catalogue
from graph_crm.requests.knowledge.files import load_articles
from graph_crm.requests.knowledge.service import ArticleChange, ArticleService, ArticleText
from graph_crm.security.roles import Caller, Role

SUGGEST = """query ($text: String!, $language: String, $product: String, $first: Int) {
  suggestArticles(text: $text, language: $language, productCode: $product, first: $first) {
    edges { score node { slug language title } } } }"""

pytestmark = pytest.mark.lts


@pytest.fixture(scope="module")
async def base(database: Database) -> Database:
    """The shipped articles over the shipped catalogue, and nothing else."""
    await database.execute(
        "MATCH (n) WHERE NOT n:Migration AND NOT n:Lock CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS"
    )
    await load_catalogue(database)
    await load_articles(database)
    return database


async def suggest(database: Database, text: str, role: Role = Role.AGENT, **more: Any) -> list[dict[str, Any]]:
    caller = Caller("somebody", role, party_id="anna" if role is Role.CUSTOMER else None)
    answer = await Executor(platform_schema(), database).execute(Request(SUGGEST, caller, {"text": text, **more}))
    assert "errors" not in answer, answer["errors"]
    return [edge["node"] for edge in answer["data"]["suggestArticles"]["edges"]]


@pytest.mark.parametrize(
    ("typed", "language", "slug"),
    [
        ("I have lost my credit card", "en", "lost-card"),
        ("my card was stolen yesterday in the tram, please help", "en", "lost-card"),
        ("forgoten pasword", "en", "forgotten-password"),  # typos
        ("the transfer to my landlord has not arr", "en", "transfer-not-arrived"),  # not finished
        ("THE CASH MACHINE KEPT MY CARD!!!", "en", "cash-machine-kept-card"),
        ("zgubiłam kartę", "pl", "lost-card"),
        ("nie moge sie zalogowac", "pl", "forgotten-password"),  # without accents
        ("przelewy wysłane na błędnym rachunku", "pl", "wrong-recipient"),  # other endings
        ("bankomat nie wypłacił mi pieniędzy", "pl", "cash-machine-wrong-amount"),
        ("raty kredytu nie zapłacę w tym miesiącu", "pl", "loan-instalment-problem"),
    ],
)
async def test_the_remedy_of_a_typical_problem_comes_first(
    base: Database, typed: str, language: str, slug: str
) -> None:
    found = await suggest(base, typed, language=language, first=3)
    assert (found[0]["slug"], found[0]["language"]) == (slug, language)


async def test_a_suggestion_grows_while_somebody_types(base: Database) -> None:
    typed = "statement for the tax office"
    for end in range(3, len(typed)):
        found = await suggest(base, typed[:end], first=3)
        assert "statement" in [one["slug"] for one in found] or end < len("stat")


async def test_articles_about_the_product_come_before_equal_ones(base: Database) -> None:
    service = ArticleService(base)
    for slug, product in (("travel-gold", "CARD_GOLD"), ("travel-credit", "CREDIT_CARD"), ("travel", None)):
        article = ArticleText(
            slug=slug,
            language="en",
            title="Paying abroad with a card",
            text="Works everywhere.",
            products=[product] if product else [],
        )
        await service.create(article, by="eva")
    for product, slug in (("CARD_GOLD", "travel-gold"), ("CREDIT_CARD", "travel-credit")):
        assert (await suggest(base, "paying abroad", product=product))[0]["slug"] == slug


async def test_who_speaks_another_language_gets_english_articles(base: Database) -> None:
    found = await suggest(base, "lost card", language="cs-CZ", first=2)
    assert {one["language"] for one in found} == {"en"}
    polish = await suggest(base, "karta", language="pl")
    assert [one["language"] for one in polish] == sorted((one["language"] for one in polish), reverse=True)


@pytest.mark.parametrize("text", ["", "   ", "a", "the and nie", "!!!", "🙂", "(", "\\", 'NOT "', "AND NOT"])
async def test_what_says_nothing_finds_nothing(base: Database, text: str) -> None:
    assert await suggest(base, text) == []


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.one_of(
        st.text(max_size=300),
        st.text(alphabet='+-&|!(){}[]^"~*?:\\/ <>=@abcANDORNOTTO019', max_size=60),
        st.lists(st.sampled_from(["titleWords:x", "AND", "OR", "[a TO b]", "*", "karta~9", "x^1e9"])).map(" ".join),
    )
)
async def test_no_text_is_refused_by_the_search(base: Database, text: str) -> None:
    if not any(0xD800 <= ord(each) <= 0xDFFF for each in text):
        await suggest(base, text)


async def test_a_very_long_text_is_answered(base: Database) -> None:
    long = "I lost my card. " + " ".join(f"word{number}abcdef" for number in range(2_000))
    assert (await suggest(base, long, first=1))[0]["slug"] == "lost-card"


async def test_a_customer_may_search_and_read_but_not_see_whom_an_article_helped(base: Database) -> None:
    assert (await suggest(base, "lost card", Role.CUSTOMER))[0]["slug"] == "lost-card"
    caller = Caller("anna", Role.CUSTOMER, party_id="anna")
    executor = Executor(platform_schema(), base)
    read = '{ article(id: "article:en:lost-card") { title text category products solved helped } }'
    answer = await executor.execute(Request(read, caller, {}))
    assert answer["data"]["article"]["category"] == "CARD_LOST"
    hidden = '{ article(id: "article:en:lost-card") { solvedRequests { nodes { number } } } }'
    answer = await executor.execute(Request(hidden, caller, {}))
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_suggestion_is_one_statement(base: Database) -> None:
    with base.counting() as count:
        await suggest(base, "lost card", first=5)
    assert len(count.statements) == 1


async def test_a_retired_article_is_not_suggested_until_it_is_changed_again(base: Database) -> None:
    service = ArticleService(base)
    identifier = "article:en:change-address"
    try:
        await service.retire(identifier, by="eva")
        assert "change-address" not in [one["slug"] for one in await suggest(base, "moved to a new address")]
    finally:
        await service.update(identifier, ArticleChange(title="I have moved or changed my name"), by="eva")
    assert (await suggest(base, "moved to a new address"))[0]["slug"] == "change-address"
