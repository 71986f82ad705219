"""The statements of the analytics of requests: reads only."""

from __future__ import annotations

_WANTED = """($category IS NULL OR r.category = $category) AND ($kind IS NULL OR r.kind = $kind)
  AND ($party IS NULL OR r.partyId = $party) AND ($channel IS NULL OR r.channel = $channel)
  AND ($team IS NULL OR r.team = $team) AND ($owner IS NULL OR r.ownerId = $owner)
  AND ($severity IS NULL OR r.severity = $severity) AND ($status IS NULL OR r.status = $status)
  AND ($product IS NULL OR EXISTS { (r)-[:ABOUT]->(:Product {code: $product}) })"""
"""The filter over a request ``r``; what is not asked is null."""

# CASE and not OR: the planner makes a union of an OR, which reads all that is left of the period for every page.
_PAGE = f"""
MATCH (r:ServiceRequest)
USING INDEX r:ServiceRequest(openedAt, id)
WHERE r.openedAt >= $afterAt AND r.openedAt < $until AND r.id IS NOT NULL
  AND CASE WHEN r.openedAt = $afterAt THEN r.id > $afterId ELSE true END
  AND {_WANTED}
WITH r ORDER BY r.openedAt, r.id LIMIT $page
"""
"""The requests that came in, a page in the order of the index."""

FACTS = (
    _PAGE
    + """
RETURN max(datetime.realtime().epochMillis) AS now, collect([r.id, r.openedAt.epochMillis, r.kind, r.status, r.category,
  head([(r)-[:ABOUT]->(p:Product) | p.code]), r.partyId, r.channel, r.team, r.ownerId, r.severity, r.outcome,
  r.rootCause, r.surveyScore,
  COLLECT { MATCH (r)-[:LOGGED]->(e:RequestEntry) WHERE e.kind IN $kinds
    WITH e ORDER BY e.seq
    RETURN [e.kind, e.at.epochMillis, CASE WHEN e.kind IN $telling THEN e.data END] }]) AS rows
"""
)
"""What is counted of each request, with what the clocks read of its log."""

WORDS = (
    _PAGE
    + """
RETURN collect([r.id, r.openedAt.epochMillis, r.category, r.subject, substring(coalesce(r.text, ''), 0, $letters),
  r.partyId]) AS rows
"""
)
"""What customers said."""

HELPED = """
MATCH (f:FirstContact) WHERE f.at >= $since AND f.at < $until
  AND ($category IS NULL OR f.category = $category) AND ($party IS NULL OR f.partyId = $party)
  AND ($channel IS NULL OR f.channel = $channel)
  AND ($product IS NULL OR EXISTS { MATCH (f)<-[:HELPED]-(a:Article) WHERE $product IN a.products })
  AND $kind IS NULL AND $team IS NULL AND $owner IS NULL AND $severity IS NULL AND $status IS NULL
WITH date(datetime({datetime: f.at, timezone: $zone})) AS day, f.category AS category, f.channel AS channel,
  CASE WHEN $byParty THEN f.partyId END AS party, count(*) AS helped
RETURN collect([toString(day), category, channel, party, helped]) AS rows
"""
"""Problems that articles solved before anybody sent a request; they have no team, owner or status."""

# What is open now, and what changed since the beginning of the period: so the work grows with the period and not with
# the years before it.
BACKLOG = f"""
RETURN COUNT {{ MATCH (r:ServiceRequest) WHERE r.status IN $open AND {_WANTED} }} AS open,
  toString(date(datetime({{datetime: datetime.realtime(), timezone: $zone}}))) AS today,
  COLLECT {{
    MATCH (e:RequestEntry) WHERE e.kind IN ['OPENED', 'CLOSED', 'REOPENED'] AND e.at >= $since
    MATCH (e)<-[:LOGGED]-(r:ServiceRequest) WHERE {_WANTED}
    WITH date(datetime({{datetime: e.at, timezone: $zone}})) AS day, e.kind AS kind, count(*) AS entries
    RETURN [toString(day), kind, entries]
  }} AS changes
"""

NAMES = """
RETURN COLLECT { UNWIND $parties AS id MATCH (p:Party {id: id}) RETURN [id, p.displayName] } AS parties,
  COLLECT { UNWIND $products AS code MATCH (p:Product {code: code}) RETURN [code, p.name] } AS products,
  COLLECT { UNWIND $owners AS id MATCH (e:Employee {id: id}) RETURN [id, e.displayName] } AS owners
"""
"""What people call the customers, products and employees of groups."""

ARTICLES = """
MATCH (a:Article)
WITH a, COUNT { MATCH (a)-[:HELPED]->(f:FirstContact) WHERE f.at >= $since AND f.at < $until } AS helped,
  COUNT { MATCH (a)-[s:SOLVED]->() WHERE s.at >= $since AND s.at < $until } AS solved
WHERE helped + solved > 0
RETURN a.id AS id, a.title AS title, a.language AS language, helped, solved
ORDER BY helped + solved DESC, a.id LIMIT $first
"""
"""What articles did in a period."""

LISTED = """
UNWIND $statuses AS status
MATCH (r:ServiceRequest {status: status})
WHERE ($team IS NULL OR r.team = $team) AND ($owner IS NULL OR r.ownerId = $owner)
  AND ($category IS NULL OR r.category = $category) AND ($party IS NULL OR r.partyId = $party)
WITH r ORDER BY r.resolutionDueAt, r.id LIMIT $most
OPTIONAL MATCH (p:Party {id: r.partyId})
OPTIONAL MATCH (e:Employee {id: r.ownerId})
RETURN r {.number, .status, .kind, .category, .priority, .subject, owner: coalesce(e.displayName, r.ownerId),
    customer: p.displayName, contact: CASE WHEN p IS NULL THEN r.contact END} AS request,
  r.openedAt.epochMillis AS opened, r.resolutionDueAt.epochMillis AS due
ORDER BY due, request.number
"""
"""The queue of the desk, what is due first at the top."""

SHOWN = """
MATCH (r:ServiceRequest {number: $number})
OPTIONAL MATCH (p:Party {id: r.partyId})
OPTIONAL MATCH (e:Employee {id: r.ownerId})
RETURN r {.number, .status, .kind, .category, .priority, .severity, .subject, .channel, .language, .country, .team,
    .outcome, .rootCause, .surveyScore, .version} AS request,
  r.openedAt.epochMillis AS opened, r.resolutionDueAt.epochMillis AS due, datetime.realtime().epochMillis AS now,
  p.displayName AS customer, CASE WHEN p IS NULL THEN r.contact END AS contact,
  coalesce(e.displayName, r.ownerId) AS owner,
  head([(r)-[:ABOUT]->(x:Product) | x.code]) AS product, [(r)<-[:SOLVED]-(a:Article) | a.id] AS articles,
  COLLECT { MATCH (r)-[:LOGGED]->(x:RequestEntry) WITH x ORDER BY x.seq
    RETURN [x.kind, x.at.epochMillis, x.by, x.text, x.data] } AS log
"""
