"""Whoever looks at the balance at an ATM may be short of money: a small loan, by phone or on the next ATM screen."""

from __future__ import annotations

from graph_crm.rules import Rule, holds, hookimpl, in_default, is_person


@hookimpl
def rules() -> list[Rule]:
    """One rule, asked when the event comes."""
    return [
        Rule(
            id="atm_balance_loan",
            title="A small loan after a balance check at an ATM",
            on_event="atm_balance_check",
            when=is_person() & holds(family="CURRENT_ACCOUNT") & ~holds("SMALL_LOAN") & ~in_default(),
            offer="SMALL_LOAN",
            channels=["ATM", "PHONE"],
            reasons="You checked your balance at an ATM: a small loan can bridge the days until the next income.",
            translations={
                "pl": "Sprawdzono saldo w bankomacie: mała pożyczka pomoże przetrwać dni do najbliższego wpływu.",
            },
            priority=150,
        ),
    ]
