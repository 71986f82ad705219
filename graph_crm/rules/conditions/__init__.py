"""Declarative conditions: each can judge one snapshot and can find, as Cypher, all customers whom it fits."""

from __future__ import annotations

from graph_crm.rules.conditions.base import Condition, Fragment, Needs
from graph_crm.rules.conditions.history import any_did, contacted, did
from graph_crm.rules.conditions.holdings import holds, in_default
from graph_crm.rules.conditions.interest import interested_in
from graph_crm.rules.conditions.logic import can_pass
from graph_crm.rules.conditions.parties import (
    age_between,
    everyone,
    in_segment,
    is_organization,
    is_person,
    lives_in,
    nobody,
    related_to,
)
from graph_crm.rules.conditions.scan import scan

__all__ = [
    "Condition", "Fragment", "Needs", "age_between", "any_did", "can_pass", "contacted", "did", "everyone", "holds",
    "in_default", "in_segment", "interested_in", "is_organization", "is_person", "lives_in", "nobody", "related_to",
    "scan",
]  # fmt: skip
