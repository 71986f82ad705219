"""Example 4: interest that grows with looks and fades with time, and the same in a real bank."""

from __future__ import annotations

from pathlib import Path

from graph_crm.testing import LiveBank, customer, plugin

FILE = Path(__file__).parents[1] / "deposit_page.py"
bench = plugin(FILE)
jana = customer("jana").holds("CURRENT_ACCOUNT", since="2020-01-01").phone("+420602123456").agrees("MARKETING")


def test_two_looks_of_today_are_enough_and_one_is_not():
    login = bench.on("2026-06-03T20:00").at("login")
    login.reject(jana.looked_at("TERM_DEPOSIT", on="2026-06-03T19:59"), "TERM_DEPOSIT")
    login.expect(jana.looked_at("TERM_DEPOSIT", on="2026-06-03T20:00", times=2), "TERM_DEPOSIT", rule="deposit_page")
    login.reject(jana.looked_at("CREDIT_CARD", on="2026-06-03T19:59", times=9), "TERM_DEPOSIT")


def test_a_look_fades_to_half_in_thirty_days():
    looked = jana.looked_at("TERM_DEPOSIT", on="2026-05-04T20:00", times=4)
    bench.on("2026-06-03T20:00").at("login").expect(looked, "TERM_DEPOSIT")
    bench.on("2026-06-03T20:01").at("login").reject(looked, "TERM_DEPOSIT")


def test_an_application_counts_more_than_a_look_and_a_whole_family_counts_together():
    begun = jana.did("application_started", on="2026-06-03T10:00", productCode="TERM_DEPOSIT")
    bench.on("2026-06-03T20:00").at("login").expect(begun, "TERM_DEPOSIT")
    looked = jana.looked_at("SAVINGS_ACCOUNT", on="2026-06-03T20:00", times=3)
    bench.on("2026-06-03T20:00").at("login").expect(looked, "SAVINGS_ACCOUNT", rule="saving_pages")


def test_in_a_real_bank_the_looks_are_counted_with_the_events(live_bank: LiveBank):
    live_bank.rules(FILE).on("2026-06-03T10:00").add(jana.looked_at("TERM_DEPOSIT", on="2026-06-02T09:00"))
    live_bank.event(jana, "login", channel="ONLINE").reject("TERM_DEPOSIT")
    live_bank.on("2026-06-03T11:00").record(jana, "product_page_view", productCode="TERM_DEPOSIT")
    live_bank.record(jana, "product_page_view", productCode="TERM_DEPOSIT")
    offer = live_bank.on("2026-06-03T12:00").event(jana, "login", channel="ONLINE").expect("TERM_DEPOSIT")
    assert offer.rule == "deposit_page"
