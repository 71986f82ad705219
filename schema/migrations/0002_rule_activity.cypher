// What each rule did, summed over all workers and restarts: `graph-crm rules list --counters` reads it.
CREATE CONSTRAINT rule_activity_rule IF NOT EXISTS FOR (n:RuleActivity) REQUIRE n.rule IS UNIQUE;
CREATE INDEX offer_rule_id IF NOT EXISTS FOR (n:Offer) ON (n.ruleId);
