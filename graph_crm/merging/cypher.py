"""The statements of merging. `k` is the party that is kept, `m` the one that is merged into it, `g` the merge.

What of `m` moves carries the merge's id in `mergedBy` (a list: a chain of merges leaves several), so that it finds
back. What `k` has already - the same phone, the same household - stays at `m` as `WAS_TIED`.
"""

from __future__ import annotations

from typing import Final

from graph_crm.contacts.ledger import OF_PARTY
from graph_crm.privacy.erasure_cypher import COPIES_GONE

TIES: Final = "REACHABLE_AT|MEMBER_OF|HOLDS|SPOUSE_OF|PARENT_OF|GUARANTEES|OWNS|DIRECTS|EMPLOYS|REFERRED|LOOKS_AFTER"
"""Relationships of which both parties may have the same."""
LOOSE: Final = ("Response", "Episode", "InterestDay", "Attachment", "PrivacyExport")
"""Records that name their party and hang on none."""

SIDES: Final = """
UNWIND $ids AS id
MATCH (p:Party {id: id})
RETURN p.id AS id, p:Organization AS organization, p.version AS version, p.erasedAt IS NOT NULL AS erased,
  p.merging IS NOT NULL AS merging, p.identifiers AS identifiers,
  [name IN $names WHERE p[name] IS NOT NULL | [name, toString(p[name])]] AS properties,
  COLLECT {
    MATCH (p)-[r:REACHABLE_AT]->(c:ContactPoint) WHERE r.until IS NULL AND r.preferred RETURN [c.kind, c.valueKey]
  } AS preferred,
  COLLECT {
    MATCH (p)-[r:MEMBER_OF]->(h:Household) WHERE r.until IS NULL RETURN [h.id, r.role]
  } AS households,
  COLLECT {
    MATCH (p)-[:GAVE]->(s:Consent)
    RETURN [s.purpose, s.channel, s.pointKey, s.status, coalesce(s.at, s.recordedAt).epochMillis]
    ORDER BY coalesce(s.at, s.recordedAt), s.recordedAt, s.id
  } AS consents
"""

BEGIN: Final = """
MATCH (k:Party {id: $kept}), (m:Party {id: $merged})
CREATE (k)-[:MERGED_FROM]->(g:Merge {id: $merge, keptId: k.id, mergedId: m.id, mergedName: m.displayName,
  at: datetime({epochMillis: datetime.realtime().epochMillis}), by: $by, reason: $reason, state: 'MOVING',
  took: $take, chosen: $chosen, organization: m:Organization})
CREATE (m)-[:MERGED_INTO]->(k)
SET m:MergedParty, k.merging = $merge, k.version = k.version + 1, k.updatedAt = g.at,
  g.before_identifiers = k.identifiers, g.before_protected = k.protected, k.identifiers = $identifiers,
  g.identifiers = $identifiers
REMOVE m:Party:Person:Organization
FOREACH (name IN $take | SET g['before_' + name] = k[name] SET k[name] = m[name])
SET g.alias = CASE WHEN k.alias IS NULL AND (k.protected OR k.restrictedAt IS NOT NULL) THEN $alias END,
  g.forced = k.restrictedAt IS NOT NULL AND NOT coalesce(k.protected, false)
SET k.alias = coalesce(k.alias, g.alias), k.protected = CASE WHEN g.forced THEN true ELSE k.protected END
CREATE (k)-[:WAS_CHANGED]->(:PartyChange {id: $change, at: g.at, fields: $fields, reason: $reason, by: $by,
  version: k.version})
RETURN g.at.epochMillis AS at, k.version AS version
"""
"""The two are one: from here on nothing finds the merged party, and nobody contacts the kept one."""

TIES_OF: Final = f"""
MATCH (p {{id: $id}})-[r:{TIES}]-(o) WHERE p:Party OR p:MergedParty
RETURN elementId(r) AS place, r.id AS id, type(r) AS kind, startNode(r) = p AS out, elementId(o) AS other,
  CASE WHEN o:Party THEN o.id END AS party, CASE WHEN o:Household THEN o.id END AS household,
  toString(r.since) AS since, toString(r.until) AS until, r.role AS role,
  r.share AS share
ORDER BY place
"""

SET_ASIDE: Final = """
UNWIND $rows AS row
MATCH (m:MergedParty {id: $merged})
MATCH ()-[r]->() WHERE elementId(r) = row.place
OPTIONAL MATCH ()-[s]->() WHERE elementId(s) = row.same
WITH m, r, s, row, CASE WHEN startNode(r) = m THEN endNode(r) ELSE startNode(r) END AS o, startNode(r) = m AS out
CREATE (m)-[w:WAS_TIED]->(o)
SET w = properties(r), w.tieKind = type(r), w.out = out, w.merge = $merge, w.turn = row.turn
FOREACH (_ IN CASE WHEN row.earlier OR row.later OR row.role THEN [1] ELSE [] END |
  SET w.sameId = s.id, w.sameSince = s.since, w.sameUntil = s.until, w.sameRole = s.role
  SET s.since = CASE WHEN row.earlier THEN r.since ELSE s.since END,
    s.until = CASE WHEN row.later THEN r.until ELSE s.until END,
    s.role = CASE WHEN row.role THEN r.role ELSE s.role END
  SET w.madeSince = s.since, w.madeUntil = s.until, w.madeRole = s.role
)
DELETE r
"""
"""What the kept party has as well: its own then holds for the time of both."""

_MOVED = """
WITH {to}, r, o, type(r) AS kind, properties(r) AS held
DELETE r
CREATE {created}
SET n = held, n.mergedBy = {tags}
FOREACH (_ IN CASE WHEN o.partyId = ${was} THEN [1] ELSE [] END | SET o.partyId = ${now})
RETURN count(n) AS moved
"""
_TAGGED = "coalesce(held.mergedBy, []) + $merge"
_UNTAGGED = "CASE WHEN size(held.mergedBy) > 1 THEN [one IN held.mergedBy WHERE one <> $merge] END"

MOVE_OUT: Final = """
MATCH (k:Party {id: $kept}), (m:MergedParty {id: $merged})
MATCH (m)-[r]->(o) WHERE NOT type(r) IN ['MERGED_INTO', 'WAS_TIED']
WITH k, r, o LIMIT $most
""" + _MOVED.format(to="k", created="(k)-[n:$(kind)]->(o)", tags=_TAGGED, was="merged", now="kept")
MOVE_IN: Final = """
MATCH (k:Party {id: $kept}), (m:MergedParty {id: $merged})
MATCH (m)<-[r]-(o) WHERE type(r) <> 'MERGED_INTO'
WITH k, r, o LIMIT $most
""" + _MOVED.format(to="k", created="(k)<-[n:$(kind)]-(o)", tags=_TAGGED, was="merged", now="kept")
BACK_OUT: Final = """
MATCH (k:Party {id: $kept}), (m:Party {id: $merged})
MATCH (k)-[r]->(o) WHERE $merge IN r.mergedBy
WITH m, r, o LIMIT $most
""" + _MOVED.format(to="m", created="(m)-[n:$(kind)]->(o)", tags=_UNTAGGED, was="kept", now="merged")
BACK_IN: Final = """
MATCH (k:Party {id: $kept}), (m:Party {id: $merged})
MATCH (k)<-[r]-(o) WHERE $merge IN r.mergedBy
WITH m, r, o LIMIT $most
""" + _MOVED.format(to="m", created="(m)<-[n:$(kind)]-(o)", tags=_UNTAGGED, was="kept", now="merged")


def move_loose(label: str) -> str:
    """Records of a label that only name their party."""
    return f"""
MATCH (n:{label} {{partyId: $merged}}) WITH n LIMIT $most
SET n.partyId = $kept, n.mergedBy = coalesce(n.mergedBy, []) + $merge
RETURN count(n) AS moved
"""


def loose_back(label: str) -> str:
    """The same, back."""
    return f"""
MATCH (n:{label} {{partyId: $kept}}) WHERE $merge IN n.mergedBy WITH n LIMIT $most
SET n.partyId = $merged,
  n.mergedBy = CASE WHEN size(n.mergedBy) > 1 THEN [one IN n.mergedBy WHERE one <> $merge] END
RETURN count(n) AS moved
"""


# Work that somebody holds is taken from him: what he did with the old id is rolled back, and done again.
_WORK = """
SET e.lock = 0
SET e.partitionKey = replace(e.partitionKey, $from, $to), e.payload = replace(e.payload, $fromText, $toText),
  e.behind = null, e.mergedBy = {tags}
WITH e, e.state AS state, datetime.realtime() AS now WHERE state <> 'FAILED'
SET e.state = 'PENDING', e.leasedBy = null, e.alone = null,
  e.availableAt = CASE WHEN state = 'LEASED' OR e.at <= now THEN now ELSE e.availableAt END
RETURN count(e) AS moved
"""
MOVE_WORK: Final = """
UNWIND [$merged, 'privacy.export:' + $merged] AS line
UNWIND ['PENDING', 'LEASED', 'FAILED'] AS open
MATCH (e:OutboxEntry) WHERE e.partitionKey = line AND e.state = open
""" + _WORK.format(tags="coalesce(e.mergedBy, []) + $merge")
WORK_BACK: Final = """
UNWIND [$kept, 'privacy.export:' + $kept] AS line
UNWIND ['PENDING', 'LEASED', 'FAILED'] AS open
MATCH (e:OutboxEntry) WHERE e.partitionKey = line AND e.state = open AND $merge IN e.mergedBy
""" + _WORK.format(tags="CASE WHEN size(e.mergedBy) > 1 THEN [one IN e.mergedBy WHERE one <> $merge] END")

PREFER: Final = """
UNWIND $points AS point
MATCH (k:Party {id: $kept})-[r:REACHABLE_AT]->(c:ContactPoint {kind: point[0]})
WHERE r.until IS NULL AND coalesce(r.preferred, false) <> (c.valueKey = point[1])
SET r.preferredBefore = r.preferred, r.preferredBy = $merge, r.preferred = (c.valueKey = point[1])
"""

ADD_CONSENTS: Final = """
MATCH (k:Party {id: $kept}), (g:Merge {id: $merge})
SET g.consents = [row IN $rows | row.id]
WITH k, datetime({epochMillis: datetime.realtime().epochMillis}) AS now
UNWIND $rows AS row
CREATE (k)-[:GAVE]->(c:Consent)
SET c = row, c.partyId = k.id, c.at = now, c.recordedAt = now, c.source = 'merge'
"""

LOCK: Final = """
MATCH (g:Merge {id: $merge})
SET g.lock = 0
RETURN g.state AS state, g.keptId AS kept, g.mergedId AS merged
"""

FINISH: Final = """
MATCH (g:Merge {id: $merge})
SET g.state = $state, g.doneAt = datetime({epochMillis: datetime.realtime().epochMillis})
WITH g
MATCH (p:Party) WHERE p.id IN [g.keptId, g.mergedId] AND p.merging = g.id
REMOVE p.merging
"""

SEARCH_TEXT: Final = "MATCH (p:Party {id: $id}) SET p.searchText = $text"

LEDGERS: Final = f"""
OPTIONAL MATCH (p:Party {{id: $kept}})
RETURN ['party:' + $merged, 'party:' + $kept] + CASE WHEN p IS NULL THEN [] ELSE {OF_PARTY} END AS keys
"""

MERGE: Final = """
MATCH (g:Merge {id: $merge})
RETURN g.id AS id, g.keptId AS kept, g.mergedId AS merged, g.at.epochMillis AS at, g.by AS by, g.reason AS reason,
  g.state AS state, g.doneAt.epochMillis AS doneAt, g.stayed AS stayed,
  EXISTS { MATCH (:MergedParty {id: g.mergedId}) } AS gone,
  EXISTS { MATCH (k:Party {id: g.keptId}) WHERE k.erasedAt IS NULL } AS standing,
  head(COLLECT { MATCH (m:MergedParty {id: g.mergedId}) RETURN m.erasedAt IS NOT NULL }) AS mergedErased,
  EXISTS { MATCH (:MergedParty {id: g.keptId}) } AS keptMerged,
  COLLECT {
    MATCH (later:Merge {keptId: g.keptId}) WHERE later.at >= g.at AND later.id <> g.id AND later.state <> 'UNDONE'
    RETURN later.id ORDER BY later.at DESC
  } AS later
"""
"""A merge with what speaks against taking it back."""

UNDO: Final = """
MATCH (g:Merge {id: $merge})
MATCH (m:MergedParty {id: g.mergedId})-[into:MERGED_INTO]->(k:Party {id: g.keptId})
DELETE into
WITH g, m, k, [name IN g.took WHERE NOT coalesce(k[name] = m[name], k[name] IS NULL AND m[name] IS NULL)] AS stayed,
  coalesce(k.identifiers = g.identifiers, k.identifiers IS NULL) AS same
SET g.state = 'UNDOING', g.undoneAt = datetime({epochMillis: datetime.realtime().epochMillis}), g.undoneBy = $by,
  g.undoneReason = $reason, g.stayed = stayed + CASE WHEN same THEN [] ELSE ['identifiers'] END,
  m:Party, m.merging = g.id, k.merging = g.id, m.version = m.version + 1, k.version = k.version + 1,
  m.updatedAt = g.undoneAt, k.updatedAt = g.undoneAt,
  k.identifiers = CASE WHEN same THEN g.before_identifiers ELSE k.identifiers END
FOREACH (_ IN CASE WHEN g.organization THEN [1] ELSE [] END | SET m:Organization)
FOREACH (_ IN CASE WHEN g.organization THEN [] ELSE [1] END | SET m:Person)
REMOVE m:MergedParty
FOREACH (name IN [one IN g.took WHERE NOT one IN stayed] | SET k[name] = g['before_' + name])
SET k.alias = CASE WHEN k.alias = g.alias THEN null ELSE k.alias END,
  k.protected = CASE WHEN g.forced AND k.protectedReason IS NULL THEN g.before_protected ELSE k.protected END
CREATE (k)-[:WAS_CHANGED]->(:PartyChange {id: $change, at: g.undoneAt, fields: ['mergedFrom'], reason: $reason,
  by: $by, version: k.version})
WITH g, k
CALL (g, k) {
  MATCH (k)-[:GAVE]->(c:Consent) WHERE c.id IN g.consents DETACH DELETE c
}
CALL (g, k) {
  MATCH (k)-[r:REACHABLE_AT]->() WHERE r.preferredBy = g.id
  SET r.preferred = r.preferredBefore
  REMOVE r.preferredBy, r.preferredBefore
}
SET g.mergedName = null, g.identifiers = null, g.alias = null
FOREACH (name IN [one IN keys(g) WHERE one STARTS WITH 'before_'] | SET g[name] = null)
RETURN g.keptId AS kept, g.mergedId AS merged, g.stayed AS stayed
"""
"""The two are two again; what changed at the kept party since stays with it and is told (`stayed`).

What the merge knew of the one is no business of the other any more.
"""

_SINCE: Final = """
MATCH (g:Merge {id: $merge}), (k:Party {id: $kept}), (m:Party {id: $merged})
"""
REFUSED_SINCE: Final = f"""{_SINCE}
MATCH (k)-[r:GAVE]->(c:Consent)
WHERE c.status <> 'GRANTED' AND c.recordedAt >= g.at AND NOT $merge IN coalesce(r.mergedBy, [])
CREATE (m)-[:GAVE]->(n:Consent)
SET n = c {{.purpose, .channel, .pointKey, .status, .at, .recordedAt, .textVersion}}, n.id = g.id + ':' + c.id,
  n.partyId = m.id, n.source = 'merge'
"""
# At a contact point it was one contact: limits of the point find the first of the two, wherever it was.
CONTACTED_SINCE: Final = f"""{_SINCE}
MATCH (k)-[r:HAD]->(i:Interaction)
WHERE i.direction = 'OUTBOUND' AND i.at >= g.at AND NOT $merge IN coalesce(r.mergedBy, [])
CREATE (m)-[:HAD]->(n:Interaction)
SET n = i {{.channel, .direction, .purpose, .outcome, .at, .productCode, .actionClass, .callBackAt}},
  n.id = g.id + ':' + i.id, n.source = 'merge', n.pointKey = CASE WHEN i.pointKey IS NULL THEN null ELSE 'merge' END
"""
COPIES_BACK: Final = f"""{_SINCE}
MATCH (x:PrivacyExport {{partyId: k.id}})
WHERE x.state = 'WANTED' OR x.state = 'READY' AND x.readyAt >= g.at{COPIES_GONE}"""
FOR_BOTH: Final = (REFUSED_SINCE, CONTACTED_SINCE, COPIES_BACK)
"""What happened while two persons were taken for one, and nobody can tell of which it was: a refusal holds for both, a
contact counts for both, and a copy of what is held on both is handed out to neither."""

_ASIDE_BACK = """
MATCH (m:Party {{id: $merged}})-[w:WAS_TIED {{merge: $merge}}]->(o) WHERE w.out = {out}
WITH m, w, o, w.tieKind AS kind, w {{.*, tieKind: null, out: null, merge: null, turn: null, sameId: null,
  sameSince: null, sameUntil: null, sameRole: null, madeSince: null, madeUntil: null, madeRole: null}} AS held
DELETE w
CREATE {created}
SET n = held
"""
NARROW: Final = """
MATCH (m:Party {id: $merged})-[w:WAS_TIED {merge: $merge}]->(o) WHERE w.sameId IS NOT NULL
WITH w, o ORDER BY w.turn DESC
MATCH (k:Party {id: $kept})-[s]-(o) WHERE type(s) = w.tieKind AND s.id = w.sameId
SET s.since = CASE WHEN coalesce(s.since = w.madeSince, s.since IS NULL AND w.madeSince IS NULL) THEN w.sameSince
    ELSE s.since END,
  s.until = CASE WHEN coalesce(s.until = w.madeUntil, s.until IS NULL AND w.madeUntil IS NULL) THEN w.sameUntil
    ELSE s.until END,
  s.role = CASE WHEN coalesce(s.role = w.madeRole, s.role IS NULL AND w.madeRole IS NULL) THEN w.sameRole
    ELSE s.role END
"""
ASIDE_BACK: Final = (
    NARROW,
    _ASIDE_BACK.format(out="true", created="(m)-[n:$(kind)]->(o)"),
    _ASIDE_BACK.format(out="false", created="(m)<-[n:$(kind)]-(o)"),
)
"""What was set aside, back; what was widened for it, as it was."""

HELD_SLOTS: Final = """
MATCH (k:Party {id: $kept})-[:RESERVED]->(r:Reservation)
WHERE r.state = 'HELD' AND r.until > datetime({epochMillis: $now})
OPTIONAL MATCH (x:Product {code: r.productCode})
RETURN r.id AS id, r.channel AS channel, r.direction AS direction, r.actionClass AS actionClass, r.purpose AS purpose,
  r.productCode AS product, x.familyCode AS family, r.pointKey AS point, r.at.epochMillis AS at,
  r.until.epochMillis AS until
ORDER BY r.createdAt DESC, r.id DESC
"""

GIVE_BACK: Final = """
MATCH (r:Reservation {id: $id}) WHERE r.state = 'HELD'
WITH r, datetime({epochMillis: $now}) AS now
SET r.state = 'CANCELLED', r.endedAt = now, r.reason = $reason
WITH r, now
MATCH (r)-[:FOR_OFFER]->(o:Offer) WHERE o.status = 'RESERVED'
SET o.status = 'WAITING', o.notBefore = now, o.statusReason = 'SLOT_CANCELLED', o.statusAt = now
"""
