"""What a rule author imports - and only this: conditions, rules, proposals, vetoes, hooks and snapshots.

    from graph_crm.rules import Rule, days, hookimpl, holds

`docs/writing-a-rule.md` shows it in five minutes, `docs/hooks.md` lists every hook.
"""

from __future__ import annotations

from graph_crm.errors import RuleError
from graph_crm.rules.conditions import (
    Condition,
    Needs,
    age_between,
    contacted,
    did,
    everyone,
    holds,
    in_default,
    in_segment,
    interested_in,
    is_organization,
    is_person,
    lives_in,
    nobody,
    related_to,
)
from graph_crm.rules.events import Currency, EventType, LongText, Money, Payload, Text
from graph_crm.rules.hookspecs import hookimpl
from graph_crm.rules.intake import Document, RequestText, Scan
from graph_crm.rules.interest import Look
from graph_crm.rules.limits import ContactLimit
from graph_crm.rules.periods import Period, days, months, weeks, years
from graph_crm.rules.results import Proposal, Rule, Treatment, Veto
from graph_crm.rules.snapshot import Contact, EventFact, Holding, PartyFacts, Related, Snapshot
from graph_crm.rules.verdicts import Reason, Verdict

__all__ = [
    "Condition",
    "Contact",
    "ContactLimit",
    "Currency",
    "Document",
    "EventFact",
    "EventType",
    "Holding",
    "LongText",
    "Look",
    "Money",
    "Needs",
    "PartyFacts",
    "Payload",
    "Period",
    "Proposal",
    "Reason",
    "Related",
    "RequestText",
    "Rule",
    "RuleError",
    "Scan",
    "Snapshot",
    "Text",
    "Treatment",
    "Verdict",
    "Veto",
    "age_between",
    "contacted",
    "days",
    "did",
    "everyone",
    "holds",
    "hookimpl",
    "in_default",
    "in_segment",
    "interested_in",
    "is_organization",
    "is_person",
    "lives_in",
    "months",
    "nobody",
    "related_to",
    "weeks",
    "years",
]  # fmt: skip
