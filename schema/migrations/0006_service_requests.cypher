// Employees, service requests and their log, what customers sent with them.
CREATE CONSTRAINT employee_id IF NOT EXISTS FOR (n:Employee) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT absence_id IF NOT EXISTS FOR (n:Absence) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT service_request_id IF NOT EXISTS FOR (n:ServiceRequest) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT service_request_number IF NOT EXISTS FOR (n:ServiceRequest) REQUIRE n.number IS UNIQUE;
CREATE CONSTRAINT service_request_key IF NOT EXISTS FOR (n:ServiceRequest) REQUIRE n.key IS UNIQUE;
CREATE CONSTRAINT request_entry_id IF NOT EXISTS FOR (n:RequestEntry) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT attachment_id IF NOT EXISTS FOR (n:Attachment) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT mail_received_id IF NOT EXISTS FOR (n:MailReceived) REQUIRE n.id IS UNIQUE;

// Queues of the desk, what somebody carries, what nobody answers for, what changed since.
CREATE INDEX service_request_open_owner IF NOT EXISTS FOR (n:ServiceRequest) ON (n.openOwnerId);
CREATE INDEX service_request_unowned IF NOT EXISTS FOR (n:ServiceRequest) ON (n.unowned);
CREATE INDEX service_request_opened_id IF NOT EXISTS FOR (n:ServiceRequest) ON (n.openedAt, n.id);
CREATE INDEX service_request_closed IF NOT EXISTS FOR (n:ServiceRequest) ON (n.closedAt);
CREATE INDEX service_request_due IF NOT EXISTS FOR (n:ServiceRequest) ON (n.resolutionDueAt);
CREATE INDEX service_request_status IF NOT EXISTS FOR (n:ServiceRequest) ON (n.status);
CREATE INDEX service_request_team_status IF NOT EXISTS FOR (n:ServiceRequest) ON (n.team, n.status);
CREATE INDEX service_request_category IF NOT EXISTS FOR (n:ServiceRequest) ON (n.category);
CREATE INDEX request_entry_at_id IF NOT EXISTS FOR (n:RequestEntry) ON (n.at, n.id);
