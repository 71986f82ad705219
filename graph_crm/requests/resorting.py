"""What another category changes for a request that somebody works on: who answers for it, and how pressing it is."""

from __future__ import annotations

from collections.abc import Sequence

from graph_crm.requests.desk import Category, Desk
from graph_crm.requests.draft import Draft
from graph_crm.requests.kinds import EntryKind, RequestPriority
from graph_crm.requests.routing import choose
from graph_crm.rules.manager import RuleBook
from graph_crm.staff.kinds import EmployeeRole
from graph_crm.staff.roster import Colleague

_RANKS = tuple(RequestPriority)


def place(
    draft: Draft, wanted: Category, desk: Desk, people: Sequence[Colleague], *, by: str, book: RuleBook | None
) -> None:
    """Give a request to whom its new category wants: another team, or of the same team who has the skill for it.

    It is as pressing as the new category says, and never less than somebody or a missed target made it.
    """
    before, standing = draft.standing.request, draft.standing
    raised = _raised(draft, desk)
    facts = standing.facts(
        desk,
        category=wanted.code,
        kind=wanted.kind.value,
        team=wanted.team,
        skill=wanted.skill,
        priority=wanted.priority.value,
    )
    moves = before["team"] != wanted.team or not standing.owner_here
    choice = choose(facts, people, draft.now, book=book) if moves or _lacks(draft, wanted, people) else None
    if choice is not None and (moves or choice.why in {"SKILL", "RULE"}):
        draft.give(choice, by=by)
    elif draft.value("priority") != wanted.priority:
        draft.set(priority=wanted.priority.value)
    if raised is not None:
        draft.raise_to(raised)


def _raised(draft: Draft, desk: Desk) -> RequestPriority | None:
    """How pressing it was made beyond what its category says; None: it was not."""
    before = draft.standing.request
    own = desk.category(before["category"] or "")
    usual = own.priority if own else RequestPriority.NORMAL
    now = RequestPriority(before["priority"])
    if _RANKS.index(now) > _RANKS.index(usual):
        return now
    escalated = any(one.kind in {EntryKind.ESCALATED, EntryKind.BREACHED} for one in draft.standing.log)
    return RequestPriority.HIGH if escalated else None


def _lacks(draft: Draft, wanted: Category, people: Sequence[Colleague]) -> bool:
    """Whether who answers for it can't do what the category needs; a supervisor has it for another reason."""
    owner = next((one for one in people if one.id == draft.value("ownerId")), None)
    return (
        owner is not None
        and wanted.skill is not None
        and wanted.skill not in owner.skills
        and owner.role is not EmployeeRole.SUPERVISOR
    )
