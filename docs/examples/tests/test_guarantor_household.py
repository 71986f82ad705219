"""Example 3: ties between people, without a database and in a real one."""

from __future__ import annotations

from pathlib import Path

from graph_crm.testing import LiveBank, customer, pipeline, plugin

FILE = Path(__file__).parents[1] / "guarantor_household.py"
SHIPPED_RULE = """
from graph_crm.rules import Rule, hookimpl, is_person

@hookimpl
def rules():
    return [Rule(id="loan_for_all", title="t", when=is_person(), offer="SMALL_LOAN", channels=["ONLINE"], reasons="r",
                 on_event="login")]
"""
bench = plugin(FILE)
login = bench.on("2026-06-03T10:00").at("login")

son = customer("son").holds("CASH_LOAN", since="2025-01-01", matures="2028-01-01")
late_son = customer("son").holds("CASH_LOAN", since="2025-01-01", status="IN_ARREARS", status_since="2026-05-01")
wife = customer("wife").holds("MORTGAGE_STD", since="2019-01-01")
father = customer("father").agrees("MARKETING").tied("SPOUSE_OF", wife)
guarantor = father.tied("GUARANTEES", son, since="2025-01-01")


def test_a_guarantor_whose_wife_pays_a_mortgage_is_offered_an_insurance():
    offer = login.expect(guarantor, "LIFE_INSURANCE", rule="guarantor_insurance")
    assert offer.facts[0].numbers == {"own": 1, "guaranteed": 1}
    assert set(offer.facts[0].evidence) == {"wife:agreement:001", "son:agreement:001"}


def test_who_guarantees_nothing_or_owes_nothing_is_not():
    login.reject(father, "LIFE_INSURANCE")
    alone = customer("father").tied("GUARANTEES", son, since="2025-01-01")
    login.reject(alone, "LIFE_INSURANCE")
    over = father.tied("GUARANTEES", son, since="2025-01-01", until="2026-01-01")
    login.reject(over, "LIFE_INSURANCE")
    login.reject(son.tied("GUARANTEES", guarantor, side="to"), "LIFE_INSURANCE")  # the borrower is no guarantor


def test_it_is_shown_online_and_nobody_is_called():
    pipeline(login, guarantor).expect("LIFE_INSURANCE", channel="ONLINE", status="PROPOSED")


def test_a_household_that_answers_for_a_late_loan_gets_no_credit_in_a_real_bank(live_bank: LiveBank, tmp_path: Path):
    other = tmp_path / "loan_for_all.py"
    other.write_text(SHIPPED_RULE)
    late_guarantor = father.tied("GUARANTEES", late_son, since="2025-01-01")
    live_bank.rules(FILE, other).on("2026-06-03T10:00").add(late_guarantor)
    decided = live_bank.event(late_guarantor, "login", channel="ONLINE")
    decided.reject("SMALL_LOAN", gate="suitability", code="GUARANTEED_LOAN_LATE")
    decided.expect("LIFE_INSURANCE", rule="guarantor_insurance")


def test_the_same_household_is_lent_to_while_the_loan_is_paid(live_bank: LiveBank, tmp_path: Path):
    other = tmp_path / "loan_for_all.py"
    other.write_text(SHIPPED_RULE)
    live_bank.rules(FILE, other).on("2026-06-03T10:00").add(guarantor)
    live_bank.event(guarantor, "login", channel="ONLINE").expect("SMALL_LOAN")
