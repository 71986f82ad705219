"""Example 4, interest: who keeps coming back to the page of the term deposit is told what it pays.

A look fades: half of it is left after 30 days. Two looks of today are a score of 2, four of last month as well. The
decision is made at a login, so that the offer waits on the screen; whoever holds a deposit knows it already.
"""

from __future__ import annotations

from graph_crm.rules import Rule, days, holds, hookimpl, in_default, interested_in, is_person


@hookimpl
def rules() -> list[Rule]:
    """One rule for whoever looks again and again, one for whoever looks at anything that saves."""
    return [
        Rule(
            id="deposit_page",
            title="A term deposit for who keeps looking at it",
            on_event="login",
            when=is_person() & interested_in("TERM_DEPOSIT", at_least=2.0) & ~holds(family="DEPOSIT") & ~in_default(),
            offer="TERM_DEPOSIT",
            channels=["PHONE", "ONLINE"],
            reasons="You have looked at our term deposit more than once: shall we tell you what it would pay?",
            priority=220,
        ),
        Rule(
            id="saving_pages",
            title="A savings account for who looks at saving",
            on_event="login",
            when=(
                is_person()
                & interested_in(family="SAVINGS", at_least=3.0, half_life=days(14))
                & ~holds(family="SAVINGS")
                & ~in_default()
            ),
            offer="SAVINGS_ACCOUNT",
            channels=["ONLINE"],
            reasons="You have looked at our savings: a savings account is opened in two minutes.",
            priority=120,
        ),
    ]
