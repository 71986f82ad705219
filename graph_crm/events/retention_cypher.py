"""The statements of removing raw events and of counting what happened."""

from __future__ import annotations

import datetime as dt


def day_key(at: dt.datetime, kind: str, channel: str | None) -> str:
    """The key of the count in which an event is, once it is removed."""
    return f"{at.astimezone(dt.UTC).date()}|{kind}|{channel or ''}"


ENDED = ("ACCEPTED", "REJECTED", "EXPIRED", "CANCELLED")
"""Statuses of an offer that nobody waits for any more."""
BEGINNING = -62_135_596_800_000
"""Epoch milliseconds of the year 1."""

# Who removes and who counts over what may be removed takes turns; the node has no other use.
TAKE_TURN = "MERGE (l:Lock {name: 'events.retention'}) SET l.turn = coalesce(l.turn, 0) + 1"

# In the order of an index, so that a page reads no more than itself: where the last page ended, without what it ended
# with.
_PAGE = """
MATCH (e:Event)
USING INDEX e:Event({index})
WHERE {types} e.at >= datetime({{epochMillis: $from}}) AND e.at < datetime({{epochMillis: $until}})
  AND NOT e.id IN $seen
RETURN e.id AS id, e.type AS type, e.at.epochMillis AS at, e.partyId AS partyId ORDER BY {order} LIMIT $most
"""

OLD_OF_TYPE = _PAGE.format(index="type, at", types="e.type = $type AND", order="e.type, e.at")
OLD_OTHERS = _PAGE.format(index="at", types="NOT e.type IN $named AND", order="e.at")

# What still goes by an event holds it: work on it that is not done, an offer that is open, a request that is not
# closed, a complaint that is open. What closed a complaint stays as long as the complaint.
_FREE = """
UNWIND $ids AS id
MATCH (e:Event {id: id})
WHERE NOT e.id IN $open
  AND NOT EXISTS { MATCH (w:OutboxEntry {id: 'event.recorded:' + e.id}) WHERE w.state <> 'DONE' }
  AND NOT EXISTS {
    MATCH (e)<-[:CAUSED_BY]-(d)-[:PROPOSED|RECONSIDERED]->(o:Offer) WHERE NOT o.status IN $ended
  }
  AND NOT EXISTS { MATCH (e)<-[:CAUSED_BY]-(r:ServiceRequest) WHERE r.status <> 'CLOSED' }
  AND NOT (e.type = 'complaint_closed' AND EXISTS {
    MATCH (e)<-[:DID]-(p:Party)-[:DID]->(c:Event) WHERE c.type = 'complaint'
  })
"""

REMOVABLE = f"{_FREE}RETURN e.type AS type, count(*) AS events"
"""By type, how many of these events would be removed."""

REMOVE = f"""{_FREE}
WITH date(e.at) AS day, e.type AS type, coalesce(e.channel, '') AS channel, collect(e) AS gone
CALL (day, type, channel, gone) {{
  // the key as `day_key` makes it
  MERGE (d:EventDay {{key: toString(day) + '|' + type + '|' + channel}})
  ON CREATE SET d.day = day, d.type = type, d.channel = CASE WHEN channel = '' THEN null ELSE channel END, d.count = 0
  SET d.count = d.count + size(gone)
}}
CALL (gone) {{
  UNWIND gone AS e
  DETACH DELETE e
}}
RETURN type, sum(size(gone)) AS events
"""
"""Count these events by day, type and channel, and remove them: both or nothing. Run under `TAKE_TURN`."""

REMOVED_BEFORE = """
UNWIND $old AS one
MATCH (d:EventDay {key: one.key})
WHERE NOT EXISTS { MATCH (:Event {id: one.id}) }
RETURN one.index AS index
"""
"""Which of these events are of a day whose like was counted and removed; who is there still was not."""
