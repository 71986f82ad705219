"""The life of an offer as a table: what each answer does to it, in whatever order answers are told."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_crm.decisions.kinds import OfferStatus, ResponseOutcome
from graph_crm.decisions.offers.states import ANSWERS, FINAL, OPEN, UNTOLD, Standing, Step, step

NOON = dt.datetime(2026, 11, 23, 11, 0, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)

statuses = st.sampled_from(sorted(OfferStatus))
outcomes = st.sampled_from(sorted(ResponseOutcome))
instants = st.integers(-5, 5).map(lambda hours: NOON + hours * HOUR)
stands = st.builds(Standing, statuses, instants, st.booleans())


def after(standing: Standing, outcome: ResponseOutcome, at: dt.datetime) -> Standing:
    """Where the offer stands once the answer is told."""
    moved = step(standing, outcome, at)
    if moved is Step.MOVES:
        return Standing(OfferStatus(outcome), at, contacted=True)
    return Standing(standing.status, standing.since, contacted=standing.contacted or moved is Step.STAYS)


@pytest.mark.parametrize(
    ("status", "outcome", "hours", "expected"),
    [
        ("PROPOSED", "PRESENTED", 0, Step.MOVES),
        ("WAITING", "PRESENTED", -1, Step.MOVES),
        ("RESERVED", "NO_ANSWER", 0, Step.MOVES),
        ("PRESENTED", "PRESENTED", 1, Step.MOVES),
        ("PRESENTED", "CLICKED", 0, Step.MOVES),
        ("CLICKED", "PRESENTED", 1, Step.STAYS),
        ("CLICKED", "ACCEPTED", 1, Step.MOVES),
        ("NO_ANSWER", "PRESENTED", 1, Step.MOVES),
        ("LATER", "REJECTED", 1, Step.MOVES),
        ("LATER", "PRESENTED", -1, Step.STAYS),
        ("IGNORED", "ACCEPTED", 1, Step.MOVES),
        ("ACCEPTED", "ACCEPTED", 1, Step.KNOWN),
        ("ACCEPTED", "REJECTED", 1, Step.CONTRADICTS),
        ("ACCEPTED", "PRESENTED", -1, Step.STAYS),
        ("ACCEPTED", "PRESENTED", 1, Step.ENDED),
        ("REJECTED", "REJECTED", -1, Step.KNOWN),
        ("REJECTED", "ACCEPTED", 1, Step.CONTRADICTS),
        ("REJECTED", "LATER", 1, Step.ENDED),
        ("EXPIRED", "REJECTED", 1, Step.MOVES),
        ("EXPIRED", "ACCEPTED", -1, Step.MOVES),
        ("EXPIRED", "ACCEPTED", 1, Step.ENDED),
        ("EXPIRED", "LATER", 1, Step.ENDED),
        ("CANCELLED", "REJECTED", 1, Step.MOVES),
        ("CANCELLED", "ACCEPTED", 1, Step.ENDED),
        ("CANCELLED", "PRESENTED", 1, Step.ENDED),
        ("CANCELLED", "PRESENTED", -1, Step.STAYS),
    ],
)
def test_the_table(status: str, outcome: str, hours: int, expected: Step) -> None:
    standing = Standing(OfferStatus(status), NOON)
    assert step(standing, ResponseOutcome(outcome), NOON + hours * HOUR) is expected


@pytest.mark.parametrize("status", ["EXPIRED", "CANCELLED"])
def test_a_late_yes_to_what_the_bank_had_asked_is_a_yes(status: str) -> None:
    asked = Standing(OfferStatus(status), NOON, contacted=True)
    assert step(asked, ResponseOutcome.ACCEPTED, NOON + HOUR) is Step.MOVES


@given(stands, outcomes, instants)
def test_an_answer_of_the_customer_is_never_taken_back(standing: Standing, outcome: ResponseOutcome, at: dt.datetime):
    if standing.status in ANSWERS:
        assert after(standing, outcome, at).status is standing.status


@given(stands, outcomes, instants)
def test_what_ended_is_moved_by_a_yes_or_a_no_only(standing: Standing, outcome: ResponseOutcome, at: dt.datetime):
    if standing.status in FINAL and step(standing, outcome, at) is Step.MOVES:
        assert standing.status not in ANSWERS
        assert OfferStatus(outcome) in ANSWERS


@given(stands, instants)
def test_a_refusal_is_recorded_unless_the_customer_said_yes(standing: Standing, at: dt.datetime):
    refused = step(standing, ResponseOutcome.REJECTED, at)
    assert (refused in {Step.MOVES, Step.KNOWN}) is (standing.status is not OfferStatus.ACCEPTED)


@given(stands, outcomes, instants)
def test_an_open_offer_takes_every_answer(standing: Standing, outcome: ResponseOutcome, at: dt.datetime):
    if standing.status in OPEN:
        assert step(standing, outcome, at) in {Step.MOVES, Step.STAYS}


@given(stands, outcomes, instants)
def test_the_same_answer_again_is_harmless(standing: Standing, outcome: ResponseOutcome, at: dt.datetime):
    once = after(standing, outcome, at)
    assert after(once, outcome, at).status is once.status


@given(stands, outcomes, instants)
def test_nothing_leads_back_to_before_the_customer_was_heard(
    standing: Standing, outcome: ResponseOutcome, at: dt.datetime
):
    assert standing.status in UNTOLD or after(standing, outcome, at).status not in UNTOLD


@given(st.lists(st.tuples(outcomes, instants), max_size=8), st.randoms(use_true_random=False))
def test_what_is_told_in_another_order_ends_the_same(told, chance):
    """Where no two answers share an instant and there is one final answer at most."""
    by_instant = {at: outcome for outcome, at in told}
    finals = [at for at, outcome in by_instant.items() if OfferStatus(outcome) in ANSWERS]
    for at in finals[1:]:
        del by_instant[at]
    if finals:
        by_instant = {at: outcome for at, outcome in by_instant.items() if at <= finals[0]}
    # A click is not undone by a look, which depends on what came between: leave one of both.
    if ResponseOutcome.CLICKED in by_instant.values():
        by_instant = {at: one for at, one in by_instant.items() if one is not ResponseOutcome.PRESENTED}

    def ended(order) -> OfferStatus:
        standing = Standing(OfferStatus.PROPOSED)
        for at, outcome in order:
            standing = after(standing, outcome, at)
        return standing.status

    in_order = sorted(by_instant.items())
    shuffled = list(in_order)
    chance.shuffle(shuffled)
    assert ended(shuffled) is ended(in_order)


# The page that explains it

PAGE = (Path(__file__).parents[2] / "docs" / "offers.md").read_text("utf-8")
WORDS = {
    "moves": Step.MOVES,
    "recorded": Step.STAYS,
    "known": Step.KNOWN,
    "`OFFER_ANSWERED`": Step.CONTRADICTS,
    "`OFFER_ENDED`": Step.ENDED,
}


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def test_the_table_of_the_page_is_what_happens() -> None:
    head, _, *rows = [line for line in PAGE.partition("## What follows what")[2].splitlines() if line.startswith("|")]
    checked = set()
    for row in rows:
        names, *said = cells(row)
        for status in map(OfferStatus, names.split(", ")):
            for column, words in zip(cells(head)[1:], said, strict=True):
                earlier, _, later = words.partition(" / ")
                for outcome in map(ResponseOutcome, column.split(", ")):
                    standing = Standing(status, NOON)
                    shown_again = (status, outcome) == (OfferStatus.CLICKED, ResponseOutcome.PRESENTED)
                    after_it = Step.STAYS if shown_again else WORDS[later or earlier]
                    assert step(standing, outcome, NOON - HOUR) is WORDS[earlier]
                    assert step(standing, outcome, NOON + HOUR) is after_it
                    checked.add((status, outcome))
    assert len(checked) == len(OfferStatus) * len(ResponseOutcome)


def test_the_picture_of_the_page_shows_ways_that_there_are() -> None:
    ways = re.findall(r"^ +(\w+) --> (\w+)$", PAGE, flags=re.MULTILINE)
    assert {name for way in ways for name in way} <= set(OfferStatus)
    for start, end in ways:
        assert OfferStatus(start) not in FINAL
        if end in set(ResponseOutcome):
            assert step(Standing(OfferStatus(start), NOON), ResponseOutcome(end), NOON + HOUR) is Step.MOVES
