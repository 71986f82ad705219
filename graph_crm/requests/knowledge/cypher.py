"""The statements of the knowledge base."""

from __future__ import annotations

CREATE = """
MERGE (a:Article {id: $id})
ON CREATE SET a.createdAt = $now, a.version = 0
SET a.version = a.version + 1, a += $properties, a.updatedAt = $now, a.updatedBy = $by
RETURN a.version AS version
"""
"""A version above 1 means that there is such an article: the caller rolls back."""

LOCK = """
MATCH (a:Article {id: $id})
SET a.locked = true
REMOVE a.locked
RETURN a.version AS version, a.slug AS slug, a.language AS language, a.title AS title, a.text AS text,
  a.category AS category, a.products AS products, a.active AS active
"""

CHANGE = """
MATCH (a:Article {id: $id})
SET a += $properties, a.version = $version, a.updatedAt = $now, a.updatedBy = $by
"""

KEEP_VERSION = """
MATCH (a:Article {id: $id})
CREATE (a)-[:HAD_VERSION]->(v:ArticleVersion {id: a.id + '@' + toString(a.version), version: a.version,
  title: a.title, text: a.text, category: a.category, products: a.products, active: a.active, at: $now, by: $by})
"""
"""Keep what an article says from now on; what it said before was kept in the same way."""

# The article changes only where its file says something new, so that no change made in the platform is undone.
IMPORT = """
UNWIND $rows AS row
MERGE (a:Article {id: row.id})
ON CREATE SET a.createdAt = $now, a.version = 0
WITH a, row, a.version = 0 AS isNew
WHERE coalesce(a.importDigest, '') <> row.digest
SET a += row.properties, a.version = a.version + 1, a.updatedAt = $now, a.updatedBy = $by, a.importDigest = row.digest
CREATE (a)-[:HAD_VERSION]->(:ArticleVersion {id: a.id + '@' + toString(a.version), version: a.version,
  title: a.title, text: a.text, category: a.category, products: a.products, active: a.active, at: $now, by: $by})
RETURN a.id AS id, isNew
"""

KNOWN_PRODUCTS = """
UNWIND $codes AS code
OPTIONAL MATCH (p:Product {code: code})
WITH code, p WHERE p IS NULL
RETURN collect(code) AS unknown
"""

SUGGEST = (
    "CALL db.index.fulltext.queryNodes('article_search', {text} + ' +(scopeWords:[\"lang_' + coalesce({language}, 'en')"
    " + '\" TO \"lang_' + coalesce({language}, 'en') + '\"]^20 scopeWords:lang_en^0.1)'"
    " + coalesce(' scopeWords:[\"product_' + {productCode} + '\" TO \"product_' + {productCode} + '\"]^4', ''),"
    " {limit: {limit}}) YIELD node AS {n}, score AS {e}"
)
"""The start of a suggestion, a template: articles of the language before English ones, those of the product first."""

SUGGEST_RANK = "{e} DESC"

SOLVED_COUNT = "COUNT { ({n})-[:SOLVED]->() }"
HELPED_COUNT = "COUNT { ({n})-[:HELPED]->() }"
"""The number of ties of a node is in the store: it is exact, costs one look, and nobody fights for a counter."""

# One helped customer counts once a day, however often the button is pressed.
HELPED = """
MATCH (a:Article {id: $article})
OPTIONAL MATCH (p:Party {id: $party})
WITH a, p WHERE $party IS NULL OR p IS NOT NULL
MERGE (f:FirstContact {key: $key})
WITH a, p, f, f.id IS NULL AS isNew
FOREACH (_ IN CASE WHEN isNew THEN [1] ELSE [] END |
  SET f.id = $id, f.articleId = a.id, f.category = a.category, f.partyId = p.id, f.channel = $channel, f.text = $text,
    f.at = $now, f.by = $by, f.language = a.language
  CREATE (a)-[:HELPED]->(f)
)
FOREACH (_ IN CASE WHEN isNew AND p IS NOT NULL THEN [1] ELSE [] END | CREATE (p)-[:WAS_HELPED]->(f))
RETURN f.id AS id, f.articleId = $article AS same
"""

EXISTING = "RETURN EXISTS { MATCH (:Article {id: $article}) } AS article"

KNOWN = """
UNWIND $articles AS name
OPTIONAL MATCH (a:Article {id: name})
RETURN name, a.id AS id
"""

# No counter is kept that two answers could fight for: how often is the number of these ties. MERGE locks both ends,
# the articles in the order of their ids.
SOLVED = """
MATCH (r:ServiceRequest {id: $requestId})
UNWIND $articles AS id
MATCH (a:Article {id: id})
MERGE (a)-[s:SOLVED]->(r)
ON CREATE SET s.at = $at, s.by = $by
RETURN count(*) AS articles
"""

NOT_SOLVED = """
MATCH (:Article)-[s:SOLVED]->(r:ServiceRequest {id: $requestId})
DELETE s
"""
