"""The statements about the rules themselves: what they did, what became of it, and who switched them."""

from __future__ import annotations

SWITCHED = "MATCH (m:RuleMode) RETURN m.rule AS rule, m.mode AS mode"
"""The mode of every rule that was ever switched: the last entry of its history, kept by `SWITCH`."""

# The node of the rule is locked first: entries of one rule have their order from its turn, not from a clock.
SWITCH = """
MERGE (m:RuleMode {rule: $rule})
SET m.turn = coalesce(m.turn, 0) + 1, m.mode = $mode
CREATE (s:RuleSwitch {id: $id, rule: $rule, mode: $mode, turn: m.turn, at: datetime.realtime(), by: $by,
  reason: $reason})
RETURN s.id AS id
"""

SWITCHES = """
MATCH (s:RuleSwitch {rule: $rule})
RETURN s.id AS id, s.rule AS rule, s.mode AS mode, toString(s.at) AS at, s.by AS by, s.reason AS reason
ORDER BY s.turn DESC
"""

KNOWN = """
RETURN EXISTS { MATCH (:RuleCount {rule: $rule}) } OR EXISTS { MATCH (:Offer {ruleId: $rule}) } AS known
"""

ADD_COUNTS = """
CALL () {
  UNWIND $counts AS row
  MERGE (n:RuleCount {key: row.rule + '|' + row.mode})
  ON CREATE SET n.rule = row.rule, n.mode = row.mode, n.since = datetime.realtime()
  SET n.plugin = row.plugin, n.version = row.version, n.at = datetime.realtime(),
    n.evaluated = coalesce(n.evaluated, 0) + row.evaluated, n.passed = coalesce(n.passed, 0) + row.passed,
    n.unknown = coalesce(n.unknown, 0) + row.unknown, n.failed = coalesce(n.failed, 0) + row.failed,
    n.seconds = coalesce(n.seconds, 0.0) + row.seconds, n.proposed = coalesce(n.proposed, 0) + row.proposed,
    n.offers = coalesce(n.offers, 0) + row.offers, n.held = coalesce(n.held, 0) + row.held
}
CALL () {
  UNWIND $drops AS row
  MERGE (d:RuleDrop {key: row.rule + '|' + row.mode + '|' + row.gate + '|' + row.code})
  ON CREATE SET d.rule = row.rule, d.mode = row.mode, d.gate = row.gate, d.code = row.code
  SET d.count = coalesce(d.count, 0) + row.count
}
"""
"""Add what rules did since the last time. Sums in one statement, so that workers don't lose each other's."""

COUNTS = """
MATCH (n:RuleCount)
RETURN n {.rule, .mode, .plugin, .version, .evaluated, .passed, .unknown, .failed, .seconds, .proposed, .offers, .held,
    since: toString(n.since), at: toString(n.at)} AS counts,
  COLLECT { MATCH (d:RuleDrop {rule: n.rule}) WHERE d.mode = n.mode
    RETURN [d.gate, d.code, d.count] ORDER BY d.gate, d.count DESC, d.code } AS drops
ORDER BY n.rule, n.mode
"""
"""What every rule did in each mode, and where its proposals were stopped."""

BECAME = """
UNWIND $rules AS rule
RETURN rule,
  COLLECT { MATCH (o:Offer {ruleId: rule})
    WITH o.status AS status, count(*) AS offers ORDER BY status RETURN [status, offers] } AS offers,
  COUNT { MATCH (o:Offer {ruleId: rule}) WHERE EXISTS { (o)<-[:FOR_OFFER]-(:Reservation) } } AS reserved,
  COUNT { MATCH (o:Offer {ruleId: rule}) WHERE EXISTS { (o)-[:DELIVERED_AS]->(:Interaction) } } AS contacted,
  COLLECT { MATCH (o:Offer {ruleId: rule})-[:ANSWERED_BY]->(r:Response)
    WITH r.outcome AS outcome, count(DISTINCT r) AS answers ORDER BY outcome RETURN [outcome, answers] } AS answers,
  COUNT { MATCH (o:Offer {ruleId: rule}) WHERE EXISTS { (o)-[:CONVERTED_TO]->(:Agreement) } } AS sales
"""
"""What became of the offers of each of these rules."""

REPORT_PLUGINS = """
CALL () {
  UNWIND $problems AS row
  MERGE (r:PluginReport {key: row.plugin + '|' + $process})
  ON CREATE SET r.plugin = row.plugin, r.process = $process, r.since = datetime.realtime()
  SET r.state = row.state, r.problem = row.problem, r.at = datetime.realtime()
}
CALL () {
  MATCH (r:PluginReport)
  WHERE r.process = $process AND NOT r.plugin IN [row IN $problems | row.plugin]
    OR r.at < datetime.realtime() - duration({seconds: $forgotten})
  DELETE r
}
"""
"""Replace what this process reports of its plugins; forget what processes said that have not spoken for long."""

PLUGIN_REPORTS = """
MATCH (r:PluginReport) WHERE r.at >= datetime.realtime() - duration({seconds: $forgotten})
RETURN r {.plugin, .process, .state, .problem, since: toString(r.since), at: toString(r.at)} AS report
ORDER BY r.plugin, r.process
"""
