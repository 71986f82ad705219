"""Sorting: plugins, then keywords, then a classifier that knows how sure it is; else a person, from whom it learns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from desk_bank import DeskBank

from graph_crm.contacts.kinds import Channel
from graph_crm.errors import ConfigurationError, InvalidInput
from graph_crm.requests.commands import NewRequest, Sorted
from graph_crm.requests.desk import Desk
from graph_crm.requests.kinds import SortedBy
from graph_crm.requests.sorting.folding import asked, folded
from graph_crm.requests.sorting.keywords import Keywords
from graph_crm.requests.sorting.model import Example, SortingModel, measured, train
from graph_crm.requests.sorting.service import SortingService
from graph_crm.requests.sorting.sorter import DeskSorter
from graph_crm.requests.sorting.training import shipped_examples, sorted_by_people
from graph_crm.rules.hookspecs import hookimpl
from graph_crm.rules.intake import RequestText
from graph_crm.rules.loader import Found
from graph_crm.rules.manager import RuleBook

DESK = Desk.load()
CODES = frozenset(one.code for one in DESK.categories)
COLOURS = [
    Example(f"{word} {number}", category)
    for category, words in {"RED": ("rose", "blood", "cherry"), "BLUE": ("sky", "sea", "cornflower")}.items()
    for word in words
    for number in ("one", "two", "three", "four")
]


@pytest.fixture(scope="module")
def sorter() -> DeskSorter:
    return DeskSorter(DESK)


def test_texts_are_read_without_accents_capitals_and_numbers() -> None:
    assert folded("  Zażółć GĘŚLĄ\n jaźń 123,45 ") == "zazolc gesla jazn 000,00"
    assert asked("My card", "My card is broken") == "My card is broken"
    assert asked("Card", "It is broken") == "Card\nIt is broken"


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("I lost my card yesterday", "CARD_LOST"),
        ("ZGUBIŁEM KARTĘ w tramwaju", "CARD_LOST"),
        ("Zgubilam karte", "CARD_LOST"),
        ("Ztratila jsem kartu.", "CARD_LOST"),
        ("I complain: I lost my card and nobody helped", None),
        ("I lost my cardigan", None),
        ("This is phishing", "FRAUD"),
        ("Where is my card?", None),
    ],
)
def test_keywords_decide_where_they_stand(text: str, category: str | None) -> None:
    assert Keywords.read(DESK.sorting, CODES).category(text) == category


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"rules": [{"category": "NONE", "any": ["x"]}]}, "no category NONE"),
        ({"rules": [{"category": "CARD", "any": []}]}, r"sorting rules\[1\] any: needs at least one entry"),
        ({"rules": [{"category": "CARD", "any": ["!!"]}]}, "1 to 10 words"),
        ({"rules": [{"category": "CARD", "any": ["x"], "colour": 1}]}, "colour"),
        ({"rulez": []}, "rulez"),
    ],
)
def test_a_rule_that_can_not_be_read_is_named(table: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        Keywords.read(table, CODES)


def test_a_classifier_learns_what_it_is_shown_and_the_same_from_the_same() -> None:
    model = train(COLOURS)
    assert model.categories == ("BLUE", "RED")
    assert model.propose("a cherry")[0].category == "RED"
    assert model.propose("the sea")[0].category == "BLUE"
    assert [one.confidence for one in train(COLOURS[::-1]).propose("a cherry", 2)] == [
        one.confidence for one in model.propose("a cherry", 2)
    ]


def test_confidences_are_probabilities() -> None:
    for text in ("a cherry", "", "xyz", "sea " * 5_000, "日本語"):
        found = train(COLOURS).propose(text, 10)
        assert sum(one.confidence for one in found) == pytest.approx(1, abs=1e-5)
        assert found == sorted(found, key=lambda one: -one.confidence)


def test_too_little_is_not_learned_from() -> None:
    with pytest.raises(InvalidInput):
        train([one for one in COLOURS if one.category == "RED"])
    assert train([*COLOURS, Example("grass", "GREEN")]).quality.left_out == ("GREEN",)


def test_quality_is_counted_from_predictions() -> None:
    chances = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7]])
    quality = measured(chances, np.array([0, 1, 0, 1]))
    assert (quality.accuracy, quality.most_frequent) == (0.75, 0.5)
    assert [(one.threshold, one.share, one.accuracy) for one in quality.levels][2:] == [
        (0.7, 0.75, pytest.approx(2 / 3)),
        (0.8, 0.5, 0.5),
        (0.9, 0.25, 1.0),
    ]
    assert quality.calibration_error == pytest.approx((0.1 + 0.8 + 0.4 + 0.3) / 4)


def test_a_model_is_the_same_after_it_was_written(tmp_path: Path) -> None:
    model = train(COLOURS)
    model.save(tmp_path / "deep" / "model.npz")
    again = SortingModel.load(tmp_path / "deep" / "model.npz")
    assert again.propose("a cherry", 2) == model.propose("a cherry", 2)
    assert again.quality == model.quality


@pytest.mark.parametrize("content", [b"", b"no model", b"PK\x03\x04"])
def test_a_file_that_is_no_model_is_refused_and_never_run(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError):
        SortingModel.load(path)
    np.savez(path, weights=np.array([{"an": "object"}], dtype=object))
    with pytest.raises(ConfigurationError):
        SortingModel.load(path)


def test_the_shipped_examples_are_of_the_desk_and_in_three_languages() -> None:
    examples = shipped_examples(CODES)
    assert {one.category for one in examples} == CODES
    assert len(examples) == len({one.text for one in examples})
    counts = [sum(one.category == code for one in examples) for code in CODES]
    assert min(counts) >= 15


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("What would a mortgage for a house cost me a month?", "LOAN"),
        ("Nie mogę się zalogować do aplikacji, zapomniałam hasła", "ONLINE_ACCESS"),
        ("Jaký úrok má termínovaný vklad?", "SAVINGS"),
        ("Bankomat nie wydał mi pieniędzy, a zniknęły z konta", "COMPLAINT_TRANSACTION"),
    ],
)
def test_the_shipped_classifier_knows_the_plain_cases(sorter: DeskSorter, text: str, category: str) -> None:
    assert sorter.proposals(text, 1)[0].category == category


def test_what_the_classifier_is_not_sure_of_a_person_sorts(sorter: DeskSorter) -> None:
    found = sorter("", "hello there", "en")
    assert (found.category, found.by) == (None, SortedBy.NONE)
    assert found.confidence is not None
    assert found.confidence < 0.7
    assert DeskSorter(DESK, threshold=0.0)("", "hello there", "en").by is SortedBy.MODEL


def book_of(answer: Any) -> RuleBook:
    @hookimpl
    def categorise(texts: Sequence[RequestText]) -> Any:
        return answer(texts)

    module: Any = SimpleNamespace(categorise=categorise, __name__="categories")
    return RuleBook([Found("categories", "categories", module)])


def test_a_plugin_speaks_first_and_a_broken_one_is_as_if_it_were_not_there() -> None:
    says = DeskSorter(DESK, book_of(lambda _: ["INSURANCE"]))
    assert says("", "I lost my card", None) == Sorted(category="INSURANCE", by=SortedBy.RULE)
    for answer in (lambda _: [None], lambda _: ["NO_SUCH"], lambda _: 1 / 0, lambda _: "CARD", lambda _: []):
        assert DeskSorter(DESK, book_of(answer))("", "I lost my card", None).category == "CARD_LOST"


def test_a_new_model_is_used_without_a_restart_and_a_broken_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    codes = {"RED": "LOAN", "BLUE": "CARD"}
    sorter = DeskSorter(DESK, model=path)
    shipped = sorter.model()
    train([Example(one.text, codes[one.category]) for one in COLOURS]).save(path)
    assert sorter.model().categories == ("CARD", "LOAN")
    path.write_bytes(b"half a mod")
    os.utime(path, ns=(1, 1))
    assert sorter.model().categories == ("CARD", "LOAN")
    path.unlink()
    assert sorter.model() is shipped


def test_a_category_that_the_desk_gave_up_is_not_proposed(tmp_path: Path) -> None:
    train(COLOURS).save(tmp_path / "model.npz")
    assert DeskSorter(DESK, model=tmp_path / "model.npz").proposals("a cherry") == []


@pytest.mark.lts
async def test_what_people_sort_is_what_the_classifier_learns(desk: DeskBank, tmp_path: Path) -> None:
    for number in range(4):
        for text, category in (("Kolczyki z bursztynem", "INSURANCE"), ("Widły i grabie", "SAVINGS")):
            made = await desk.service.open(
                NewRequest(text=f"{text} {'x' * number}", channel=Channel.ONLINE, party_id="anna")
            )
            if number:
                await desk.service.sort(made.number, category, by="simon")
    learned = await sorted_by_people(desk.database, CODES)
    assert sorted(one.category for one in learned) == ["INSURANCE"] * 3 + ["SAVINGS"] * 3
    service = SortingService(desk.database, DeskSorter(DESK))
    quality = await service.train(tmp_path / "model.npz", shipped=False)
    assert (quality.examples, quality.categories) == (6, 2)
    sorter = DeskSorter(DESK, model=tmp_path / "model.npz")
    assert sorter.proposals("Bursztyn", 1)[0].category == "INSURANCE"
