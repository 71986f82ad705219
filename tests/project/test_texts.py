"""The platform says everything in every language that it ships: each reason has its sentence, with the same numbers."""

from __future__ import annotations

import ast
import datetime as dt
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from fluent.syntax import FluentParser
from fluent.syntax.ast import Message, SelectExpression, VariableReference
from fluent.syntax.visitor import Visitor
from hypothesis import given
from hypothesis import strategies as st

from graph_crm import texts
from graph_crm.errors import ConfigurationError
from graph_crm.texts import Texts

PACKAGE = Path(texts.__file__).parent
LANGUAGES = ("en", "pl")
CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*\Z")
SPEAKERS = {"Finding", "GateVerdict", "Reason", "Against", "_no", "_drop", "_pass", "_hold", "_rest", "_yes"}
"""What gives a reason: a call of one of these names the code."""
ROOMS = ("contacts", "consent", "decisions", "rules/conditions", "rules/verdicts.py", "rules/manager.py")
MADE_UP = {
    *(f"IS_{kind}" for kind in ("PERSON", "ORGANIZATION")),
    *(f"{fact}{end}" for fact in ("SEGMENT", "COUNTRY", "REGION") for end in ("", "_UNKNOWN")),
    *(f"SLOT_{state}" for state in ("RELEASED", "EXPIRED", "CANCELLED")),
    "ALWAYS",
}
"""Codes that are put together, or stand where no call is."""
WORDS = {
    "PROMOTIONAL",
    "MARKETING",
    "SERVICE",
    "OUTBOUND",
    "INBOUND",
    "PHONE",
    "SMS",
    "EMAIL",
    "PERSON",
    "GRANTED",
    "PROPOSED",
}
"""Words of closed lists in such calls, which are no reasons."""


def messages(language: str) -> dict[str, Message]:
    resource = FluentParser().parse((PACKAGE / "locale" / f"{language}.ftl").read_text("utf-8"))
    return {entry.id.name: entry for entry in resource.body if isinstance(entry, Message)}


class Variables(Visitor):
    def __init__(self) -> None:
        self.names: set[str] = set()
        self.choices: list[tuple[str, frozenset[str]]] = []

    def visit_VariableReference(self, node: VariableReference) -> None:  # noqa: N802 - the visitor's own naming
        self.names.add(node.id.name)

    def visit_SelectExpression(self, node: SelectExpression) -> None:  # noqa: N802 - the same
        if isinstance(node.selector, VariableReference):
            keys = frozenset(str(getattr(variant.key, "name", variant.key)) for variant in node.variants)
            self.choices.append((node.selector.id.name, keys))
        self.generic_visit(node)


def seen(message: Message) -> Variables:
    found = Variables()
    found.visit(message)
    return found


def codes_in(tree: ast.AST) -> Iterator[str]:
    """The codes of reasons in a module: arguments of what gives reasons, and (…, CODE, "a sentence") tuples."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in SPEAKERS:
                for argument in [*node.args, *[each.value for each in node.keywords]]:
                    yield from _codes(argument)
        elif isinstance(node, ast.Tuple):
            for first, second in zip(node.elts, node.elts[1:], strict=False):
                spoken = isinstance(second, ast.JoinedStr) or (
                    isinstance(second, ast.Constant) and " " in str(second.value)
                )
                if spoken:
                    yield from _codes(first)
        elif (isinstance(node, ast.Assign) and any(getattr(one, "id", "") == "code" for one in node.targets)) or (
            isinstance(node, ast.keyword) and node.arg == "statusReason"
        ):
            yield from _codes(node.value)


def _codes(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.match(node.value):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _codes(node.body)
        yield from _codes(node.orelse)


@cache
def known_codes() -> dict[str, str]:
    found = {}
    for room in ROOMS:
        place = PACKAGE / room
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            for code in codes_in(ast.parse(file.read_text("utf-8"))):
                found[code] = file.relative_to(PACKAGE).as_posix()
    return {code: file for code, file in found.items() if code not in WORDS}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_code_of_the_platform_has_its_sentence(language: str) -> None:
    told = messages(language)
    assert {code: file for code, file in known_codes().items() if code not in told} == {}
    assert set(told) >= MADE_UP


def test_no_sentence_is_left_over_from_a_code_that_nobody_gives() -> None:
    sources = "\n".join(file.read_text("utf-8") for file in PACKAGE.rglob("*.py"))
    unused = [
        name
        for name in messages("en")
        if CODE.match(name) and name not in MADE_UP and not re.search(rf"\b{name}\b", sources)
    ]
    assert unused == []


def test_every_message_that_why_says_is_said_somewhere() -> None:
    sources = (PACKAGE / "decisions" / "reasons" / "telling.py").read_text("utf-8")
    said = set(re.findall(r'"((?:why|decision)-[a-z-]*)', sources))
    for name in messages("en"):
        if name.startswith(("why-", "decision-")):
            assert any(name == each or (each.endswith("-") and name.startswith(each)) for each in said), name


def test_the_languages_say_the_same_things_with_the_same_values() -> None:
    english, polish = messages("en"), messages("pl")
    assert list(english) == list(polish)
    assert {name: seen(one).names for name, one in english.items()} == {
        name: seen(one).names for name, one in polish.items()
    }


def test_polish_chooses_among_all_its_plurals_and_english_among_both() -> None:
    for language, wanted in (("en", {"one", "other"}), ("pl", {"one", "few", "many", "other"})):
        for name, message in messages(language).items():
            for variable, keys in seen(message).choices:
                assert keys == wanted, f"{language}: {name} ({variable})"


def days(number: float, language: str) -> str:
    text = texts.sentence("CONTACT_LIMIT", {"limit": "x", "used": 1, "count": 1, "days": number}, language)
    return text.rpartition("within" if language == "en" else "w ciągu")[2].strip(" .")


@pytest.mark.parametrize(
    ("number", "polish"),
    [(1, "1 dnia"), (2, "2 dni"), (5, "5 dni"), (12, "12 dni"), (22, "22 dni"), (45.0, "45 dni"), (0.5, "0,5 dnia")],
)
def test_days_are_counted_as_polish_counts_them(number: float, polish: str) -> None:
    assert days(number, "pl") == polish


@pytest.mark.parametrize(
    ("number", "word"), [(1, "rok"), (2, "lata"), (4, "lata"), (5, "lat"), (12, "lat"), (22, "lata"), (101, "lat")]
)
def test_years_are_counted_as_polish_counts_them(number: int, word: str) -> None:
    assert texts.sentence("AGE", {"age": number}, "pl") == f"Klient ma {number} {word}."


def test_english_tells_one_day_from_several() -> None:
    assert (days(1, "en"), days(45, "en"), days(45.0, "en"), days(0.5, "en")) == (
        "1 day",
        "45 days",
        "45 days",
        "0.5 days",
    )


def test_days_and_instants_are_written_as_the_language_writes_them() -> None:
    since = {"product": "CREDIT_CARD", "since": "2026-05-03"}
    assert texts.sentence("OWNED_ALREADY", since, "en") == "The customer has CREDIT_CARD since 3 May 2026."
    assert texts.sentence("OWNED_ALREADY", since, "pl") == "Klient ma CREDIT_CARD od 3 maja 2026."
    until = {"until": "2026-05-03T22:30:00+00:00"}
    assert texts.sentence("ASKED_LATER", until, "en").endswith("not before 3 May 2026, 22:30 UTC.")
    there = texts.current().sentence("ASKED_LATER", until, "pl", zone="Europe/Warsaw")
    assert there.endswith("nie przed 4 maja 2026, 00:30.")


def test_an_instant_in_a_zone_that_nobody_knows_is_told_in_utc() -> None:
    told = texts.current().sentence(
        "ASKED_LATER", {"until": dt.datetime(2026, 5, 3, 22, 30, tzinfo=dt.UTC)}, "en", zone="Moon/Sea"
    )
    assert told.endswith("22:30 UTC.")


def test_words_of_closed_lists_are_said_as_words() -> None:
    assert texts.sentence("CONSENT_GRANTED", {"channel": "PHONE"}, "en").endswith("contacted by phone.")
    assert texts.sentence("CONSENT_GRANTED", {"channel": "PHONE"}, "pl").endswith("z nim telefonicznie.")


@pytest.mark.parametrize("language", ["de", "xx", "", "../en", "pl_", "p"])
def test_a_language_without_texts_says_the_stored_reason(language: str) -> None:
    assert texts.sentence("OWNED_ALREADY", {}, language, "the customer has it") == "the customer has it"


def test_a_code_of_a_plugin_or_a_missing_number_says_the_stored_reason() -> None:
    assert texts.sentence("TOO_MANY_LOANS", {}, "pl", "pays three loans already") == "pays three loans already"
    assert texts.sentence("OWNED_ALREADY", {"product": "X"}, "pl", "has X since 2020") == "has X since 2020"


@pytest.mark.parametrize("language", ["pl-PL", "pl_PL", "pl"])
def test_a_region_speaks_its_language(language: str) -> None:
    assert texts.sentence("PARTY_BLOCKED", {}, language) == "Klient jest zablokowany."


@given(
    st.dictionaries(
        st.sampled_from(["days", "until", "limit", "used", "count"]),
        st.none() | st.text() | st.floats() | st.integers() | st.booleans() | st.lists(st.text()),
    ),
    st.sampled_from([*LANGUAGES, "de", None]),
)
def test_whatever_a_verdict_holds_something_is_said(numbers: dict[str, object], language: str | None) -> None:
    for code in ("CONTACT_LIMIT", "PRODUCT_REFUSED", "RULE_OF_A_PLUGIN"):
        assert texts.sentence(code, numbers, language, "the stored reason")


def test_a_bank_replaces_a_sentence_and_adds_a_language(tmp_path: Path) -> None:
    (tmp_path / "en.ftl").write_text("PARTY_BLOCKED = We do not serve this customer.\n", "utf-8")
    (tmp_path / "cs.ftl").write_text("PARTY_BLOCKED = Klient je zablokován.\n", "utf-8")
    own = Texts.load(tmp_path)
    assert own.languages == ["cs", "en", "pl"]
    assert own.sentence("PARTY_BLOCKED", {}, "en") == "We do not serve this customer."
    assert own.sentence("PARTY_BLOCKED", {}, "cs") == "Klient je zablokován."
    assert own.sentence("PARTY_ENDED", {}, "en") == "The bank no longer deals with the customer."
    assert own.sentence("PARTY_ENDED", {}, "cs", "the bank left") == "the bank left"
    assert own.say("why-employee", language="cs") == own.say("why-employee", language="en")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("en.ftl", "GOOD = yes\n\nbad one\n", "line 3"),
        ("notalanguage.ftl", "GOOD = yes\n", "names no language"),
        ("PL.ftl", "GOOD = yes\n", "names no language"),
    ],
)
def test_a_file_of_texts_that_can_not_be_read_is_refused(tmp_path: Path, name: str, content: str, told: str) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    with pytest.raises(ConfigurationError, match=told):
        Texts.load(tmp_path)


def test_a_sentence_of_the_bank_that_can_not_be_said_leaves_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "en.ftl").write_text("why-source = Told by { $who }.\nAGE = Aged { $years }.\n", "utf-8")
    (tmp_path / "pl.ftl").write_text("AGE = { AGE }\n", "utf-8")
    own = Texts.load(tmp_path)
    assert own.say("why-source", {"source": "core"}) == Texts().say("why-source", {"source": "core"})
    for language in LANGUAGES:
        assert own.sentence("AGE", {"age": 5}, language) == Texts().sentence("AGE", {"age": 5}, language)


def test_a_value_of_any_length_can_be_said() -> None:
    endless = "x" * 100_000
    for language in LANGUAGES:
        told = texts.current().say("why-reasons", {"reasons": endless}, language)
        assert "xxx" in told
        assert len(told) < 5_000
        assert texts.current().say("why-source", {"source": [endless, endless]}, language)


@pytest.mark.parametrize("content", [b"PARTY_BLOCKED = Klient je zablokov\xe1n.\n", b"\xff\xfe"])
def test_a_file_of_texts_in_another_encoding_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cs.ftl").write_bytes(content)
    with pytest.raises(ConfigurationError, match="UTF-8"):
        Texts.load(tmp_path)


def test_a_file_of_texts_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cs.ftl").mkdir()
    with pytest.raises(ConfigurationError, match=r"cs\.ftl"):
        Texts.load(tmp_path)


def test_a_folder_of_texts_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not there"):
        Texts.load(tmp_path / "none")
