"""What can be loaded, and the statement that loads a batch of it. Every statement is an upsert: twice is once.

A record is looked for by its unique id. Parties, households and agreements, which people change in the platform, keep
the digest of what the source said (`importDigest`): they are written, and their version grows, only when the source
says something new, so that a repeated import changes nothing and does not undo a change made in the platform.
A relationship whose ends moved is removed before it is written again (`before`).

The index hints matter: a plan is made when the graph is still empty, where a scan looks as good as an index, and it
stays in use while the graph grows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graph_crm.parties.ties import PARTY_TIES


@dataclass(frozen=True)
class Kind:
    """One kind of record: the statement for a batch (`$rows`, `$now`), and what a row refers to.

    The statement returns one row, `loaded`: how many rows of the batch found everything they refer to. ``stage``
    orders the kinds: what a kind refers to has a lower stage. ``parallel`` kinds may have several batches in flight;
    those with a ``lock_key`` are split by that value of the row, so that two batches never wait for the same node.
    """

    name: str
    stage: int
    statement: str
    references: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Row key -> (label, property) of the node that must exist."""
    before: str | None = None
    unfit: str | None = None
    """The statement that returns ``index`` and ``reason`` of rows (`$rows`, each with its ``index``) whose references
    exist and do not belong together."""
    counted: str | None = None
    """What ``before`` would find, as a pattern that the database counts at once: while there is none, nothing can have
    moved, and ``before`` is left out."""
    label: str | None = None
    """The label that the node with the row's ``id`` must have, where ids are shared by several labels."""
    parallel: bool = False
    lock_key: str | None = None
    searchable: str | None = None
    """Row key of the party whose search text depends on the record."""


_VERSIONED = """
FOREACH (_ IN CASE WHEN coalesce(n.importDigest, '') <> row.digest THEN [1] ELSE [] END |
  SET n += row.props, n.version = coalesce(n.version, 0) + 1, n.updatedAt = $now, n.importDigest = row.digest)
"""


def _party(label: str) -> str:
    return f"""
UNWIND $rows AS row
MERGE (n:Party {{id: row.id}})
ON CREATE SET n:{label}, n.version = 0, n.createdAt = $now, n.status = 'ACTIVE'
WITH n, row WHERE n:{label} AND n.erasedAt IS NULL
{_VERSIONED}
RETURN count(*) AS loaded
"""


PERSON = Kind("person", 1, _party("Person"), label="Person", parallel=True, searchable="id")
ORGANIZATION = Kind("organization", 1, _party("Organization"), label="Organization", parallel=True, searchable="id")

HOUSEHOLD = Kind(
    "household",
    1,
    f"""
UNWIND $rows AS row
MERGE (n:Household {{id: row.id}}) ON CREATE SET n.version = 0, n.createdAt = $now
WITH n, row
{_VERSIONED}
RETURN count(*) AS loaded
""",
    parallel=True,
)

FAMILY = Kind(
    "product_family",
    0,
    "UNWIND $rows AS row MERGE (n:ProductFamily {code: row.id}) SET n += row.props RETURN count(*) AS loaded",
)

PRODUCT = Kind(
    "product",
    1,
    """
UNWIND $rows AS row
MATCH (family:ProductFamily {code: row.familyCode})
MERGE (n:Product {code: row.id}) SET n += row.props, n.familyCode = family.code
MERGE (n)-[:IN_FAMILY]->(family)
RETURN count(*) AS loaded
""",
    references={"familyCode": ("ProductFamily", "code")},
    before="""
UNWIND $rows AS row
MATCH (n:Product {code: row.id}) USING INDEX n:Product(code)
MATCH (n)-[old:IN_FAMILY]->(family) WHERE family.code <> row.familyCode DELETE old
""",
    counted="(:Product)",
)

AGREEMENT = Kind(
    "agreement",
    2,
    f"""
UNWIND $rows AS row
MATCH (product:Product {{code: row.productCode}})
MERGE (n:Agreement {{id: row.id}}) ON CREATE SET n.version = 0, n.createdAt = $now
{_VERSIONED}
SET n.productCode = product.code, n.familyCode = product.familyCode, n.currency = coalesce(n.currency, product.currency)
MERGE (n)-[:OF]->(product)
RETURN count(*) AS loaded
""",
    references={"productCode": ("Product", "code")},
    before="""
UNWIND $rows AS row
MATCH (n:Agreement {id: row.id}) USING INDEX n:Agreement(id)
MATCH (n)-[old:OF]->(product) WHERE product.code <> row.productCode DELETE old
""",
    counted="(:Agreement)",
)


def _moved(relationship: str, start: str, start_key: str, end: str, end_key: str) -> str:
    """The statement that removes relationships of the batch which join other nodes than they did."""
    return f"""
UNWIND $rows AS row
MATCH (a)-[old:{relationship} {{id: row.id}}]->(b) USING INDEX old:{relationship}(id)
WHERE a.{start_key} <> row.{start} OR b.{end_key} <> row.{end}
DELETE old
"""


CONTACT_POINT = Kind(
    "contact_point",
    2,
    """
UNWIND $rows AS row
MATCH (p:Party {id: row.partyId}) USING INDEX p:Party(id) WHERE p.erasedAt IS NULL
MERGE (c:ContactPoint {valueKey: row.valueKey})
ON CREATE SET c.id = row.valueKey, c.kind = row.kind, c.value = row.value, c.createdAt = $now
MERGE (p)-[r:REACHABLE_AT {id: row.id}]->(c) SET r += row.props
RETURN count(*) AS loaded
""",
    references={"partyId": ("Party", "id")},
    before=_moved("REACHABLE_AT", "partyId", "id", "valueKey", "valueKey"),
    counted="()-[:REACHABLE_AT]->()",
    searchable="partyId",
)

MEMBERSHIP = Kind(
    "membership",
    2,
    """
UNWIND $rows AS row
MATCH (p:Party {id: row.partyId}) USING INDEX p:Party(id)
MATCH (h:Household {id: row.householdId}) USING INDEX h:Household(id)
MERGE (p)-[r:MEMBER_OF {id: row.id}]->(h) SET r += row.props
RETURN count(*) AS loaded
""",
    references={"partyId": ("Party", "id"), "householdId": ("Household", "id")},
    before=_moved("MEMBER_OF", "partyId", "id", "householdId", "id"),
    counted="()-[:MEMBER_OF]->()",
)

HOLDING = Kind(
    "holding",
    3,
    """
UNWIND $rows AS row
MATCH (p:Party {id: row.partyId}) USING INDEX p:Party(id)
MATCH (a:Agreement {id: row.agreementId}) USING INDEX a:Agreement(id)
MERGE (p)-[r:HOLDS {id: row.id}]->(a) SET r += row.props
RETURN count(*) AS loaded
""",
    references={"partyId": ("Party", "id"), "agreementId": ("Agreement", "id")},
    before=_moved("HOLDS", "partyId", "id", "agreementId", "id"),
    counted="()-[:HOLDS]->()",
)

LINK = Kind(
    "agreement_link",
    3,
    """
UNWIND $rows AS row
MATCH (a:Agreement {id: row.agreementId}) USING INDEX a:Agreement(id)
MATCH (b:Agreement {id: row.toAgreementId}) USING INDEX b:Agreement(id)
MERGE (a)-[:LINKED_TO {kind: row.kind}]->(b)
RETURN count(*) AS loaded
""",
    references={"agreementId": ("Agreement", "id"), "toAgreementId": ("Agreement", "id")},
    before="""
UNWIND $rows AS row
MATCH (a:Agreement {id: row.agreementId}) USING INDEX a:Agreement(id)
MATCH (a)-[old:LINKED_TO {kind: row.kind}]->(b) WHERE row.only AND b.id <> row.toAgreementId DELETE old
""",
    counted="()-[:LINKED_TO]->()",
)

STANDING_ORDER = Kind(
    "standing_order",
    3,
    """
UNWIND $rows AS row
MATCH (a:Agreement {id: row.agreementId}) USING INDEX a:Agreement(id)
MERGE (n:StandingOrder {id: row.id}) SET n += row.props
MERGE (a)-[:HAS_ORDER]->(n)
RETURN count(*) AS loaded
""",
    references={"agreementId": ("Agreement", "id")},
    before="""
UNWIND $rows AS row
MATCH (n:StandingOrder {id: row.id}) USING INDEX n:StandingOrder(id)
MATCH (n)<-[old:HAS_ORDER]-(a) WHERE a.id <> row.agreementId DELETE old
""",
    counted="(:StandingOrder)",
    parallel=True,
    lock_key="agreementId",
)

MOVEMENT = Kind(
    "movement",
    4,
    """
UNWIND $rows AS row
MATCH (a:Agreement {id: row.agreementId}) USING INDEX a:Agreement(id)
MERGE (n:Movement {id: row.id}) SET n += row.props
MERGE (n)-[:ON]->(a)
RETURN count(*) AS loaded
""",
    references={"agreementId": ("Agreement", "id")},
    before="""
UNWIND $rows AS row
MATCH (n:Movement {id: row.id}) USING INDEX n:Movement(id)
MATCH (n)-[old:ON]->(a) WHERE a.id <> row.agreementId DELETE old
""",
    counted="(:Movement)",
    parallel=True,
    lock_key="agreementId",
)

EVENT = Kind(
    "event",
    4,
    """
UNWIND $rows AS row
MATCH (p:Party {id: row.partyId}) USING INDEX p:Party(id)
OPTIONAL MATCH (a:Agreement {id: row.agreementId}) USING INDEX a:Agreement(id)
WITH p, a, row WHERE row.agreementId IS NULL OR a IS NOT NULL
MERGE (n:Event {id: row.id}) ON CREATE SET n.recordedAt = $now
SET n += row.props, n.partyId = p.id
MERGE (p)-[:DID]->(n)
FOREACH (account IN CASE WHEN a IS NULL THEN [] ELSE [a] END | MERGE (n)-[:ON]->(account))
RETURN count(*) AS loaded
""",
    references={"partyId": ("Party", "id"), "agreementId": ("Agreement", "id")},
    before="""
UNWIND $rows AS row
MATCH (n:Event {id: row.id}) USING INDEX n:Event(id)
MATCH (n)-[old:DID|ON]-(other)
WHERE other.id <> CASE type(old) WHEN 'DID' THEN row.partyId ELSE coalesce(row.agreementId, '') END
DELETE old
""",
    counted="(:Event)",
    parallel=True,
    lock_key="lockKey",
)

INTERACTION = Kind(
    "interaction",
    4,
    """
UNWIND $rows AS row
MATCH (p:Party {id: row.partyId}) USING INDEX p:Party(id)
MERGE (n:Interaction {id: row.id}) SET n += row.props
MERGE (p)-[:HAD]->(n)
RETURN count(*) AS loaded
""",
    references={"partyId": ("Party", "id")},
    before="""
UNWIND $rows AS row
MATCH (n:Interaction {id: row.id}) USING INDEX n:Interaction(id)
MATCH (n)<-[old:HAD]-(p) WHERE p.id <> row.partyId DELETE old
""",
    counted="(:Interaction)",
    parallel=True,
    lock_key="partyId",
)

CONSENT = Kind(
    "consent",
    4,
    """
UNWIND $rows AS row
MATCH (p:Party {id: row.partyId}) USING INDEX p:Party(id)
OPTIONAL MATCH (p)-[:REACHABLE_AT]->(c:ContactPoint {valueKey: row.pointKey})
WITH p, row, count(c) AS points WHERE row.pointKey IS NULL OR points > 0
MERGE (n:Consent {id: row.id}) ON CREATE SET n += row.props, n.pointKey = row.pointKey, n.partyId = p.id
FOREACH (_ IN CASE n.partyId WHEN p.id THEN [1] ELSE [] END | MERGE (p)-[:GAVE]->(n))
RETURN count(*) AS loaded
""",
    references={"partyId": ("Party", "id"), "pointKey": ("ContactPoint", "valueKey")},
    unfit="""
UNWIND $rows AS row
WITH row WHERE row.pointKey IS NOT NULL
  AND NOT EXISTS { MATCH (:Party {id: row.partyId})-[:REACHABLE_AT]->(:ContactPoint {valueKey: row.pointKey}) }
RETURN row.index AS index, 'the party has no such contact point' AS reason
""",
    before="""
UNWIND $rows AS row
UNWIND ['party:' + row.partyId] + CASE WHEN row.pointKey IS NULL THEN [] ELSE ['point:' + row.pointKey] END AS key
WITH DISTINCT key ORDER BY key
MERGE (l:ContactLedger {key: key})
SET l.version = coalesce(l.version, 0) + 1
""",
    counted="(:ContactLedger)",
    parallel=True,
    lock_key="partyId",
)
"""What was said is never changed: a consent whose id is known stays as it is.

A bank that decides already has ledgers: they are locked first, as by everybody who writes what contact policy looks
at, and what the refusals forbid is cancelled in the same transaction (`Loader`).
"""

TRANSFER = Kind(
    "transfer",
    4,
    """
UNWIND $rows AS row
MATCH (a:Agreement {id: row.agreementId}) USING INDEX a:Agreement(id)
MATCH (b:Agreement {id: row.toAgreementId}) USING INDEX b:Agreement(id)
MERGE (a)-[r:TRANSFERRED_TO {id: row.id}]->(b) SET r += row.props
RETURN count(*) AS loaded
""",
    references={"agreementId": ("Agreement", "id"), "toAgreementId": ("Agreement", "id")},
)
"""The id of a transfer holds both of its ends: it can't move."""


def _tie(relationship: str) -> Kind:
    return Kind(
        f"tie {relationship}",
        3,
        f"""
UNWIND $rows AS row
MATCH (a:Party {{id: row.fromId}}) USING INDEX a:Party(id)
MATCH (b:Party {{id: row.toId}}) USING INDEX b:Party(id)
MERGE (a)-[r:{relationship} {{id: row.id}}]->(b) SET r += row.props
RETURN count(*) AS loaded
""",
        references={"fromId": ("Party", "id"), "toId": ("Party", "id")},
        before=_moved(relationship, "fromId", "id", "toId", "id"),
        counted=f"()-[:{relationship}]->()",
    )


TIES: Mapping[str, Kind] = {name: _tie(name) for name in PARTY_TIES}
"""The kind of record for each kind of tie between parties."""

MERGED_PARTIES = "(:MergedParty)"
"""What `ABSENT` counts of parties that were merged into others."""

_COUNTED = sorted(
    {
        kind.counted
        for kind in (
            *(
                PRODUCT,
                AGREEMENT,
                CONTACT_POINT,
                MEMBERSHIP,
                HOLDING,
                LINK,
                STANDING_ORDER,
                MOVEMENT,
                EVENT,
                INTERACTION,
                CONSENT,
            ),
            *TIES.values(),
        )
        if kind.counted
    }
    | {MERGED_PARTIES}
)
ABSENT = f"""
WITH [{", ".join(f"['{pattern}', COUNT {{ {pattern} }}]" for pattern in _COUNTED)}] AS counts
UNWIND counts AS one
WITH one WHERE one[1] = 0
RETURN one[0] AS pattern
"""
"""Which of the ``counted`` patterns the graph has none of; the counts are kept by the database."""

PARTIES_TO_SEARCH = """
UNWIND $ids AS id
MATCH (p:Party {id: id}) USING INDEX p:Party(id)
RETURN p.id AS id, p.searchText AS text, p { .displayName, .identifiers, .registrationNumber } AS properties,
  COLLECT {
    MATCH (p)-[r:REACHABLE_AT]->(c:ContactPoint) WHERE r.until IS NULL RETURN { kind: c.kind, value: c.value }
  } AS points
"""
"""What the search text of parties is made of."""

WRITE_SEARCH_TEXT = (
    "UNWIND $rows AS row MATCH (p:Party {id: row.id}) USING INDEX p:Party(id) SET p.searchText = row.text"
)


def missing_statement(label: str, key: str) -> str:
    """The statement that returns which of `$keys` no node of ``label`` has; both names come from the kinds above."""
    return f"""
UNWIND $keys AS key
OPTIONAL MATCH (n:{label} {{{key}: key}})
WITH key, n WHERE n IS NULL
RETURN key
"""
