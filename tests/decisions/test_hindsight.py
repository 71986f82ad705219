"""A rule tried on the past: each reason once, and what happened afterwards beside what others did on the same days."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import pytest
from dateutil.relativedelta import relativedelta

from graph_crm.contacts.policy import ContactPolicy
from graph_crm.decisions.authoring.hindsight import Afterwards, Hindsight, Lift, Past, Rates, Step, Window
from graph_crm.decisions.authoring.simulation import Simulator
from graph_crm.decisions.bank import Bank, Terms
from graph_crm.errors import InvalidInput
from graph_crm.graph.database import Database
from graph_crm.importing.berka import import_berka
from graph_crm.products.catalogue import load_catalogue
from graph_crm.resources import folder
from graph_crm.rules.loader import find
from graph_crm.rules.manager import RuleBook

pytestmark = [pytest.mark.long, pytest.mark.lts]

RULE = "loan_to_credit_card"
JANUARY, MARCH = dt.date(2025, 1, 1), dt.date(2025, 3, 2)

BANK = """
UNWIND range(0, 19) AS n
CREATE (p:Party:Person {id: 'p' + right('0' + n, 2), status: 'ACTIVE', displayName: 'P' + n})
CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2020-01-01')}]->(:Agreement {id: 'account' + n,
  productCode: 'CURRENT_ACCOUNT', familyCode: 'CURRENT_ACCOUNT', status: 'ACTIVE', openedOn: date('2020-01-01')})
FOREACH (_ IN CASE WHEN n < 10 THEN [1] ELSE [] END |
  CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2024-09-01')}]->(:Agreement {id: 'loan' + n,
    openedOn: date('2024-09-01'),
    productCode: 'CASH_LOAN', familyCode: 'LOAN', maturesOn: date('2029-01-01'), status: 'ACTIVE',
    statusDates: [date('2024-09-01')] + CASE WHEN n = 9 THEN [date('2025-02-10')] ELSE [] END,
    statusValues: ['ACTIVE'] + CASE WHEN n = 9 THEN ['IN_ARREARS'] ELSE [] END}))
FOREACH (_ IN CASE WHEN n IN [0, 1, 10] THEN [1] ELSE [] END |
  CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2025-01-21')}]->(:Agreement {id: 'card' + n,
    openedOn: date('2025-01-21'),
    productCode: 'CREDIT_CARD', familyCode: 'CARD', status: 'ACTIVE'}))
FOREACH (_ IN CASE WHEN n = 2 THEN [1] ELSE [] END |
  CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2025-03-20')}]->(:Agreement {id: 'gold' + n,
    openedOn: date('2025-03-20'),
    productCode: 'CARD_GOLD', familyCode: 'CARD', status: 'ACTIVE'}))
FOREACH (_ IN CASE WHEN n = 19 THEN [1] ELSE [] END |
  CREATE (p)-[:HOLDS {role: 'OWNER', since: date('2025-06-01')}]->(:Agreement {id: 'last', openedOn: date('2025-06-01'),
    productCode: 'SAVINGS_ACCOUNT', familyCode: 'SAVINGS', status: 'ACTIVE'}))
"""
"""Twenty account holders; the first ten borrowed in September. 0, 1 and 10 take a credit card on 21 January, 2 a gold
one in March, 9 falls into arrears in February; the last that is known is a savings account of June."""


def past(database: Database) -> Past:
    book = RuleBook(find([folder("plugins")], installed=False))
    now = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
    simulator = Simulator(database, Bank(database, book, Terms(ContactPolicy.load())), book, clock=lambda: now)
    return Past(database, simulator, book)


@pytest.fixture
async def bank(empty_database: Database) -> Database:
    await load_catalogue(empty_database)
    await empty_database.execute(BANK)
    return empty_database


async def test_a_customer_counts_on_the_first_day_on_which_the_rule_fits(bank: Database):
    found = await past(bank).replay(RULE, JANUARY, MARCH, step=30)
    assert [one.day for one in found.steps] == [JANUARY, dt.date(2025, 1, 31), MARCH]
    assert [one.found for one in found.steps] == [10, 8, 7]
    assert [one.proposed for one in found.steps] == [10, 0, 0]
    assert (found.proposed, found.customers, found.reachable) == (10, 10, 0)


async def test_what_they_did_within_each_window_beside_the_others_of_the_day(bank: Database):
    found = await past(bank).replay(RULE, JANUARY, JANUARY)
    assert found.known_until == dt.date(2025, 6, 1)
    (step,) = found.steps
    # The window of 180 days ends on 30 June, after the last day that is known.
    assert [one.days for one in step.windows] == [30, 90]
    assert step.windows[0].proposed == Afterwards(customers=10, product=2, family=2, default=0)
    assert step.windows[1].proposed == Afterwards(customers=10, product=2, family=3, default=1)
    assert step.windows[0].others == Afterwards(customers=10, product=1, family=1, default=0)
    (short, long) = found.lifts
    assert (short.proposed.product, short.base.product, short.of("product")) == (0.2, 0.1, 2.0)
    assert (long.proposed.default, long.of("default")) == (0.1, None)


async def test_who_owns_the_product_already_is_no_comparison(bank: Database):
    found = await past(bank).replay(RULE, dt.date(2025, 1, 25), dt.date(2025, 1, 25))
    assert found.steps[0].windows[0].others.customers == 10 - 1  # 10 has a card by then
    assert found.steps[0].windows[0].others.product == 0


async def test_the_past_of_a_step_knows_nothing_of_the_next(bank: Database):
    """Asked about one day or about many that end on it: what is proposed on that day is the same, if it is new."""
    alone = await past(bank).replay(RULE, JANUARY, JANUARY)
    among = await past(bank).replay(RULE, JANUARY, MARCH, step=10)
    assert among.steps[0] == alone.steps[0]


async def test_a_day_without_proposals_has_no_windows(bank: Database):
    found = await past(bank).replay(RULE, dt.date(2024, 10, 1), dt.date(2024, 10, 1))
    assert (found.proposed, found.steps[0].windows, found.lifts) == (0, (), ())


@pytest.mark.parametrize(("first", "last", "step"), [(MARCH, JANUARY, 30), (JANUARY, MARCH, 0)])
async def test_days_that_make_no_sense_are_refused(bank: Database, first: dt.date, last: dt.date, step: int):
    with pytest.raises(InvalidInput):
        await past(bank).replay(RULE, first, last, step=step)


def test_the_base_counts_each_day_as_often_as_there_were_proposals_on_it():
    def step(day: int, proposed: int, share: int) -> Step:
        window = Window(30, Afterwards(proposed, proposed // 2, 0, 0), Afterwards(100, share, 0, 0))
        return Step(dt.date(2025, 1, day), proposed, proposed, 0, (window,))

    found = Hindsight(
        rule="r", title="t", product="P", family="F", version="1", first=JANUARY, last=MARCH, step=1,
        known_until=MARCH, steps=(step(1, 30, 10), step(2, 10, 50)), stopped={}, customers=40,
    )  # fmt: skip
    assert found.lifts == (Lift(30, 40, Rates(0.5, 0.0, 0.0), Rates((30 * 0.1 + 10 * 0.5) / 40, 0.0, 0.0)),)
    assert found.lifts[0].of("product") == pytest.approx(2.5)


# A real bank: what the rule would have proposed, counted by a path of its own from the raw files.


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as text:
        return list(csv.DictReader(text, delimiter=";"))


def day(text: str) -> dt.date:
    return dt.date(1900 + int(text[:2]), int(text[2:4]), int(text[4:6]))


def cards_after(data: Path, first: dt.date, last: dt.date, step: int, known: dt.date) -> tuple[list[int], int]:
    """From the raw files: borrowers without a card who come into reach on each day, and who took one in 180 days.

    The second is counted only where the 180 days end on the day ``known`` or before.
    """
    dispositions = {row["disp_id"]: row for row in rows(data / "disp.asc")}
    owners = {row["account_id"]: row["client_id"] for row in dispositions.values() if row["type"] == "OWNER"}
    cards = {dispositions[row["disp_id"]]["client_id"]: day(row["issued"]) for row in rows(data / "card.asc")}
    counts, seen, opened = [], set(), 0
    on = first
    while on <= last:
        fresh = 0
        for loan in rows(data / "loan.asc"):
            granted, owner = day(loan["date"]), owners[loan["account_id"]]
            runs = granted + relativedelta(months=int(loan["duration"])) > on
            good = loan["status"] not in ("B", "D")
            if granted + dt.timedelta(days=90) <= on and runs and good and cards.get(owner, dt.date.max) > on:
                fresh += owner not in seen
                end = on + dt.timedelta(days=180)
                opened += owner not in seen and end <= known and cards.get(owner, dt.date.max) <= end
                seen.add(owner)
        counts.append(fresh)
        on += dt.timedelta(days=step)
    return counts, opened


async def test_on_the_berka_bank_it_agrees_with_the_raw_files(
    empty_database: Database, shared_data: Path, tmp_path: Path
):
    await import_berka(empty_database, shared_data / "berka", reject_path=tmp_path / "rejects.jsonl")
    first, last = dt.date(1996, 1, 1), dt.date(1998, 12, 31)
    found = await past(empty_database).replay(RULE, first, last)
    counts, opened = cards_after(shared_data / "berka", first, last, 30, found.known_until)
    assert [one.proposed for one in found.steps] == counts
    longest = [one.proposed for step in found.steps for one in step.windows if one.days == 180]
    assert sum(one.family for one in longest) == opened > 0
    assert dt.date(1998, 6, 1) < found.known_until <= last
    assert found.reachable == 0  # no consent was recorded in that bank
    # What docs/simulating.md says of it.
    assert found.customers == 492
    lift = found.lifts[-1]
    assert (round(lift.proposed.family, 3), round(lift.base.family, 3)) == (0.063, 0.027)
    assert round(lift.of("family") or 0, 1) == 2.3
