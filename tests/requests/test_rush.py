"""In a rush customers are told first."""

from __future__ import annotations

from graph_crm.requests.rush import MOST, PAUSE, WINDOW, Rush


def test_mails_to_employees_wait_only_while_many_requests_come() -> None:
    now = 0.0
    rush = Rush(clock=lambda: now)
    for _ in range(MOST):
        rush.came()
    assert rush.pause() is None
    rush.came()
    assert rush.pause() == PAUSE
    now += WINDOW
    assert rush.pause() is None


def test_the_same_number_over_a_longer_time_is_no_rush() -> None:
    now = 0.0
    rush = Rush(clock=lambda: now)
    for _ in range(10 * MOST):
        now += 1.01 * WINDOW / MOST
        rush.came()
        assert rush.pause() is None
