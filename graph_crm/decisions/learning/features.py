"""What the learner looks at in a customer: words and numbers that may matter, and nothing that names anybody.

Left out on purpose: identifiers, names, contact points and language; that somebody is vulnerable, ill or in debt; and
who is tied to whom. What is not known is left out too: it neither speaks for an offer nor against it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from graph_crm.contacts.permission import objection_to_profiling
from graph_crm.decisions.learning.bins import Feature
from graph_crm.rules.snapshot import Holding, PartyFacts, Snapshot

LOOK_BACK = dt.timedelta(days=365)
"""So far back contacts and answers are looked at; no further than the snapshot reaches."""
HOURS_A_BLOCK = 3
NEVER = "never"
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


def features(snapshot: Snapshot, families: Collection[str] = (), *, inbound: str | None = None) -> dict[str, Feature]:
    """The features of a customer at this moment, by name; JSON-safe, to be stored with the offer.

    ``families``: every product family of the catalogue, so that not holding one is a fact as well. ``inbound``: the
    channel that the customer is using now. Empty for a customer who objects to profiling: nothing of the customer is
    used then, nor learned from.
    """
    if objection_to_profiling(snapshot) is not None:
        return {}
    return {
        **_who(snapshot.party, snapshot.as_of),
        **_holdings(snapshot.holdings, snapshot.held(), families, snapshot.as_of),
        **_history(snapshot),
        **_moment(snapshot, inbound),
    }


def _who(party: PartyFacts, day: dt.date) -> dict[str, Feature]:
    known = {
        "kind": party.kind,
        "segment": party.segment,
        "country": party.country,
        "region": party.region,
        "age": None if party.born is None or party.kind != "PERSON" else _years(party.born, day),
    }
    return {name: value for name, value in known.items() if value is not None}


def _years(born: dt.date, day: dt.date) -> int:
    return max(0, day.year - born.year - ((day.month, day.day) < (born.month, born.day)))


def _holdings(
    holdings: Sequence[Holding], held: Sequence[Holding], families: Collection[str], day: dt.date
) -> dict[str, Feature]:
    begun = [one.since for one in holdings if one.since <= day]
    found: dict[str, Feature] = {
        "holdings": len({one.agreement_id for one in held}),
        "families": len({one.family for one in held}),
        "days_since_first_holding": (day - min(begun)).days if begun else NEVER,
        "days_since_last_holding": (day - max(begun)).days if begun else NEVER,
    }
    now = {one.family for one in held}
    once = {one.family for one in holdings if one.since <= day}
    for family in sorted({*families, *once} - {""}):
        found[f"family.{family}"] = "HOLDS" if family in now else "HELD" if family in once else NEVER
    return found


def _history(snapshot: Snapshot) -> dict[str, Feature]:
    since, now = snapshot.now - LOOK_BACK, snapshot.now
    contacts = {one.id: one.at for one in snapshot.contacts if one.direction != "INBOUND"}
    contacts |= {
        one.id: one.at for one in snapshot.touches if one.own and not one.reserved and one.direction != "INBOUND"
    }
    recent = [at for at in contacts.values() if since <= at <= now]
    answers = sorted((one for one in snapshot.answers if since <= one.at <= now), key=lambda one: (one.at, one.id))
    return {
        "contacts_in_a_year": len(recent),
        "days_since_contact": (now - max(recent)).days if recent else NEVER,
        "refusals_in_a_year": sum(one.outcome == "REJECTED" for one in answers),
        "last_outcome": answers[-1].outcome if answers else NEVER,
        "days_since_answer": (now - answers[-1].at).days if answers else NEVER,
    }


def _moment(snapshot: Snapshot, inbound: str | None) -> dict[str, Feature]:
    """What is going on; the hour only where the customer acts at this moment, by the customer's own clock."""
    trigger = snapshot.trigger
    found: dict[str, Feature] = {"trigger": trigger.type if trigger else NEVER}
    if inbound is not None:
        found["inbound"] = inbound
    if trigger is None and inbound is None:
        return found
    zone = _zone(snapshot.party.time_zone)
    if zone is not None:
        local = (snapshot.now if trigger is None else trigger.at).astimezone(zone)
        start = local.hour // HOURS_A_BLOCK * HOURS_A_BLOCK
        found["hour"] = f"{start:02}-{start + HOURS_A_BLOCK:02}"
        found["weekday"] = WEEKDAYS[local.weekday()]
    return found


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a misspelt name, a path, a folder
        return None
