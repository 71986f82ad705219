"""Does the customer's situation forbid it: a complaint, arrears, collections, special care, death, a blocked point."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import chain

from graph_crm.contacts.approach import POINT_KIND, Approach, Finding, meant_points
from graph_crm.contacts.policy import COLLECTIONS, COMPLAINT, COMPLAINT_CLOSED, ContactPolicy
from graph_crm.rules.conditions import in_default
from graph_crm.rules.snapshot import EventFact, Snapshot

GATE = "suppression"
MERGING = dt.timedelta(minutes=5)
"""After so long it is looked again whether two customers are one by now."""
SERIOUS = ("hardship", "dispute", "vulnerable")
"""What a contact of collections may have told that asks for a longer rest; the names of its payload."""


def suppression(snapshot: Snapshot, approach: Approach, policy: ContactPolicy) -> Finding:
    """Whether the customer's situation forbids the approach.

    A complaint, arrears, collections and special care stop promotion; death, the end of the relationship, a blocked
    customer and a blocked contact point stop everything but what the law demands. Of several reasons the one that
    lasts longest is told; one whose end is not foreseeable comes first.
    """
    if approach.mandatory:
        return Finding(True, "MANDATORY", "the law demands it: nothing stops it", gate=GATE)
    found = [*_party(snapshot), *_point(snapshot, approach), *_merging(snapshot, approach)]
    if approach.promotional:
        found += [*_care(snapshot, policy), *_arrears(snapshot, policy), *_complaints(snapshot, approach, policy)]
        found += _collections(snapshot, approach, policy)
    if not found:
        return Finding(True, "NOT_SUPPRESSED", "nothing in the customer's situation forbids it", gate=GATE)
    endless = [one for one in found if one.earliest is None]
    return endless[0] if endless else max(found, key=lambda one: one.earliest or approach.at)


def closed(snapshot: Snapshot, approach: Approach) -> Finding | None:
    """What stops everything but what the law demands: who the customer is by now, and the contact point."""
    return None if approach.mandatory else next(chain(_party(snapshot), _point(snapshot, approach)), None)


def _party(snapshot: Snapshot) -> Iterator[Finding]:
    party = snapshot.party
    if party.died is not None:
        yield _no("DECEASED", f"the customer died on {party.died}", party.id)
    if party.status == "ENDED":
        yield _no("PARTY_ENDED", "the bank no longer deals with the customer", party.id)
    if party.blocked:
        yield _no("PARTY_BLOCKED", "the customer is blocked", party.id)
    if party.restricted:
        yield _no("PARTY_RESTRICTED", "the customer's data are only kept: nothing may be done with them", party.id)


def _merging(snapshot: Snapshot, approach: Approach) -> Iterator[Finding]:
    """A past that is still being put together can't be judged; it is soon."""
    if snapshot.party.merging:
        at = snapshot.now + MERGING
        if approach.at < at:
            told = "the customer is just being made one with another"
            yield Finding(False, "PARTY_MERGING", told, evidence=(snapshot.id,), earliest=at, gate=GATE)


def _point(snapshot: Snapshot, approach: Approach) -> Iterator[Finding]:
    """A channel of the bank's own needs no point; what the customer began came over one that works."""
    if approach.inbound or approach.channel not in POINT_KIND:
        return
    meant = meant_points(snapshot, approach)
    if not meant:
        yield _no("NO_CONTACT_POINT", f"the customer has no contact point for {approach.channel}", snapshot.id)
    facts = {one.key: one for one in snapshot.points}
    for key in meant:
        fact, told = facts.get(key), _recognisable(key)
        if fact is None or fact.kind != POINT_KIND[approach.channel]:
            yield _no("POINT_UNKNOWN", "the contact point is not the customer's, or not of this channel", told)
        elif fact.blocked:
            yield _no("POINT_BLOCKED", "the contact point is blocked", told)


def _care(snapshot: Snapshot, policy: ContactPolicy) -> Iterator[Finding]:
    if policy.suppression.vulnerable and snapshot.party.vulnerable:
        yield _no("VULNERABLE", "the customer needs special care: no promotion", snapshot.id)


def _arrears(snapshot: Snapshot, policy: ContactPolicy) -> Iterator[Finding]:
    if not policy.suppression.arrears:
        return
    default = in_default().check(snapshot)
    if default.truth is not False:
        yield _no("ARREARS", default.reason, *default.evidence)


def _complaints(snapshot: Snapshot, approach: Approach, policy: ContactPolicy) -> Iterator[Finding]:
    if not policy.suppression.complaint:
        return
    lasts = policy.suppression.complaint_days
    for one in open_complaints(snapshot):
        until = None if lasts is None else one.at + dt.timedelta(days=lasts)
        if until is None or approach.at < until:
            reason = f"a complaint of {one.at.date()} is open"
            yield Finding(False, "COMPLAINT_OPEN", reason, evidence=(one.id,), earliest=until, gate=GATE)


def open_complaints(snapshot: Snapshot) -> list[EventFact]:
    """The complaints that are not closed.

    ``complaint_closed`` closes the complaint that it names; one that names none closes the earlier ones about the same
    agreement, or, without an agreement, those without one.
    """
    closings = [one for one in snapshot.events if one.type == COMPLAINT_CLOSED]
    return [
        one
        for one in snapshot.events
        if one.type == COMPLAINT and not any(_closes(closing, one) for closing in closings)
    ]


def _closes(closing: EventFact, complaint: EventFact) -> bool:
    named = closing.payload.get("complaint")
    if named is not None:
        return bool(named == complaint.id)
    return closing.at >= complaint.at and closing.agreement_id == complaint.agreement_id


def _collections(snapshot: Snapshot, approach: Approach, policy: ContactPolicy) -> Iterator[Finding]:
    for one in snapshot.events:
        if one.type != COLLECTIONS:
            continue
        learned = [name for name in SERIOUS if one.payload.get(name) is True]
        rest = policy.suppression.collections_days
        if learned:
            rest = max(rest, policy.suppression.collections_serious_days)
        until = one.at + dt.timedelta(days=rest)
        promised = _promised(one)
        if promised is not None:
            # Nothing is sold before the day is over; an event that is not remembered longer can't bind longer.
            longest = one.at + dt.timedelta(days=policy.suppression.collections_memory)
            until = max(until, min(promised + dt.timedelta(days=1), longest))
        if approach.at >= until:
            continue
        told = f", which told of {' and '.join(_WORDS[name] for name in learned)}" if learned else ""
        yield Finding(
            False,
            "COLLECTIONS",
            f"collections spoke with the customer on {one.at.date()}{told}",
            {
                "days": rest,
                "until": until.isoformat(),
                **{name: one.payload[name] for name in _KEPT if name in one.payload},
            },
            (one.id,),
            until,
            gate=GATE,
        )


_WORDS = {"hardship": "hardship", "dispute": "a dispute", "vulnerable": "a need of special care"}
_KEPT = (*SERIOUS, "promisedOn", "promisedAmount")
"""What of the payload is kept in the trace."""


def _promised(event: EventFact) -> dt.datetime | None:
    """The beginning of the day for which a payment was promised; None: none was, or it can't be read."""
    try:
        day = dt.date.fromisoformat(event.payload.get("promisedOn", ""))
    except (TypeError, ValueError):
        return None
    return dt.datetime.combine(day, dt.time.min, dt.UTC)


def _recognisable(key: str) -> str:
    """A contact point in a reason, which more people read than may read phones: ``PHONE:...42``."""
    kind, _, value = key.partition(":")
    return f"{kind}:...{value[-2:]}"


def _no(code: str, reason: str, *evidence: str) -> Finding:
    return Finding(False, code, reason, evidence=evidence, gate=GATE)
