"""Did the customer agree: consent for this purpose by this channel at this point. Unknown is no."""

from __future__ import annotations

from graph_crm.contacts.approach import POINT_KIND, Approach, Finding, meant_points
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.rules.snapshot import ConsentFact, PointFact, Snapshot

GATE = "consent"
REFUSALS = ("DENIED", "WITHDRAWN")
_POINT_WORD = {"EMAIL": "the e-mail address", "PUSH": "the device"}


def permission(snapshot: Snapshot, approach: Approach, policy: ContactPolicy | None = None) -> Finding:
    """Whether the customer agreed to the approach, as far as agreement is needed.

    Promotion needs a consent that is GRANTED, and no objection to profiling. What is the customer's own business
    rests on the contract: it needs no consent and must not be refused. What the law demands asks nobody. No policy
    changes that: ``policy`` is taken only because every gate is.
    """
    del policy
    if approach.mandatory:
        return Finding(True, "CONSENT_NOT_NEEDED", "the law demands it: consent is not asked", gate=GATE)
    if approach.promotional and (objection := objection_to_profiling(snapshot)):
        return _no("PROFILING_OBJECTED", "the customer objects to profiling: no promotional proposals", objection.id)
    found = None
    # Which of several points the bank will use is not known: every one of them must be allowed. A customer who came
    # chose the point.
    meant = (approach.point,) if approach.inbound else meant_points(snapshot, approach) or (None,)
    for point in meant:
        found = _at_point(snapshot, approach, point)
        if not found.allowed:
            return found
    return found or _no("CONSENT_UNKNOWN", "the customer was not asked")


def asked_purpose(approach: Approach) -> str:
    """The purpose that consent is asked for: promotion is never a service."""
    purpose = approach.purpose or "MARKETING"
    return "MARKETING" if approach.promotional and purpose == "SERVICE" else purpose


def deciding_consent(
    snapshot: Snapshot, purpose: str, channel: str | None = None, point: str | None = None
) -> ConsentFact | None:
    """The record that decides: the newest of those for the purpose that fit channel and point; None: not known.

    A record without a channel or point fits all of them. Of two from the same instant the refusal decides.
    """
    fitting = [
        one
        for one in snapshot.consents
        if one.purpose == purpose and one.channel in (None, channel) and one.point in (None, point)
    ]
    # The snapshot lists them oldest first: of equal ones the last, which was recorded later, is taken.
    return max(reversed(fitting), key=lambda one: (one.at, one.status != "GRANTED"), default=None)


def objection_to_profiling(snapshot: Snapshot) -> ConsentFact | None:
    """The record by which the customer objects to profiling; None: there is no objection in force.

    A refusal for one channel or point is an objection, too, until a newer grant covers it.
    """
    records = [one for one in snapshot.consents if one.purpose == "PROFILING"]
    for one in reversed(records):
        if one.status == "GRANTED":
            continue
        lifted = any(
            grant.status == "GRANTED"
            and grant.at > one.at
            and grant.channel in (None, one.channel)
            and grant.point in (None, one.point)
            for grant in records
        )
        if not lifted:
            return one
    return None


def _at_point(snapshot: Snapshot, approach: Approach, point: str | None) -> Finding:
    purpose = asked_purpose(approach)
    told = f"{purpose} by {approach.channel}"
    if stopped := _stop(snapshot, purpose, approach.channel, point):
        return _no("POINT_STOPPED", f"somebody who uses {_kind(approach)} stopped {told} there", stopped)
    record = deciding_consent(snapshot, purpose, approach.channel, point)
    if record is not None and record.status != "GRANTED":
        code = "CONSENT_WITHDRAWN" if record.status == "WITHDRAWN" else "CONSENT_DENIED"
        word = "withdrew the consent to" if record.status == "WITHDRAWN" else "denied"
        return _no(code, f"the customer {word} {told} on {record.at.date()}", record.id)
    if record is not None:
        reason = f"the customer agreed to {told} on {record.at.date()}"
        return Finding(True, "CONSENT_GRANTED", reason, evidence=(record.id,), gate=GATE)
    if purpose == "SERVICE":
        return Finding(True, "CONTRACT", "the customer's own business, and not refused", gate=GATE)
    return _no("CONSENT_UNKNOWN", f"there is no consent to {told}: unknown is no")


def _stop(snapshot: Snapshot, purpose: str, channel: str, point: str | None) -> str | None:
    fact: PointFact | None = next((one for one in snapshot.points if one.key == point), None)
    for stopped, by, consent in fact.stopped if fact else ():
        if stopped == purpose and by in (None, channel):
            return consent
    return None


def _kind(approach: Approach) -> str:
    return _POINT_WORD.get(POINT_KIND.get(approach.channel, ""), "the phone")


def _no(code: str, reason: str, *evidence: str) -> Finding:
    return Finding(False, code, reason, evidence=evidence, gate=GATE)
