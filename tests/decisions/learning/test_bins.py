"""The grid that values are counted in: laid down once, the same for every bank."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from graph_crm.decisions.learning.bins import bin_of, binned

numbers = st.floats(min_value=1e-6, max_value=1e12)


def test_small_counts_have_a_bin_each_and_large_numbers_share_wide_ones():
    assert len({bin_of(count) for count in range(9)}) == 9
    assert bin_of(50_000) == bin_of(47_000)
    assert bin_of(50_000) != bin_of(60_000)


def test_a_bin_says_its_ends():
    assert bin_of(4) == "4..4.76"
    assert bin_of(-4) == "-4.76..-4"
    assert bin_of(0) == "0"
    assert bin_of(0.0) == "0"


def test_words_and_truths_are_bins_of_their_own():
    assert bin_of("RETAIL") == "RETAIL"
    assert bin_of(True) == "yes"
    assert bin_of(1) == "1..1.19"
    assert bin_of(False) == "no"


def test_what_says_nothing_has_no_bin():
    assert binned({"segment": "", "age": math.nan, "balance": math.inf, "kind": "PERSON"}) == {"kind": "PERSON"}


def test_a_text_is_cut_so_that_no_key_grows_without_bound():
    assert len(bin_of("x" * 5000) or "") == 60


@given(numbers)
def test_every_number_lies_between_the_ends_of_its_bin(value):
    near, far = map(float, (bin_of(value) or "").split(".."))
    assert near * 0.995 <= value <= far * 1.005
    assert far / near < 1.21


@given(numbers, numbers)
def test_the_grid_keeps_order_and_mirrors_at_zero(one, other):
    low, high = sorted((one, other))
    assert float((bin_of(low) or "").split("..")[0]) <= float((bin_of(high) or "").split("..")[0])
    assert (bin_of(one) == bin_of(other)) == (bin_of(-one) == bin_of(-other))
