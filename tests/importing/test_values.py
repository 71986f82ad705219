from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_crm.importing.keys import KeyIndex
from graph_crm.importing.values import RowProblem, birth_number, hundredths, instant, integer, short_date

DAYS = st.dates(date(1900, 1, 1), date(1999, 12, 31))


@given(st.integers(-(10**15), 10**15))
def test_money_written_with_two_decimals_is_read_back(cents: int) -> None:
    sign = "-" if cents < 0 else ""
    assert hundredths(f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}", "amount") == cents


@pytest.mark.parametrize("text", ["", "1,5", "1.234", "nan", "1e5", "٣", "--1", "1.", ".5", " 1", "0x1"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(RowProblem, match="amount"):
        hundredths(text, "amount")


def test_trailing_zeros_beyond_two_decimals_lose_nothing() -> None:
    assert hundredths("12.500000", "amount") == 1250


@given(DAYS, st.booleans())
def test_a_birth_number_holds_birth_date_and_sex(born: date, woman: bool) -> None:  # noqa: FBT001 - a drawn value
    text = f"{born:%y}{born.month + (50 if woman else 0):02d}{born:%d}"
    assert birth_number(text, "birth_number") == (born, "FEMALE" if woman else "MALE")


@given(DAYS)
def test_a_short_date_is_read_back(day: date) -> None:
    assert short_date(f"{day:%y%m%d}", "date") == day


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00", "2024-02-30", "noon"])
def test_an_instant_outside_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(RowProblem, match=r"^at: "):
        instant(text, "at")


@given(st.text(max_size=12))
def test_any_text_is_a_number_or_a_clear_refusal(text: str) -> None:
    if text.isascii() and text.isdigit():
        assert integer(text, "key") == int(text)
    elif not text.startswith(("+", "-")):
        with pytest.raises(RowProblem, match=r"^key: "):
            integer(text, "key")


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), max_size=30))
def test_the_first_content_of_a_key_is_the_one_that_counts(rows: list[tuple[int, int]]) -> None:
    first: dict[int, int] = {}
    with KeyIndex() as keys:
        for key, content in rows:
            expected = "new" if key not in first else "same" if first[key] == content else "other"
            first.setdefault(key, content)
            assert keys.claim("space", str(key), str(content)) == expected
            assert keys.claim("another space", f"{key}:{content}", "") in {"new", "same"}
