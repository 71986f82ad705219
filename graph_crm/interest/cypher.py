"""The statements of the interest slice."""

from __future__ import annotations

# One row an interest, with its days: no node is written by two rows, so nothing is read that another row changes. The
# first SET locks the interest; its days are only touched under that lock. Scores are moved to the later of both
# instants, which gives the same sum in whatever order looks arrive. Nobody whose data are only kept is scored.
NOTE = """
UNWIND $rows AS row
MATCH (p:Party {id: row.partyId}) WHERE p.restrictedAt IS NULL
OPTIONAL MATCH (x:Product {code: row.productCode})
MERGE (i:Interest {key: row.key})
SET i.turn = coalesce(i.turn, 0) + 1
WITH p, x, row, i, i.views IS NULL AS isNew
FOREACH (_ IN CASE WHEN isNew THEN [1] ELSE [] END |
  SET i.partyId = row.partyId, i.productCode = row.productCode, i.views = 0, i.started = 0, i.abandoned = 0,
      i.score = 0.0, i.at = row.last, i.firstAt = row.first, i.lastAt = row.last, i.halfLifeDays = $halfLifeDays
  CREATE (p)-[:SHOWS]->(i)
)
SET i.familyCode = coalesce(x.familyCode, i.familyCode)
WITH i, row
UNWIND row.days AS one
MERGE (d:InterestDay {key: one.key})
WITH i, row, one, d, d.views IS NULL AS isNew
FOREACH (_ IN CASE WHEN isNew THEN [1] ELSE [] END |
  SET d.day = one.day, d.productCode = i.productCode, d.partyId = i.partyId, d.views = 0, d.started = 0,
      d.abandoned = 0
  CREATE (i)-[:BY_DAY]->(d)
)
WITH i, row, one, d, $most - size(coalesce(d.moments, [])) AS room
WITH i, row, one, d, CASE WHEN room > 0 THEN room ELSE 0 END AS room
SET d.familyCode = i.familyCode, d.views = d.views + one.views, d.started = d.started + one.started,
    d.abandoned = d.abandoned + one.abandoned, d.moments = coalesce(d.moments, []) + one.moments[..room],
    d.weights = coalesce(d.weights, []) + one.weights[..room]
FOREACH (channel IN keys(one.channels) |
  SET d['via_' + channel] = coalesce(d['via_' + channel], 0) + one.channels[channel]
)
WITH i, row, collect({moments: one.moments[..room], weights: one.weights[..room]}) AS counted
WITH i, row, counted, CASE WHEN row.last > i.at THEN row.last ELSE i.at END AS at,
  toFloat(i.halfLifeDays) * 86400000 AS halfLife
SET i.score = i.score * 2.0 ^ ((i.at.epochMillis - at.epochMillis) / halfLife)
      + reduce(total = 0.0, one IN counted | total + reduce(part = 0.0, k IN range(0, size(one.moments) - 1) |
          part + one.weights[k] * 2.0 ^ ((one.moments[k] - at.epochMillis) / halfLife))),
    i.at = at, i.halfLifeDays = $halfLifeDays,
    i.views = i.views + row.views, i.started = i.started + row.started, i.abandoned = i.abandoned + row.abandoned,
    i.firstAt = CASE WHEN row.first < i.firstAt THEN row.first ELSE i.firstAt END,
    i.lastAt = CASE WHEN row.last > i.lastAt THEN row.last ELSE i.lastAt END
"""

_DAYS = """
MATCH (d:InterestDay)
WHERE d.day >= $from AND d.day <= $to AND ($product IS NULL OR d.productCode = $product)
  AND ($family IS NULL OR d.familyCode = $family)
"""
_DAYS_OF_PRODUCT = """
MATCH (d:InterestDay {productCode: $product})
WHERE d.day >= $from AND d.day <= $to AND ($family IS NULL OR d.familyCode = $family)
"""
_COUNTED = """
RETURN {key} AS key, sum(d.views) AS views, sum(d.started) AS started, sum(d.abandoned) AS abandoned,
  count(DISTINCT d.partyId) AS customers
ORDER BY {order} LIMIT $first
"""
_BY_CHANNEL = """
UNWIND [name IN keys(d) WHERE name STARTS WITH 'via_'] AS via
RETURN substring(via, 4) AS key, sum(d[via]) AS views, null AS started, null AS abandoned,
  count(DISTINCT d.partyId) AS customers
ORDER BY views DESC, key LIMIT $first
"""
_KEYS = {
    "PRODUCT": ("", "d.productCode", "views DESC, key"),
    "FAMILY": ("", "d.familyCode", "views DESC, key"),
    "DAY": ("", "toString(d.day)", "key"),
    "MONTH": ("", "left(toString(d.day), 7)", "key"),
    "SEGMENT": ("MATCH (p:Party {id: d.partyId})", "p.segment", "views DESC, key"),
}


def totals(group_by: str, *, of_one_product: bool) -> str:
    """Interest of a period in groups; parameters ``from``, ``to``, ``product``, ``family``, ``first``."""
    days = _DAYS_OF_PRODUCT if of_one_product else _DAYS
    if group_by == "CHANNEL":
        return days + _BY_CHANNEL
    more, key, order = _KEYS[group_by]
    return days + more + _COUNTED.format(key=key, order=order)


# Sums by reduce: where a page begins with an aggregate, Neo4j 5.26 takes the whole projection for one.
INTERESTED = """
MATCH (d:InterestDay {productCode: {productCode}}) WHERE d.day >= date({from}) AND d.day <= date({to})
WITH DISTINCT d.partyId AS partyId
MATCH ({n}:Party {id: partyId})
WITH {n}, COLLECT {
  MATCH (x:InterestDay {partyId: {n}.id})
  WHERE x.productCode = {productCode} AND x.day >= date({from}) AND x.day <= date({to})
  RETURN x ORDER BY x.day
} AS days
WITH {n}, {views: reduce(n = 0, x IN days | n + x.views), started: reduce(n = 0, x IN days | n + x.started),
  abandoned: reduce(n = 0, x IN days | n + x.abandoned), lastDay: toString(days[-1].day)} AS {e}
"""
"""The customers who showed interest in a product in a period, as the start of a page."""

# Whose birthday it is on one of the days, found by the index of birth dates, and not yet recorded for that year.
BIRTHDAYS = """
UNWIND $days AS one
MATCH (p:Party) USING INDEX p:Party(birthDate)
WHERE p.birthDate IN one.born AND p.id > $after AND p.deceasedOn IS NULL AND p.endedOn IS NULL
  AND coalesce(p.status, 'ACTIVE') <> 'ENDED'
  AND NOT EXISTS { MATCH (:Event {id: 'birthday:' + p.id + ':' + toString(one.day.year)}) }
RETURN p.id AS id, toString(one.day) AS day, p.timeZone AS timeZone, p.country AS country
ORDER BY id, day LIMIT $most
"""
