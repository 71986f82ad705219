"""What the shipped rules offer, and whom they leave in peace."""

from __future__ import annotations

import pytest

from graph_crm.resources import folder
from graph_crm.rules.testing import customer, plugin

lifecycle = plugin(folder("plugins") / "lifecycle_cross_sell.py")
atm = plugin(folder("plugins") / "atm_balance_loan.py")

BORROWER = customer().holds("CASH_LOAN", since="2024-01-10", matures="2026-01-10")
CLIENT = BORROWER.holds("CURRENT_ACCOUNT", since="2020-01-01")


def test_a_borrower_of_90_days_without_an_account_is_offered_one():
    lifecycle.on("2024-04-08").reject(BORROWER, "CURRENT_ACCOUNT")
    lifecycle.on("2024-04-09").expect(BORROWER, "CURRENT_ACCOUNT", rule="loan_to_current_account")
    lifecycle.on("2024-04-09").reject(CLIENT, "CURRENT_ACCOUNT")


def test_a_borrower_with_an_account_and_no_card_is_offered_a_credit_card_while_the_loan_runs():
    offer = lifecycle.on("2024-04-09").expect(CLIENT, "CREDIT_CARD", rule="loan_to_credit_card")
    assert "90 days" in offer.reasons[0]
    lifecycle.on("2026-01-09").expect(CLIENT, "CREDIT_CARD")
    lifecycle.on("2026-01-10").reject(CLIENT, "CREDIT_CARD")
    lifecycle.on("2024-04-09").reject(BORROWER, "CREDIT_CARD")


@pytest.mark.parametrize("role", ["OWNER", "CARDHOLDER"])
def test_whoever_has_any_card_is_not_offered_another(role: str):
    lifecycle.on("2024-06-01").reject(CLIENT.holds("CARD_GOLD", since="2022-01-01", role=role), "CREDIT_CARD")


@pytest.mark.parametrize("status", ["IN_ARREARS", "DEFAULTED"])
def test_nobody_with_a_loan_in_default_is_approached(status: str):
    late = CLIENT.holds("SMALL_LOAN", since="2023-01-01", status=status, status_since="2024-05-01")
    lifecycle.on("2024-04-30").expect(late, "CREDIT_CARD")
    lifecycle.on("2024-05-01").reject(late, "CREDIT_CARD")
    cardholder = late.holds("CARD_GOLD", since="2022-01-01")
    lifecycle.on("2024-05-01").reject(cardholder, "SMS_INFO")


def test_a_guarantor_of_a_loan_is_no_borrower():
    guarantor = customer().holds("CASH_LOAN", since="2024-01-10", role="GUARANTOR")
    lifecycle.on("2024-06-01").reject(guarantor, "CURRENT_ACCOUNT")


def test_a_saver_is_offered_a_card_and_a_cardholder_sms_informing():
    saver = customer().holds("TERM_DEPOSIT", since="2024-01-10")
    lifecycle.on("2024-06-01").expect(saver, "CARD_CLASSIC", rule="deposit_to_card")
    cardholder = saver.holds("CARD_CLASSIC", since="2024-06-02")
    lifecycle.on("2024-06-02").reject(cardholder, "CARD_CLASSIC")
    lifecycle.on("2024-06-02").expect(cardholder, "SMS_INFO", rule="card_to_sms_info")
    lifecycle.on("2024-06-04").reject(cardholder.holds("SMS_INFO", since="2024-06-03"), "SMS_INFO")


def test_a_balance_check_at_an_atm_leads_to_a_small_loan_by_phone_or_on_the_next_screen():
    anna = customer().holds("CURRENT_ACCOUNT", since="2020-01-01")
    offer = atm.on("2024-06-01").at("atm_balance_check", balance="120.00").expect(anna, "SMALL_LOAN")
    assert set(offer.channels) == {"ATM", "PHONE"}
    atm.on("2024-06-01").reject(anna, "SMALL_LOAN")
    atm.on("2024-06-01").at("login").reject(anna, "SMALL_LOAN")
    indebted = anna.holds("SMALL_LOAN", since="2024-01-01")
    atm.on("2024-06-01").at("atm_balance_check").reject(indebted, "SMALL_LOAN")


def test_a_failed_expectation_says_what_every_rule_thought():
    with pytest.raises(AssertionError) as raised:
        lifecycle.on("2024-02-01").expect(CLIENT, "CREDIT_CARD")
    assert "offered: nothing" in str(raised.value)
    assert "loan_to_credit_card: no: holds no LOAN as OWNER for 90 days or more" in str(raised.value)


def test_the_rules_speak_to_people_only():
    company = customer(company=True).holds("CASH_LOAN", since="2024-01-10", matures="2026-01-10")
    company = company.holds("TERM_DEPOSIT", since="2024-01-10")
    for who in (
        company,
        company.holds("CURRENT_ACCOUNT", since="2020-01-01"),
        company.holds("CARD_GOLD", since="2024-01-10"),
    ):
        assert lifecycle.on("2024-06-01").offers(who) == []
