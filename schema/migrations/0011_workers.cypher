// Work that must not be lost: what of each topic is due, in the order in which it came due (leases take it from there);
// how old the oldest work of each state is. The older index by state alone has no reader any more.
CREATE INDEX outbox_topic_state_available IF NOT EXISTS FOR (n:OutboxEntry) ON (n.topic, n.state, n.availableAt);
CREATE INDEX outbox_state_at IF NOT EXISTS FOR (n:OutboxEntry) ON (n.state, n.at);
DROP INDEX outbox_state_available IF EXISTS;
