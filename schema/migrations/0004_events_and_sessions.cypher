// Events with their sessions, and what is left of events that were removed.
CREATE CONSTRAINT session_id IF NOT EXISTS FOR (n:Session) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT event_day_key IF NOT EXISTS FOR (n:EventDay) REQUIRE n.key IS UNIQUE;

// Open sessions that time out; pages of sessions.
CREATE INDEX session_state_kind_seen IF NOT EXISTS FOR (n:Session) ON (n.state, n.kind, n.lastSeenAt);
CREATE INDEX session_kind IF NOT EXISTS FOR (n:Session) ON (n.kind);
CREATE INDEX session_place IF NOT EXISTS FOR (n:Session) ON (n.place);
CREATE INDEX session_started_id IF NOT EXISTS FOR (n:Session) ON (n.startedAt, n.id);
CREATE INDEX session_last_seen_id IF NOT EXISTS FOR (n:Session) ON (n.lastSeenAt, n.id);

// Counts of a period.
CREATE INDEX event_day_day IF NOT EXISTS FOR (n:EventDay) ON (n.day);
