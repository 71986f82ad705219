// What decides who may see whom: portfolios, open cases, protected customers.
CREATE CONSTRAINT party_alias IF NOT EXISTS FOR (n:Party) REQUIRE n.alias IS UNIQUE;
CREATE INDEX party_protected IF NOT EXISTS FOR (n:Party) ON (n.protected);

// The open cases of an employee are looked for in every statement of an agent.
CREATE INDEX call_agent_answered IF NOT EXISTS FOR (n:Call) ON (n.agentId, n.answeredAt);
CREATE INDEX session_opened_by_state IF NOT EXISTS FOR (n:Session) ON (n.openedBy, n.state);
CREATE INDEX service_request_owner_closed IF NOT EXISTS FOR (n:ServiceRequest) ON (n.ownerId, n.closedAt);

// Who sees contact points masked finds customers by name only.
CREATE FULLTEXT INDEX party_names IF NOT EXISTS FOR (n:Party) ON EACH [n.nameKey]
OPTIONS { indexConfig: { `fulltext.analyzer`: 'standard-no-stop-words' } };
