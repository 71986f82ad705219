"""Sums of durations and phrases, against a plain computation."""

from __future__ import annotations

import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_crm.requests.analytics.measures import EXACT_SECONDS, Durations, Tally
from graph_crm.requests.analytics.phrases import Phrases


@given(st.lists(st.integers(0, 10**7), max_size=200))
def test_percentiles_are_those_of_the_sorted_list(seconds: list[int]) -> None:
    durations = Durations()
    for one in seconds:
        durations.add(dt.timedelta(seconds=one))
    found = durations.summary()
    kept = sorted(one if one <= EXACT_SECONDS else round(one / 60) * 60 for one in seconds)
    assert found.count == len(kept)
    if not kept:
        assert (found.mean, found.p50, found.p90, found.p95, found.longest) == (None,) * 5
        return
    assert [found.p50, found.p90, found.p95] == [
        kept[math.ceil(len(kept) * percent / 100) - 1] for percent in (50, 90, 95)
    ]
    assert found.longest == kept[-1]
    assert found.mean == pytest.approx(sum(kept) / len(kept))


def test_durations_keep_few_different_values_however_many_there_are() -> None:
    durations = Durations()
    for number in range(200_000):
        durations.add(dt.timedelta(seconds=number * 7.3))
    assert len(durations._values) < 40_000


def test_shares_of_nothing_are_unknown() -> None:
    assert (Tally().first_contact_share, Tally().survey_mean) == (None, None)
    assert Tally(settled=3, at_first_answer=1, helped=1).first_contact_share == 0.5


def said(*texts: str, first: int = 3) -> list[tuple[str, int]]:
    phrases = Phrases()
    for text in texts:
        phrases.add(text)
    return [(one.text, one.requests) for one in phrases.most(first)]


def test_the_phrases_that_requests_have_in_common_are_told_once_and_whole() -> None:
    found = said(
        "My transfer has not arrived.",
        "the TRANSFER HAS NOT ARRIVED!",
        "Where is it? A transfer that has not arrived...",
        "I lost my credit card",
        "lost my credit card, lost my credit card",
        "How do I pay?",
    )
    assert ("lost my credit", 2) not in found or ("credit card", 2) not in found
    assert any("credit card" in text for text, _ in found)
    assert all(count >= 2 for _, count in found)


def test_a_text_counts_once_and_forms_of_a_word_are_one() -> None:
    assert said("karta kredytowa. Karta kredytowa", "kartę kredytową") == [("karta kredytowa", 2)]
    assert said("lost cards lost cards", "nothing of it") == []


def test_what_says_nothing_is_no_phrase() -> None:
    assert said("I would like to", "I would like to", "2026 11 23", "2026 11 23") == []


def test_a_phrase_never_crosses_a_full_stop() -> None:
    assert said("card. transfer", "card. transfer") == []


@given(st.lists(st.text(max_size=80), max_size=20))
def test_whatever_people_write_is_counted_without_complaint(texts: list[str]) -> None:
    for _, count in said(*texts, first=50):
        assert 2 <= count <= len(texts)


def test_rare_phrases_are_forgotten_before_they_fill_the_memory() -> None:
    phrases = Phrases(room=100)
    for number in range(500):
        phrases.add(f"payment{number} order{number}")
        phrases.add("credit card")
    assert [(one.text, one.requests) for one in phrases.most(1)] == [("credit card", 500)]
    assert len(phrases._counts) <= 101
