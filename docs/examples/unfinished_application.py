"""Example 2, at an event: whoever comes back within three days after leaving an application gets help, once a week.

The plugin brings a limit of its own: plugins can only add to the bank's contact policy, never take from it.
"""

from __future__ import annotations

from graph_crm.rules import ContactLimit, Rule, days, did, holds, hookimpl, in_default, is_person


@hookimpl
def rules() -> list[Rule]:
    """One rule, asked at every login."""
    return [
        Rule(
            id="unfinished_application",
            title="Help with an unfinished application",
            on_event="login",
            when=is_person() & did("application_abandoned", within=days(3)) & ~holds("CASH_LOAN") & ~in_default(),
            offer="CASH_LOAN",
            channels=["SMS", "ONLINE"],
            reasons="You began to apply for a loan: shall we finish it together?",
            priority=250,
        ),
    ]


@hookimpl
def contact_limits() -> list[ContactLimit]:
    """No more than one promotional message by SMS a week, whatever sends it."""
    return [ContactLimit(name="one_sms_a_week", count=1, days=7, channels=("SMS",))]
