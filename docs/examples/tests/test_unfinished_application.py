"""Example 2: an event, a limit of the plugin's own, and the same in a real bank."""

from __future__ import annotations

from pathlib import Path

from graph_crm.testing import LiveBank, customer, pipeline, plugin

FILE = Path(__file__).parents[1] / "unfinished_application.py"
bench = plugin(FILE)
petr = (
    customer("petr")
    .holds("CURRENT_ACCOUNT", since="2020-01-01")
    .phone("+420602123456")
    .agrees("MARKETING")
    .did("application_abandoned", on="2026-06-01T18:00")
)


def test_who_comes_back_within_three_days_is_helped():
    bench.on("2026-06-03T10:00").at("login").expect(petr, "CASH_LOAN")
    bench.on("2026-06-05T10:00").at("login").reject(petr, "CASH_LOAN")
    bench.on("2026-06-03T10:00").reject(petr, "CASH_LOAN")  # without a login nobody asks


def test_a_message_a_week_is_enough():
    login = bench.on("2026-06-03T10:00").at("login")
    pipeline(login, petr).expect("CASH_LOAN", channel="SMS")
    written = petr.contacted(on="2026-05-29T10:00", channel="SMS")
    later = pipeline(login, written).expect("CASH_LOAN", channel="SMS", status="WAITING")
    assert later.at is not None
    assert f"{later.at:%Y-%m-%d}" >= "2026-06-05"


def test_on_the_screen_of_the_online_bank_no_limit_binds_but_a_refusal_does():
    login = bench.on("2026-06-03T10:00").at("login")
    pipeline(login, petr.contacted(on="2026-06-02", channel="SMS"), channel="ONLINE").expect("CASH_LOAN")
    refused = petr.answered("REJECTED", "CASH_LOAN", on="2026-05-20")
    pipeline(login, refused, channel="ONLINE").reject("CASH_LOAN", gate="cool_off")


def test_in_a_real_bank_one_login_makes_one_offer(live_bank: LiveBank):
    live_bank.rules(FILE).on("2026-06-03T10:00").add(petr)
    offer = live_bank.event(petr, "login", channel="ONLINE").expect("CASH_LOAN", channel="SMS", status="RESERVED")
    assert offer.rule == "unfinished_application"
    assert live_bank.work() == 0  # nothing is left to do
    again = live_bank.on("2026-06-03T12:00").event(petr, "login")
    again.reject("CASH_LOAN", code="OFFERED_ALREADY")
