// Consent, contact policy, responses: what is unique, and what a decision looks up.
CREATE CONSTRAINT consent_id IF NOT EXISTS FOR (n:Consent) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT contact_ledger_key IF NOT EXISTS FOR (n:ContactLedger) REQUIRE n.key IS UNIQUE;
CREATE CONSTRAINT reservation_id IF NOT EXISTS FOR (n:Reservation) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT reservation_key IF NOT EXISTS FOR (n:Reservation) REQUIRE n.key IS UNIQUE;
CREATE CONSTRAINT limit_override_id IF NOT EXISTS FOR (n:LimitOverride) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT response_id IF NOT EXISTS FOR (n:Response) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT response_key IF NOT EXISTS FOR (n:Response) REQUIRE n.key IS UNIQUE;
CREATE CONSTRAINT episode_key IF NOT EXISTS FOR (n:Episode) REQUIRE n.key IS UNIQUE;
CREATE CONSTRAINT rule_switch_id IF NOT EXISTS FOR (n:RuleSwitch) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT timer_name IF NOT EXISTS FOR (n:Timer) REQUIRE n.name IS UNIQUE;
CREATE CONSTRAINT learned_count_key IF NOT EXISTS FOR (n:LearnedCount) REQUIRE n.key IS UNIQUE;

CREATE INDEX consent_point_key IF NOT EXISTS FOR (n:Consent) ON (n.pointKey);
CREATE INDEX interaction_point_key IF NOT EXISTS FOR (n:Interaction) ON (n.pointKey);
CREATE INDEX reservation_point_key IF NOT EXISTS FOR (n:Reservation) ON (n.pointKey);
CREATE INDEX reservation_state_until IF NOT EXISTS FOR (n:Reservation) ON (n.state, n.until);
CREATE INDEX reservation_at_id IF NOT EXISTS FOR (n:Reservation) ON (n.at, n.id);
CREATE INDEX response_party IF NOT EXISTS FOR (n:Response) ON (n.partyId);
CREATE INDEX offer_status_not_before IF NOT EXISTS FOR (n:Offer) ON (n.status, n.notBefore);
CREATE INDEX offer_status_valid_until IF NOT EXISTS FOR (n:Offer) ON (n.status, n.validUntil);
CREATE INDEX offer_party IF NOT EXISTS FOR (n:Offer) ON (n.partyId);
CREATE INDEX limit_override_status IF NOT EXISTS FOR (n:LimitOverride) ON (n.status);
CREATE INDEX learned_count_model IF NOT EXISTS FOR (n:LearnedCount) ON (n.model);

// Rules: which mode they were switched to, and what they did in each mode.
CREATE CONSTRAINT rule_mode_rule IF NOT EXISTS FOR (n:RuleMode) REQUIRE n.rule IS UNIQUE;
CREATE INDEX rule_switch_rule IF NOT EXISTS FOR (n:RuleSwitch) ON (n.rule);
CREATE INDEX rule_switch_at_id IF NOT EXISTS FOR (n:RuleSwitch) ON (n.at, n.id);
CREATE CONSTRAINT rule_count_key IF NOT EXISTS FOR (n:RuleCount) REQUIRE n.key IS UNIQUE;
CREATE CONSTRAINT rule_drop_key IF NOT EXISTS FOR (n:RuleDrop) REQUIRE n.key IS UNIQUE;
CREATE INDEX rule_drop_rule IF NOT EXISTS FOR (n:RuleDrop) ON (n.rule);
CREATE CONSTRAINT plugin_report_key IF NOT EXISTS FOR (n:PluginReport) REQUIRE n.key IS UNIQUE;
MATCH (old:RuleActivity)
MERGE (n:RuleCount {key: old.rule + '|on'})
ON CREATE SET n.rule = old.rule, n.mode = 'on', n.evaluated = old.evaluated, n.passed = old.passed,
  n.unknown = old.unknown, n.failed = old.failed, n.seconds = old.seconds;
MATCH (old:RuleActivity) DELETE old;
DROP CONSTRAINT rule_activity_rule IF EXISTS;
CREATE INDEX learned_count_feature IF NOT EXISTS FOR (n:LearnedCount) ON (n.feature);

// Offers lead to their customer by themselves, and know what they were decided with.
MATCH (p:Party)<-[:FOR]-(d:Decision)-[r:PROPOSED]->(o:Offer)
WHERE NOT EXISTS { (o)-[:OFFERED_TO]->() }
MERGE (o)-[:OFFERED_TO]->(p)
SET o.partyId = p.id, o.decisionId = d.id, o.rank = r.rank, o.actionClass = 'PROMOTIONAL', o.statusAt = o.createdAt;
CREATE INDEX response_at_id IF NOT EXISTS FOR (n:Response) ON (n.at, n.id);
CREATE INDEX offer_created_at_id IF NOT EXISTS FOR (n:Offer) ON (n.createdAt, n.id);
