"""Numbers of requests: random, readable, and noticed when they are copied wrongly."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_crm.requests.numbers import ALPHABET, find, new_number, parse


def numbered(digits: list[int]) -> str:
    """The number whose random part is this."""
    left = iter(digits)
    return new_number(lambda _below: next(left))


NUMBERS = st.lists(st.integers(0, 31), min_size=7, max_size=7).map(numbered)


@given(NUMBERS)
def test_a_number_is_read_as_people_write_it(number: str) -> None:
    assert parse(number) == number
    assert parse(f" {number.lower()} ") == number
    assert parse(number.replace("-", "")) == number
    assert parse(number.replace("0", "o").replace("1", "l")) == number
    assert find(f"Re: AW: [{number}] your card, {number}!") == [number]


@given(NUMBERS, st.integers(2, 10), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_noticed(number: str, place: int, character: str) -> None:
    wrong = number[:place] + character + number[place + 1 :]
    if wrong != number and number[place] != "-":
        assert parse(wrong) is None


@given(NUMBERS, st.sampled_from([2, 3, 4, 5, 7, 8, 9, 10]), st.sampled_from([2, 3, 4, 5, 7, 8, 9, 10]))
def test_two_exchanged_characters_are_noticed(number: str, one: int, other: int) -> None:
    characters = list(number)
    characters[one], characters[other] = characters[other], characters[one]
    if characters != list(number):
        assert parse("".join(characters)) is None


@pytest.mark.parametrize(
    "text", ["", "R-", "R-12345678", "R-ABCD-EFG!", "X" * 1000, "R-0000-000U", "FRIDAY 2026-11-23"]
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert parse(text) is None
    assert find(text) == []


def test_numbers_have_no_order_that_an_outsider_could_count() -> None:
    made = [new_number() for _ in range(1000)]
    assert len(set(made)) == 1000
    rising = sum(before < after for before, after in pairwise(made))
    assert 400 < rising < 600
