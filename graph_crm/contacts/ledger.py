"""The locks of contact policy: who writes something that limits or consents look at takes these first.

A ledger is a node of its own with nothing attached to it, so that a lock on it never meets one that a new relationship
takes. There is one for each party, each household and each contact point. All that belong to a customer are locked in
one statement in sorted order, whatever the order in which they were named: two transactions never wait for each other.

What is read before the lock may be stale when the lock is held. So the order is either: lock, take the clock, read,
judge, write. Or: read the versions, take the clock, read, judge, and write in one statement that locks and looks
whether the versions are still the same (`LOCKED_IF_UNCHANGED`). The clock comes after the versions in any case: facts
later than the clock are not seen, and there must be none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from graph_crm.graph.database import Row, Transaction
from graph_crm.rules.snapshot import Snapshot

_TAKE = """MERGE (l:ContactLedger {key: key})
SET l.version = coalesce(l.version, 0) + 1
RETURN key, l.version AS version, datetime.realtime().epochMillis AS now
"""

LOCK = f"UNWIND $keys AS key\n{_TAKE}"

# Those that were left long ago are locked too: a lock too many costs little, a lock too few a limit.
OF_PARTY = """['party:' + p.id]
  + COLLECT { MATCH (p)-[:MEMBER_OF]->(h:Household) RETURN 'household:' + h.id }
  + COLLECT { MATCH (p)-[:REACHABLE_AT]->(c:ContactPoint) RETURN 'point:' + c.valueKey }"""
"""The keys of the ledgers of the party ``p``."""

LOCK_PARTIES = f"""
UNWIND $parties AS id
MATCH (p:Party {{id: id}})
UNWIND {OF_PARTY} AS key
WITH DISTINCT key ORDER BY key
{_TAKE}"""

_OF_RESERVATION = f"""{OF_PARTY}
    + [household IN coalesce(r.householdIds, []) | 'household:' + household]
    + CASE WHEN r.pointKey IS NULL THEN [] ELSE ['point:' + r.pointKey] END"""

LOCKED_RESERVATIONS = f"""CALL () {{
  UNWIND $ids AS id
  MATCH (p:Party)-[:RESERVED]->(r:Reservation {{id: id}})
  UNWIND {_OF_RESERVATION} AS key
  WITH DISTINCT key ORDER BY key
  MERGE (l:ContactLedger {{key: key}})
  SET l.version = coalesce(l.version, 0) + 1
  RETURN count(l) AS locks
}}
WITH CASE WHEN locks >= 0 THEN coalesce($now, datetime.realtime()) END AS clock
WITH datetime({{epochMillis: clock.epochMillis}}) AS now"""
"""The beginning of a statement that changes the reservations ``$ids``: all their ledgers are locked, then the clock is
read. The locks live only inside Neo4j, for as long as the one statement takes, and wait for no client."""

LOCKED_IF_UNCHANGED = f"""MATCH (p:Party {{id: $party}})
WHERE NOT EXISTS {{
  UNWIND $ledgers AS seen
  MATCH (l:ContactLedger {{key: seen[0]}}) WHERE coalesce(l.version, 0) <> seen[1]
}}
CALL (p) {{
  UNWIND $ledgers AS seen
  MERGE (l:ContactLedger {{key: seen[0]}})
  SET l.turn = coalesce(l.turn, 0) + 1
  RETURN collect(l) AS ledgers, sum(CASE WHEN coalesce(l.version, 0) = seen[1] THEN 0 ELSE 1 END) AS moved
}}
WITH p, ledgers, moved, {OF_PARTY} AS keys
WITH p, ledgers, moved = 0 AND all(key IN keys WHERE key IN [seen IN $ledgers | seen[0]]) AS unchanged"""
"""The beginning of a statement that writes only where nobody wrote since the versions ``$ledgers`` (pairs, sorted) of
the party were read. Who writes then counts the versions of ``ledgers`` up. Who is late already waits for no lock."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Locked:
    """What a transaction holds: each ledger with its new version, and the database's clock after the last lock."""

    versions: Mapping[str, int]
    now: dt.datetime
    """In UTC, whole milliseconds. Nothing that another transaction wrote under these ledgers is later."""

    def covers(self, customer: Snapshot) -> bool:
        """Whether all ledgers of the customer are held, as it was read under them.

        Not so for somebody who came into a household, or got a contact point, between the two: nothing that the
        limits say about the customer is sure then.
        """
        return customer.versions.keys() <= self.versions.keys()


def party_key(party_id: str) -> str:
    """The ledger of a party."""
    return f"party:{party_id}"


def household_key(household_id: str) -> str:
    """The ledger of a household."""
    return f"household:{household_id}"


def point_key(value_key: str) -> str:
    """The ledger of a contact point, by its ``valueKey`` (``PHONE:+420602123456``)."""
    return f"point:{value_key}"


def keys(party_id: str, households: Iterable[str] = (), points: Iterable[str] = ()) -> tuple[str, ...]:
    """The ledgers of a customer: its own, its households' and its contact points', each once, in sorted order."""
    found = {party_key(party_id), *map(household_key, households), *map(point_key, points)}
    return tuple(sorted(found))


async def lock(tx: Transaction, wanted: Iterable[str]) -> Locked:
    """Lock the ledgers ``wanted`` until the end of ``tx`` and count their versions up.

    It must be the transaction's only call: a second one could lock against the order of somebody else's. Send all
    that is needed, of all customers, at once.
    """
    ordered = sorted(set(wanted))
    if not ordered:
        raise ValueError("a lock needs at least one ledger")
    return _locked(await tx.run(LOCK, {"keys": ordered}))


async def lock_parties(tx: Transaction, party_ids: Iterable[str]) -> Locked | None:
    """Lock all ledgers of these parties as the graph has them: their own, their households', their contact points'.

    Who does not exist is left out; None when nobody exists. As with `lock`, the transaction's only call.
    """
    rows = await tx.run(LOCK_PARTIES, {"parties": sorted(set(party_ids))})
    return _locked(rows) if rows else None


def _locked(rows: list[Row]) -> Locked:
    return Locked(
        versions=MappingProxyType({row["key"]: row["version"] for row in rows}),
        now=_EPOCH + dt.timedelta(milliseconds=rows[-1]["now"]),
    )
