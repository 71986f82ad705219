"""What is decided is counted, mode by mode, by whatever way it is decided."""

from __future__ import annotations

import pytest

from graph_crm.resources import folder
from graph_crm.testing import LiveBank, customer

pytestmark = pytest.mark.lts

LIFECYCLE = folder("plugins") / "lifecycle_cross_sell.py"
ATM = folder("plugins") / "atm_balance_loan.py"
MORNING = "2026-06-03T10:00"
ANNA = (
    customer("anna")
    .holds("CASH_LOAN", since="2026-01-05", matures="2029-01-05")
    .holds("CURRENT_ACCOUNT", since="2020-01-01")
    .phone()
    .agrees()
)


def test_an_event_advice_and_a_scan_are_counted(live_bank: LiveBank):
    live_bank.rules(ATM, LIFECYCLE).on(MORNING).add(ANNA)
    live_bank.event(ANNA, "atm_balance_check")
    assert live_bank.counters("atm_balance_loan").proposed == 1
    live_bank.advise(ANNA, "ONLINE")
    live_bank.scan()
    counters = live_bank.counters("loan_to_credit_card")
    assert (counters.proposed, counters.offers) == (2, 2)


def test_why_a_proposal_was_stopped_is_counted(live_bank: LiveBank):
    live_bank.rules(ATM).on(MORNING).add(ANNA.complained(on="2026-06-01"))
    live_bank.event(ANNA, "atm_balance_check").reject("SMALL_LOAN")
    counters = live_bank.counters("atm_balance_loan")
    assert (counters.proposed, counters.offers) == (1, 0)
    assert counters.stopped == {("suppression", "COMPLAINT_OPEN"): 1}


def test_a_rule_that_was_switched_into_shadow_counts_what_it_would_have_done(live_bank: LiveBank):
    live_bank.rules(ATM).on(MORNING).add(ANNA)
    live_bank.cypher("CREATE (:RuleMode {rule: 'atm_balance_loan', mode: 'SHADOW'})")
    live_bank.event(ANNA, "atm_balance_check").reject("SMALL_LOAN", gate="arbitration", code="SHADOW")
    assert live_bank.counters("atm_balance_loan").proposed == 0
    in_shadow = live_bank.counters("atm_balance_loan", "shadow")
    assert (in_shadow.evaluated, in_shadow.proposed, in_shadow.offers) == (1, 1, 1)
