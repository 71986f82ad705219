"""Finding a party by what somebody typed."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from graph_crm.graph.database import Database
from graph_crm.parties.names import MATCH_NOTHING, name_key, search_query, search_text, search_words

PARTIES = {
    "Łukasz Gross": {"phones": ["+48601234567"], "emails": ["l.gross@example.pl"], "identifiers": ["PL-12345678"]},
    "Lukas Grossmann": {},
    "Seán O'Brien": {"phones": ["+442079460958"]},
    "Ян Ёлкин": {},
    "Jan Novák": {
        "phones": ["+420602123456"],
        "emails": ["jan.novak@example.com"],
        "identifiers": ["berka:client:18", "700501/1234"],
    },
    "Jana Nováková": {"phones": ["+420602123457"], "emails": ["o'neil@example.com"]},
    "Jean-Luc Straße": {},
    "Søren Kierkegård": {},
    "İstanbul I\u015f\u0131k A.Ş.": {},
    "王小明": {},
    "AT&T": {},
}


@pytest.fixture(scope="module")
async def bank(database: Database) -> Database:
    """The parties above, and nobody else."""
    await database.execute("MATCH (n:Party) DETACH DELETE n")
    rows = [{"name": name, "text": search_text(name, **more)} for name, more in PARTIES.items()]
    await database.execute(
        "UNWIND $rows AS row CREATE (:Party:Person {id: row.name, displayName: row.name, searchText: row.text})",
        {"rows": rows},
    )
    return database


async def found(database: Database, text: str, limit: int = 20) -> list[str]:
    rows = await database.read(
        "CALL db.index.fulltext.queryNodes('party_search', $query, {limit: $limit}) YIELD node AS n, score "
        "RETURN n.displayName AS name ORDER BY score DESC, name",
        {"query": search_query(text), "limit": limit},
    )
    return [row["name"] for row in rows]


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("lukasz gross", "Łukasz Gross"),
        ("GROSS ŁUKASZ", "Łukasz Gross"),
        ("luka gross", "Łukasz Gross"),
        ("lukasz grosz", "Łukasz Gross"),
        ("sean obrien", "Seán O'Brien"),
        ("O\u2019Brien", "Seán O'Brien"),
        ("o'brien", "Seán O'Brien"),
        ("o brien", "Seán O'Brien"),
        ("елкин", "Ян Ёлкин"),
        ("ЁЛК", "Ян Ёлкин"),
        ("novák jan", "Jan Novák"),
        ("nvoak jan", "Jan Novák"),
        ("strasse", "Jean-Luc Straße"),
        ("STRASSE", "Jean-Luc Straße"),
        ("strase", "Jean-Luc Straße"),
        ("jean luc", "Jean-Luc Straße"),
        ("jean-luc", "Jean-Luc Straße"),
        ("jeanluc", "Jean-Luc Straße"),
        ("soren", "Søren Kierkegård"),
        ("istanbul isik", "İstanbul I\u015f\u0131k A.Ş."),
        ("王小", "王小明"),
        ("at&t", "AT&T"),
    ],
)
async def test_a_name_is_found_in_any_case_order_and_accent(bank: Database, typed: str, name: str) -> None:
    assert (await found(bank, typed))[0] == name


@pytest.mark.parametrize(
    "typed",
    [
        "+420602123456",
        "+420 602 123 456",
        "00420 602 123 456",
        "420602123456",
        "602 123 456",
        "602-123-456",
        "(602) 123.456",
        "+420 (602) 123-456",
        "602\u00a0123\u00a0456",
        "jan 602 123 456",
        "60212345",
    ],
)
async def test_a_phone_is_found_in_any_common_way_of_writing_it(bank: Database, typed: str) -> None:
    assert (await found(bank, typed))[0] == "Jan Novák"


@pytest.mark.parametrize("typed", ["020 7946 0958", "+44 (0)20 7946 0958", "+44 20 7946 0958", "(020) 79460958"])
async def test_a_trunk_zero_does_not_hide_a_phone(bank: Database, typed: str) -> None:
    assert await found(bank, typed) == ["Seán O'Brien"]


async def test_a_digit_off_is_another_phone_not_a_typo(bank: Database) -> None:
    assert await found(bank, "602 123 456") == ["Jan Novák"]
    assert await found(bank, "602 123 457") == ["Jana Nováková"]
    assert await found(bank, "602 123 458") == []


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("jan.novak@example.com", "Jan Novák"),
        ("JAN.NOVAK@EXAMPLE.COM", "Jan Novák"),
        ("jan.novak@", "Jan Novák"),
        ("jan.novka@example.com", "Jan Novák"),
        ("o'neil@example.com", "Jana Nováková"),
        ("berka:client:18", "Jan Novák"),
        ("700501/1234", "Jan Novák"),
        ("7005011234", "Jan Novák"),
        ("PL-12345678", "Łukasz Gross"),
        ("pl12345678", "Łukasz Gross"),
        ("12345678", "Łukasz Gross"),
    ],
)
async def test_e_mails_and_identifiers_are_found(bank: Database, typed: str, name: str) -> None:
    assert (await found(bank, typed))[0] == name


async def test_the_exact_word_comes_before_the_prefix_before_the_typo(bank: Database) -> None:
    assert await found(bank, "novak") == ["Jan Novák", "Jana Nováková"]
    assert await found(bank, "lukas") == ["Lukas Grossmann", "Łukasz Gross"]
    assert await found(bank, "grosss") == ["Łukasz Gross"]


async def test_every_word_must_match(bank: Database) -> None:
    assert await found(bank, "jan brien") == []


@pytest.mark.parametrize("typed", ["", "   ", "***", "()", '"', "\x00", "\ud800", "[* TO *]", "-", "+", "\\", "a:b:c"])
async def test_what_names_nobody_finds_nobody_and_is_no_error(bank: Database, typed: str) -> None:
    assert await found(bank, typed) == []


@pytest.mark.parametrize("typed", ["*:*", "jan OR 1", "jan) OR (*", "jan~9", "searchText:jan", "/.*/", "!jan", "jan^9"])
async def test_the_query_language_of_the_index_is_no_language_of_the_caller(bank: Database, typed: str) -> None:
    assert set(await found(bank, typed)) <= {"Jan Novák", "Jana Nováková", "Jean-Luc Straße"}


WILD = st.text(
    st.one_of(st.characters(), st.sampled_from(list("+-&|!(){}[]^\"~*?:\\/ @.,;<>='\x00\t\nANDORNTO0123456789éł"))),
    max_size=80,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=WILD)
@example(typed="0@}")
@example(typed='a"@]b\\@"')
async def test_no_text_whatever_makes_the_search_fail(bank: Database, typed: str) -> None:
    await found(bank, typed)


async def test_a_flood_of_text_is_answered(bank: Database) -> None:
    for typed in ("a " * 5000, "novak-" * 2000, "9" * 5000, "(" * 5000, "ﷺ" * 300, "x" * 100_000, "1 2 3 4 5 " * 900):
        await found(bank, typed)


@given(st.text(max_size=200))
def test_the_key_of_a_key_is_the_key(text: str) -> None:
    assert name_key(name_key(text)) == name_key(text)


@given(st.text(max_size=60))
def test_a_name_is_found_by_its_own_words_whatever_it_is(name: str) -> None:
    stored = search_text(name).split()
    assert all(word in stored for word in search_words(name))
    assert (search_query(name) == MATCH_NOTHING) == (not stored) or len(name) > 60


@given(
    st.permutations(["+420602123456", "+48601234567", "+420602123456"]),
    st.permutations(["a@example.com", "b@example.com"]),
)
def test_the_order_of_contact_points_does_not_change_the_text(phones: list[str], emails: list[str]) -> None:
    expected = search_text("Jan", phones=["+420602123456", "+48601234567"], emails=["a@example.com", "b@example.com"])
    assert search_text("Jan", phones=phones, emails=emails) == expected


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("  Łukasz \t GROSS ", "lukasz gross"),
        ("Straße", "strasse"),
        ("Ёлкин", "елкин"),
        ("ÆØÅ Œuvre", "aeoa oeuvre"),
        ("ﬁnance", "finance"),
        ("", ""),
    ],
)
def test_the_key_of_a_name(text: str, key: str) -> None:
    assert name_key(text) == key
