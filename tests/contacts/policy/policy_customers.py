"""Customers, contacts and policies in one expression each, for the tests of contact policy."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from graph_crm.contacts.approach import Approach
from graph_crm.contacts.policy import ContactPolicy
from graph_crm.rules.limits import ContactLimit
from graph_crm.rules.snapshot import Answer, ConsentFact, EventFact, PartyFacts, PointFact, Snapshot, Touch

NOW = dt.datetime(2026, 11, 24, 10, tzinfo=dt.UTC)
"""A Tuesday, eleven o'clock in Prague."""
MOBILE = "PHONE:+420602123456"
OFFICE = "PHONE:+420221987654"
MAIL = "EMAIL:anna@example.com"
SHIPPED = ContactPolicy.load()
ALWAYS = ({"channels": ("PHONE", "SMS"), "from": "00:00", "until": "24:00", "public_holidays": True},)


def days(number: float) -> dt.timedelta:
    return dt.timedelta(days=number)


def ago(number: float) -> dt.datetime:
    """So many days before NOW."""
    return NOW - days(number)


def customer(**facts: Any) -> Snapshot:
    """Anna, of Prague, who agreed to everything: the facts replace hers, ``party`` those of her own."""
    party = PartyFacts(**{"id": "anna", "country": "CZ", "segment": "RETAIL", **facts.pop("party", {})})
    usual: dict[str, Any] = {
        "points": (PointFact(MOBILE, "PHONE", preferred=True), PointFact(MAIL, "EMAIL")),
        "consents": (consent("MARKETING"),),
    }
    return Snapshot(party, facts.pop("now", NOW), **{**usual, **facts})


def consent(purpose: str, status: str = "GRANTED", **facts: Any) -> ConsentFact:
    when = facts.pop("at", ago(100))
    return ConsentFact(facts.pop("id", f"{status}-{purpose}-{when:%Y%m%d%H%M}"), purpose, status, when, **facts)


def call(channel: str = "PHONE", **facts: Any) -> Approach:
    usual: dict[str, Any] = {"at": NOW, "product": "CASH_LOAN", "family": "LOAN"}
    points = {"PHONE": MOBILE, "SMS": MOBILE, "EMAIL": MAIL}
    return Approach(channel, **{**usual, "point": points.get(channel), **facts})


def touch(at: dt.datetime, until: dt.datetime | None = None, **facts: Any) -> Touch:
    usual: dict[str, Any] = {
        "channel": "PHONE",
        "direction": "OUTBOUND",
        "action_class": "PROMOTIONAL",
        "purpose": "MARKETING",
        "points": (MOBILE,),
    }
    return Touch(facts.pop("id", f"touch-{at:%Y%m%d%H%M}"), at, until or at, **{**usual, **facts})


def answer(outcome: str, at: dt.datetime, product: str | None = "CASH_LOAN", **facts: Any) -> Answer:
    family = facts.pop("family", {"CASH_LOAN": "LOAN", "CAR_LOAN": "LOAN", "CREDIT_CARD": "CARD"}.get(product or ""))
    return Answer(facts.pop("id", f"{outcome}-{at:%Y%m%d%H%M}"), outcome, at, product, family, **facts)


def event(kind: str, at: dt.datetime, agreement: str | None = None, **payload: Any) -> EventFact:
    return EventFact(payload.pop("id", f"{kind}-{at:%Y%m%d}"), kind, at, None, payload, agreement)


def limited(*limits: ContactLimit, times: Sequence[dict[str, Any]] = ALWAYS, **parts: Any) -> ContactPolicy:
    """A policy of these limits, with the shipped rests, at any time of any day."""
    return ContactPolicy.model_validate({"limits": limits, "times": times, "cool_off": {}, "suppression": {}, **parts})
