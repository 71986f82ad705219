// The audit: chains of entries, each with its place in a chain; found by time, and by whom and what they are about.
CREATE CONSTRAINT audit_entry_place IF NOT EXISTS FOR (n:AuditEntry) REQUIRE (n.shard, n.seq) IS UNIQUE;
CREATE CONSTRAINT audit_head_shard IF NOT EXISTS FOR (n:AuditHead) REQUIRE n.shard IS UNIQUE;
CREATE INDEX audit_entry_last IF NOT EXISTS FOR (n:AuditEntry) ON (n.last);
CREATE FULLTEXT INDEX audit_about IF NOT EXISTS FOR (n:AuditEntry) ON EACH [n.about]
  OPTIONS {indexConfig: {`fulltext.analyzer`: 'whitespace', `fulltext.eventually_consistent`: true}};
