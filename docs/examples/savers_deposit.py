"""Example 1, declarative: a term deposit for those who have saved with us for a year and lock nothing away yet.

The rule waits for no event: it is found by scans. `graph-crm rules simulate savers_deposit` tells whom it would reach.
"""

from __future__ import annotations

from graph_crm.rules import Rule, holds, hookimpl, in_default, is_person, months


@hookimpl
def rules() -> list[Rule]:
    """One rule."""
    return [
        Rule(
            id="savers_deposit",
            title="A term deposit for faithful savers",
            when=(
                is_person()
                & holds(family="SAVINGS", role="OWNER", for_at_least=months(12))
                & ~holds(family="DEPOSIT")
                & ~in_default()
            ),
            offer="TERM_DEPOSIT",
            channels=["PHONE", "ONLINE"],
            reasons="You have saved with us for {days_held} days: a term deposit pays more for what can wait.",
            priority=120,
        ),
    ]
