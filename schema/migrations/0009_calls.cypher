// Calls: those of customers, the call list, and what was shown on screens.
CREATE CONSTRAINT call_id IF NOT EXISTS FOR (n:Call) REQUIRE n.id IS UNIQUE;
CREATE INDEX call_state_heard_at IF NOT EXISTS FOR (n:Call) ON (n.state, n.heardAt);
CREATE INDEX call_begun_at_id IF NOT EXISTS FOR (n:Call) ON (n.begunAt, n.id);
CREATE INDEX call_party IF NOT EXISTS FOR (n:Call) ON (n.partyId);
CREATE INDEX call_number IF NOT EXISTS FOR (n:Call) ON (n.number);
CREATE CONSTRAINT call_entry_id IF NOT EXISTS FOR (n:CallEntry) REQUIRE n.id IS UNIQUE;
CREATE INDEX call_entry_state_rank IF NOT EXISTS FOR (n:CallEntry) ON (n.state, n.rank);
CREATE INDEX call_entry_state_expires_at IF NOT EXISTS FOR (n:CallEntry) ON (n.state, n.expiresAt);
CREATE INDEX call_entry_priority_id IF NOT EXISTS FOR (n:CallEntry) ON (n.priority, n.id);
CREATE INDEX call_entry_party IF NOT EXISTS FOR (n:CallEntry) ON (n.partyId);
CREATE INDEX call_entry_point IF NOT EXISTS FOR (n:CallEntry) ON (n.pointKey);
CREATE INDEX call_entry_offer IF NOT EXISTS FOR (n:CallEntry) ON (n.offerId);
CREATE INDEX call_entry_claimed_by IF NOT EXISTS FOR (n:CallEntry) ON (n.claimedBy);
CREATE INDEX call_entry_callback_number IF NOT EXISTS FOR (n:CallEntry) ON (n.callbackNumber);
