"""Example 1: the rule alone, then through the whole pipeline."""

from __future__ import annotations

from pathlib import Path

from graph_crm.testing import customer, pipeline, plugin

bench = plugin(Path(__file__).parents[1] / "savers_deposit.py")
eva = customer("eva").holds("SAVINGS_ACCOUNT", since="2024-03-01")


def test_a_saver_of_a_year_is_offered_a_deposit():
    bench.on("2025-02-28").reject(eva, "TERM_DEPOSIT")
    offer = bench.on("2025-03-01").expect(eva, "TERM_DEPOSIT")
    assert "365 days" in offer.reasons[0]


def test_one_deposit_is_enough():
    bench.on("2025-06-01").reject(eva.holds("TERM_DEPOSIT", since="2025-03-05"), "TERM_DEPOSIT")


def test_she_is_called_only_when_she_agreed_and_in_the_morning_rather_than_at_night():
    reachable = eva.phone("+420602123456")
    pipeline(bench.on("2025-06-03T08:00"), reachable).reject("TERM_DEPOSIT", gate="consent", code="CONSENT_UNKNOWN")
    agreed = reachable.agrees("MARKETING")
    pipeline(bench.on("2025-06-03T08:00"), agreed).expect("TERM_DEPOSIT", channel="PHONE", status="RESERVED")
    at_night = pipeline(bench.on("2025-06-03T20:00"), agreed).expect("TERM_DEPOSIT", channel="PHONE")
    assert f"{at_night.at:%H:%M}" == "07:00"  # in UTC: nine o'clock in Prague


def test_after_a_refusal_she_is_left_in_peace_for_half_a_year():
    refused = eva.phone().agrees().contacted(on="2025-06-03", outcome="REJECTED", product="TERM_DEPOSIT")
    pipeline(bench.on("2025-10-01T08:00"), refused).reject("TERM_DEPOSIT", gate="cool_off")
    soon = pipeline(bench.on("2025-11-03T08:00"), refused).expect("TERM_DEPOSIT", status="WAITING")
    assert f"{soon.at:%Y-%m-%d}" >= "2025-11-30"
    pipeline(bench.on("2025-12-03T08:00"), refused).expect("TERM_DEPOSIT", status="RESERVED")
