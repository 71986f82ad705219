"""Random small banks that are nasty to date arithmetic, and random conditions to ask about them."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

from hypothesis import strategies as st

from graph_crm.graph.database import Database
from graph_crm.rules.conditions import (
    Condition,
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
from graph_crm.rules.periods import Period

PRODUCTS = {"CASH_LOAN": "LOAN", "SMALL_LOAN": "LOAN", "CURRENT_ACCOUNT": "CURRENT_ACCOUNT", "CREDIT_CARD": "CARD"}
EVENTS = ("atm_balance_check", "card_payment")
TIES = ("SPOUSE_OF", "PARENT_OF", "GUARANTEES")
DAYS = [
    dt.date.fromisoformat(text)
    for text in (
        "2023-11-30", "2023-12-31", "2024-01-30", "2024-01-31", "2024-02-28", "2024-02-29", "2024-03-01", "2024-03-30",
        "2024-03-31", "2024-04-30", "2024-05-29", "2024-05-31", "2025-02-28", "2025-03-01",
    )
]  # fmt: skip
BIRTHS = [
    "1980-02-29", "1980-02-28", "1980-03-01", "2006-02-28", "2006-03-01", "1958-12-31", "2024-02-29",
    "2024-06-01",
]  # fmt: skip


def world(seed: int, parties: int) -> dict[str, list[dict[str, Any]]]:
    """A bank of ``parties`` customers: unknown facts, endings, future beginnings, histories with gaps."""
    pick = random.Random(seed)  # noqa: S311 - a bank to test with, not a secret

    def maybe(value: Any, share: float = 0.6) -> Any:
        return value if pick.random() < share else None

    def instant() -> dt.datetime:
        day = dt.datetime.combine(pick.choice(DAYS), dt.time(), dt.UTC)
        # The edges of a day, and fractions finer than a millisecond.
        return day + pick.choice([dt.timedelta(), dt.timedelta(microseconds=-1), dt.timedelta(hours=23, seconds=7)])

    kinds = ("parties", "holdings", "events", "contacts", "ties")
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
    for number in range(parties):
        party = f"p{number:03}"
        found["parties"].append(
            {
                "id": party,
                "organization": pick.random() < 0.2,
                "facts": {
                    "birthDate": maybe(dt.date.fromisoformat(pick.choice(BIRTHS))),
                    "segment": maybe(pick.choice(["RETAIL", "PRIVATE"])),
                    "country": maybe(pick.choice(["CZ", "PL"])),
                },
            }
        )
        for _ in range(pick.randrange(4)):
            product = pick.choice(sorted(PRODUCTS))
            history = sorted(pick.sample(DAYS, pick.randrange(4)))
            states = [pick.choice(["ACTIVE", "ACTIVE", "CLOSED", "DEFAULTED"]) for _ in history]
            found["holdings"].append(
                {
                    "party": party,
                    "role": maybe(pick.choice(["OWNER", "AUTHORISED", "CARDHOLDER"]), 0.9),
                    "since": maybe(pick.choice(DAYS), 0.85),
                    "until": maybe(pick.choice(DAYS), 0.25),
                    "facts": {
                        "id": f"a{len(found['holdings']):04}",
                        "productCode": product,
                        "familyCode": PRODUCTS[product],
                        "status": maybe(pick.choice(["ACTIVE", "CLOSED", "DEFAULTED", "IN_ARREARS"]), 0.8),
                        "statusDates": history or None,
                        "statusValues": states or None,
                        "openedOn": maybe(pick.choice(DAYS), 0.7),
                        "closedOn": maybe(pick.choice(DAYS), 0.2),
                        "maturesOn": maybe(pick.choice(DAYS), 0.5),
                        "amount": maybe(pick.choice([99_999, 100_000, 100_001])),
                    },
                }
            )
        for _ in range(pick.randrange(3)):
            found["events"].append({"party": party, "type": pick.choice(EVENTS), "at": instant()})
        for _ in range(pick.randrange(3)):
            found["contacts"].append(
                {
                    "party": party,
                    "at": instant(),
                    "channel": maybe(pick.choice(["PHONE", "SMS"])),
                    "direction": maybe(pick.choice(["OUTBOUND", "INBOUND"]), 0.9),
                    "outcome": maybe("REJECTED", 0.4),
                }
            )
        for _ in range(pick.randrange(3)):
            found["ties"].append(
                {
                    "party": party,
                    "other": f"p{pick.randrange(parties):03}",
                    "type": pick.choice(TIES),
                    "since": maybe(pick.choice(DAYS), 0.85),
                    "until": maybe(pick.choice(DAYS), 0.3),
                }
            )
    found["looks"] = _looks(seed, parties)
    return found


def _looks(seed: int, parties: int) -> list[dict[str, Any]]:
    """What customers looked at, day by day, as the bank keeps it; drawn apart, so that the rest stays as it was."""
    pick = random.Random(seed + 1)  # noqa: S311 - a bank to test with, not a secret
    rows = []
    for number in range(parties):
        for code in pick.sample(sorted(PRODUCTS), pick.randrange(3)):
            for day in pick.sample(DAYS, pick.randrange(1, 4)):
                start = int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp() * 1000)
                moments = [start + pick.choice([0, 86_399_999, 43_200_000]) for _ in range(pick.randrange(1, 4))]
                rows.append(
                    {
                        "party": f"p{number:03}",
                        "product": code,
                        "family": PRODUCTS[code] if pick.random() < 0.9 else None,
                        "day": day,
                        "moments": moments,
                        "weights": [pick.choice([1.0, 3.0]) for _ in moments],
                    }
                )
    return rows


_WRITE = """
CALL () { UNWIND $parties AS row
  CREATE (p:Party {id: row.id}) SET p += row.facts
  FOREACH (_ IN CASE WHEN row.organization THEN [1] ELSE [] END | SET p:Organization)
  FOREACH (_ IN CASE WHEN row.organization THEN [] ELSE [1] END | SET p:Person) }
CALL () { UNWIND $holdings AS row
  MATCH (p:Party {id: row.party})
  CREATE (p)-[:HOLDS {role: row.role, since: row.since, until: row.until}]->(a:Agreement) SET a += row.facts }
CALL () { UNWIND range(0, size($events) - 1) AS i WITH i, $events[i] AS row
  MATCH (p:Party {id: row.party})
  CREATE (p)-[:DID]->(:Event {id: 'e' + i, type: row.type, at: row.at}) }
CALL () { UNWIND range(0, size($contacts) - 1) AS i WITH i, $contacts[i] AS row
  MATCH (p:Party {id: row.party})
  CREATE (p)-[:HAD]->(:Interaction {id: 'i' + i, at: row.at, channel: row.channel, direction: row.direction,
    outcome: row.outcome}) }
CALL () { UNWIND $ties AS row
  MATCH (p:Party {id: row.party}) MATCH (q:Party {id: row.other}) WHERE p <> q
  CREATE (p)-[r:$(row.type)]->(q) SET r.since = row.since, r.until = row.until }
CALL () { UNWIND $looks AS row
  MATCH (p:Party {id: row.party})
  MERGE (i:Interest {key: row.party + '|' + row.product})
  ON CREATE SET i.productCode = row.product, i.familyCode = row.family, i.lastAt = datetime({epochMillis: 0}),
    i.isNew = true
  FOREACH (_ IN CASE WHEN i.isNew THEN [1] ELSE [] END | CREATE (p)-[:SHOWS]->(i))
  REMOVE i.isNew
  CREATE (i)-[:BY_DAY]->(:InterestDay {day: row.day, moments: row.moments, weights: row.weights})
  WITH i, datetime({epochMillis: reduce(m = 0, x IN row.moments | CASE WHEN x > m THEN x ELSE m END)}) AS last
  SET i.lastAt = CASE WHEN last > i.lastAt THEN last ELSE i.lastAt END }
"""


async def write(database: Database, bank: dict[str, list[dict[str, Any]]]) -> None:
    """Replace what is in the graph by ``bank``."""
    await database.execute("MATCH (n) WHERE NOT n:Migration AND NOT n:Lock DETACH DELETE n")
    await database.execute(_WRITE, bank)


periods = st.builds(Period, months=st.sampled_from([0, 0, 1, 2, 3, 12]), days=st.sampled_from([0, 1, 29, 30, 31, 90]))
_windows = st.none() | periods
_holds = st.builds(
    lambda what, **more: holds(**what, **more),
    what=st.sampled_from([{"product": code} for code in PRODUCTS] + [{"family": "LOAN"}, {"family": "CARD"}, {}]),
    role=st.sampled_from([None, None, "OWNER", "AUTHORISED"]),
    for_at_least=st.none() | periods,
    running=st.sampled_from([None, None, True, False]),
    status=st.sampled_from([None, None, "ACTIVE", "CLOSED", ("DEFAULTED", "IN_ARREARS")]),
    amount_at_least=st.sampled_from([None, None, None, 1000, "1000.01"]),
)
_about_anybody = st.one_of(
    _holds,
    _holds,
    st.builds(in_default, st.sampled_from([None, "LOAN", "CARD"])),
    st.sampled_from([is_person(), is_organization(), everyone(), nobody()]),
    st.sampled_from([age_between(18), age_between(18, 43), age_between(0, 17), age_between(44, 44), age_between(65)]),
    st.sampled_from([in_segment("PRIVATE"), in_segment("RETAIL", "PRIVATE"), lives_in(country="CZ")]),
)


def _combined(atoms: st.SearchStrategy[Condition], leaves: int) -> st.SearchStrategy[Condition]:
    return st.recursive(
        atoms | atoms.map(lambda one: ~one),
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda two: two[0] & two[1]),
            st.tuples(inner, inner).map(lambda two: two[0] | two[1]),
            inner.map(lambda one: ~one),
        ),
        max_leaves=leaves,
    )


conditions = _combined(
    st.one_of(
        _about_anybody,
        _about_anybody,
        st.builds(did, st.sampled_from(EVENTS), within=_windows, times=st.sampled_from([1, 1, 2])),
        st.builds(
            contacted,
            within=_windows,
            channel=st.sampled_from([None, "PHONE"]),
            direction=st.sampled_from([None, "OUTBOUND"]),
            outcome=st.sampled_from([None, None, "REJECTED"]),
            times=st.sampled_from([1, 1, 2]),
        ),
        st.builds(
            lambda what, **more: interested_in(**what, **more),
            what=st.sampled_from([{"product": code} for code in PRODUCTS] + [{"family": "LOAN"}, {"family": "CARD"}]),
            at_least=st.sampled_from([0.001, 0.5, 1.0, 1.5, 3.0]),
            half_life=st.sampled_from([None, Period(days=1), Period(days=9), Period(days=60)]),
        ),
        st.builds(
            related_to,
            st.sampled_from(TIES),
            st.none() | _combined(_about_anybody, 2),
            side=st.sampled_from(["from", "to", "either"]),
        ),
    ),
    5,
)

ATOMS: list[Condition] = [
    holds("CASH_LOAN"),
    holds(family="LOAN", role="OWNER"),
    holds(family="LOAN", running=True),
    holds(running=False),
    holds(for_at_least=Period(days=1)),
    holds(for_at_least=Period(months=1)),
    holds(for_at_least=Period(months=1, days=1)),
    holds(for_at_least=Period(months=12)),
    holds(status="ACTIVE"),
    holds(status="CLOSED"),
    holds(status=("DEFAULTED", "IN_ARREARS"), running=True),
    holds(amount_at_least=1000),
    holds(amount_at_least="1000.01", status="ACTIVE"),
    in_default(),
    in_default("LOAN"),
    is_person(),
    is_organization(),
    everyone(),
    nobody(),
    age_between(0, 0),
    age_between(18, 18),
    age_between(44, 44),
    age_between(45),
    in_segment("PRIVATE"),
    lives_in(country="PL"),
    did("card_payment"),
    did("card_payment", within=Period(days=1)),
    did("card_payment", within=Period(months=1)),
    did("atm_balance_check", times=2),
    contacted(),
    contacted(direction=None, within=Period(days=30)),
    contacted(channel="PHONE", outcome="REJECTED", direction=None),
    contacted(direction=None, times=2),
    interested_in("CASH_LOAN"),
    interested_in("CASH_LOAN", at_least=0.5, half_life=Period(days=3)),
    interested_in(family="LOAN", at_least=2),
    interested_in(family="CARD", at_least=3, half_life=Period(days=365)),
    related_to("SPOUSE_OF"),
    related_to("PARENT_OF", side="from"),
    related_to("PARENT_OF", holds(status="ACTIVE"), side="to"),
    related_to("GUARANTEES", ~in_default()),
]
"""Every kind of condition, each option of it at least once."""
