"""Rest after an answer: a refused product, its family, everything after repeated refusals, "later", no answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from graph_crm.contacts.approach import Approach, Finding
from graph_crm.contacts.policy import ContactPolicy, CoolOff
from graph_crm.rules.snapshot import Answer, Snapshot

GATE = "cool_off"


def cool_off(snapshot: Snapshot, approach: Approach, policy: ContactPolicy) -> Finding:
    """Whether the customer's earlier answers ask for rest; of several rests the one that ends last is told.

    Only promotion is bound, in both directions; a call that nobody answered says nothing to a customer who comes in.
    """
    if not approach.promotional:
        return Finding(True, "NO_COOL_OFF", "it is no promotion: earlier answers don't bind it", gate=GATE)
    rest = policy.cool_off
    refusals = _once(one for one in snapshot.answers if one.outcome == "REJECTED")
    found = [*_refused(refusals, approach, rest), *_repeatedly(refusals, approach, rest)]
    found += [*_later(snapshot, approach, rest), *_ignored(snapshot, approach, rest)]
    if not approach.inbound:
        found += _unanswered(snapshot, approach, rest)
    return max(
        found,
        key=lambda one: one.earliest or approach.at,
        default=Finding(True, "NO_COOL_OFF", "no earlier answer asks for rest", gate=GATE),
    )


def _refused(refusals: Sequence[Answer], approach: Approach, rest: CoolOff) -> Iterator[Finding]:
    for one in refusals:
        if _about(one, approach):
            yield from _rest(approach, one, rest.product_days, "PRODUCT_REFUSED", f"{_what(one)} was refused")
        elif _related(one, approach):
            known = one.family is not None and approach.family is not None
            told = f"{_what(one)}, {'of the same family' if known else 'whose family is not known'}, was refused"
            yield from _rest(approach, one, rest.family_days, "FAMILY_REFUSED", told)


def _repeatedly(refusals: Sequence[Answer], approach: Approach, rest: CoolOff) -> Iterator[Finding]:
    within = dt.timedelta(days=rest.refusals_within_days)
    for last in range(rest.refusals - 1, len(refusals)):
        group = refusals[last - rest.refusals + 1 : last + 1]
        until = group[-1].at + dt.timedelta(days=rest.rest_days)
        if group[-1].at - group[0].at <= within and approach.at < until:
            yield Finding(
                False,
                "REFUSED_REPEATEDLY",
                f"{rest.refusals} refusals within {rest.refusals_within_days:g} days, the last on {_day(group[-1])}: "
                f"no promotion for {rest.rest_days:g} days",
                {
                    "refusals": rest.refusals,
                    "within_days": rest.refusals_within_days,
                    "days": rest.rest_days,
                    "until": until.isoformat(),
                },
                tuple(one.id for one in group),
                until,
                gate=GATE,
            )


def _later(snapshot: Snapshot, approach: Approach, rest: CoolOff) -> Iterator[Finding]:
    for one in _latest(snapshot, approach, "LATER"):
        until = one.call_back_at
        if until is None:
            yield from _rest(approach, one, rest.later_days, "ASKED_LATER", f'"later" was the answer to {_what(one)}')
        elif approach.at < until:
            reason = f"the customer asked on {_day(one)} to be called not before {until.isoformat()}"
            yield Finding(False, "ASKED_LATER", reason, {"until": until.isoformat()}, (one.id,), until, gate=GATE)


def _ignored(snapshot: Snapshot, approach: Approach, rest: CoolOff) -> Iterator[Finding]:
    for one in _latest(snapshot, approach, "IGNORED"):
        yield from _rest(approach, one, rest.ignored_days, "IGNORED", f"{_what(one)} was ignored")


def _unanswered(snapshot: Snapshot, approach: Approach, rest: CoolOff) -> Iterator[Finding]:
    for one in _latest(snapshot, approach, "NO_ANSWER"):
        if one.channel in (None, approach.channel):
            told = f"nobody answered by {approach.channel} about {_what(one)}"
            yield from _rest(approach, one, rest.no_answer_days, "NO_ANSWER", told)


def _latest(snapshot: Snapshot, approach: Approach, outcome: str) -> list[Answer]:
    """The newest answer of this outcome for each product (and channel) that the approach may be about."""
    newest = {
        (one.product, one.channel if outcome == "NO_ANSWER" else None): one
        for one in sorted(snapshot.answers, key=lambda one: one.at)
        if one.outcome == outcome and _about(one, approach)
    }
    return list(newest.values())


def _rest(approach: Approach, answer: Answer, days: float, code: str, told: str) -> Iterator[Finding]:
    until = answer.at + dt.timedelta(days=days)
    if approach.at < until:
        reason = f"{told} on {_day(answer)}: rest for {days:g} days"
        numbers = {"days": days, "until": until.isoformat()}
        yield Finding(False, code, reason, numbers, (answer.id,), until, gate=GATE)


def _about(answer: Answer, approach: Approach) -> bool:
    """Whether the answer was about the product of the approach; one about nobody knows what may have been."""
    return answer.product is None or answer.product == approach.product


def _related(answer: Answer, approach: Approach) -> bool:
    """Whether both products are of one family; a family that is not known may be the same."""
    if approach.product is None:
        return False
    return answer.family is None or approach.family is None or answer.family == approach.family


def _once(answers: Iterator[Answer]) -> list[Answer]:
    """Oldest first; what was said to one offer counts once, however often it was written down."""
    kept: dict[str, Answer] = {}
    for one in sorted(answers, key=lambda one: (one.at, one.id)):
        kept[one.offer_id or one.id] = one
    return sorted(kept.values(), key=lambda one: (one.at, one.id))


def _what(answer: Answer) -> str:
    return answer.product or "an offer"


def _day(answer: Answer) -> str:
    return answer.at.date().isoformat()
