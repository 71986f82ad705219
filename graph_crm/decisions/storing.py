"""Storing what was decided: the decision with its trace, its offers, its episodes, and the contacts it reserves."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from graph_crm.audit.entries import Entry
from graph_crm.audit.journal import record
from graph_crm.audit.kinds import AuditKind
from graph_crm.contacts.desk import ContactDesk, households_of
from graph_crm.contacts.slots import Slot
from graph_crm.decisions import control, cypher
from graph_crm.decisions.gates import BankState
from graph_crm.decisions.offers.placing import tell_reserved
from graph_crm.decisions.pipeline import Asked, Considered, Outcome, episodes_of
from graph_crm.decisions.reasons.digest import digest, digests
from graph_crm.graph.database import Transaction
from graph_crm.rules.snapshot import epoch_milliseconds


@dataclass(frozen=True)
class Told:
    """A decision in the words of the store."""

    outcome: Outcome
    trigger: str
    """What started it, for example event:atm_balance_check or scan."""
    event: str | None = None
    reconsidered: str | None = None
    """The offer that was judged again."""


def parameters(told: Told, bank: BankState, asked: Asked) -> dict[str, Any]:
    """The parameters of `cypher.STORE`."""
    outcome = told.outcome
    snapshot = outcome.snapshot
    parts = digests(snapshot)
    offers = [] if told.reconsidered else [_offer(outcome, one, bank) for one in outcome.offers]
    decision = {
        "id": f"decision:{uuid.uuid4().hex}",
        "trigger": told.trigger,
        "partyId": snapshot.id,
        "outcome": "PROPOSED" if outcome.offers else "NOTHING",
        "trace": _json([one.as_json() for one in outcome.considered]),
        "ruleVersions": _json({one.rule: one.version for one in outcome.considered}),
        "products": sorted({one.product for one in outcome.considered}),
        "policyVersion": bank.policy.version,
        "modelVersion": bank.learner.version,
        "snapshotDigest": digest(parts),
        "digests": _json(parts),
        "mode": asked.mode,
        "hooks": asked.hooks,
        "limit": asked.limit,
        "channel": snapshot.channel,
        "context": _json(dict(snapshot.context)) if snapshot.context else None,
        "control": outcome.in_control,
    }
    return {
        "party": snapshot.id,
        "key": outcome.key,
        "event": told.event,
        "reconsidered": told.reconsidered,
        "asOf": snapshot.as_of,
        "at": epoch_milliseconds(snapshot.now),
        "decision": decision,
        "controlUnit": control.unit_to_keep(snapshot.party),
        "overrides": list(outcome.overrides),
        "episodes": _episodes(outcome) if asked.mode == "SCAN" else [],
        "offers": offers,
    }


async def store(
    tx: Transaction, told: Sequence[Told], bank: BankState, asked: Asked, desk: ContactDesk, *, now: dt.datetime
) -> list[str]:
    """Store decisions and reserve their contacts; the ids of those that were not stored before.

    The caller holds the ledgers of all their customers and has read the snapshots under them.
    """
    stored, slots = [], []
    for one in told:
        sent = parameters(one, bank, asked)
        rows = await tx.run(cypher.STORE, sent)
        if not rows:
            continue
        stored.append(rows[0]["id"])
        for considered, offer in zip(one.outcome.offers, sent["offers"], strict=False):
            if considered.reserve:
                slots.append(slot(one.outcome, considered, offer["id"], bank.hold))
    if slots:
        await tell_reserved(tx, slots, await desk.hold(tx, slots, now=now))
    if stored:
        decided = [one.outcome.snapshot.id for one in told]
        record(tx, Entry(AuditKind.DECISION, told[0].trigger, [*stored, *decided], details={"decisions": len(stored)}))
    return stored


def slot(outcome: Outcome, one: Considered, offer_id: str, hold: dt.timedelta) -> Slot:
    """The contact that an offer reserves, from the hour on at which it may be made."""
    way, proposal = one.way, one.proposal
    if way is None or proposal is None or way.at is None:
        raise ValueError("an offer without a way to the customer reserves nothing")
    purpose = next((str(one.numbers["purpose"]) for one in way.findings if "purpose" in one.numbers), None)
    return Slot(
        party_id=outcome.snapshot.id,
        channel=way.channel,
        at=way.at,
        until=way.at + hold,
        action_class=proposal.action_class,
        purpose=purpose or ("MARKETING" if proposal.action_class == "PROMOTIONAL" else "SERVICE"),
        product=proposal.offer,
        point=way.point,
        households=households_of(outcome.snapshot),
        offer_id=offer_id,
        overrides=tuple(sorted({each for finding in way.findings for each in finding.overrides})),
    )


def scan_key(outcome: Outcome) -> str | None:
    """The name of a scan's decision: the same circumstances with the same end are one decision, on whatever day.

    None: there is nothing to tell that is not told already.
    """
    party = outcome.snapshot.id
    told = [
        (one.rule, one.mode, episodes_of(one, party), one.last.name, one.last.reason_code)
        for one in outcome.considered
        if one.gates[0].passed
    ]
    news = [one for one in told if one[-1] not in {"OFFERED_IN_EPISODE", "OFFERED_ALREADY"}]
    if not news:
        return None
    again = [outcome.snapshot.as_of for one in outcome.considered if one.rank and one.repeat_after]
    text = repr((sorted(news), again[:1]))
    return f"scan:{party}:{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def _episodes(outcome: Outcome) -> list[dict[str, str]]:
    return [
        {"key": key, "rule": one.rule, "mode": one.mode}
        for one in outcome.considered
        if one.rank or one.last.reason_code == "SHADOW"
        for key in episodes_of(one, outcome.snapshot.id)
    ]


def _offer(outcome: Outcome, one: Considered, bank: BankState) -> Mapping[str, Any]:
    proposal, way = one.proposal, one.way
    if proposal is None:
        raise ValueError("only a proposal becomes an offer")
    waits = one.status == "WAITING"
    return {
        "id": f"offer:{uuid.uuid4().hex}",
        "rank": one.rank,
        "productCode": proposal.offer,
        "notBefore": epoch_milliseconds(way.at) if way and way.at and waits else None,
        "validUntil": epoch_milliseconds(outcome.snapshot.now + bank.offer_life),
        "properties": {
            "ruleId": proposal.rule,
            "ruleVersion": one.version,
            "partyId": outcome.snapshot.id,
            "productCode": proposal.offer,
            "actionClass": proposal.action_class,
            "channels": list(proposal.channels),
            "channel": way.channel if way else None,
            "pointKey": way.point if way else None,
            "status": "WAITING" if waits else "PROPOSED",
            "statusReason": one.gates[-1].reason_code,
            "rank": one.rank,
            "factors": _json(one.priority.as_json()) if one.priority else None,
            "features": _json(dict(outcome.features)),
            "script": one.script,
            "scripts": _json(dict(one.scripts)) if one.scripts else None,
            "skill": one.skill,
            "reasons": list(proposal.reasons),
            "translations": _json({name: list(texts) for name, texts in proposal.translations.items()})
            if proposal.translations
            else None,
            "reasonCodes": [fact.code for fact in proposal.facts],
        },
    }


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
