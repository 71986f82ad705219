// Mail that came in, files outside the graph, and who sends how much.
CREATE CONSTRAINT stored_file_key IF NOT EXISTS FOR (n:StoredFile) REQUIRE n.key IS UNIQUE;
CREATE CONSTRAINT mail_sender_address IF NOT EXISTS FOR (n:MailSender) REQUIRE n.address IS UNIQUE;
CREATE INDEX stored_file_idle IF NOT EXISTS FOR (n:StoredFile) ON (n.idleSince);
CREATE INDEX attachment_waiting IF NOT EXISTS FOR (n:Attachment) ON (n.waitingSince);
CREATE INDEX mail_received_state IF NOT EXISTS FOR (n:MailReceived) ON (n.state, n.at);
CREATE INDEX mail_received_at IF NOT EXISTS FOR (n:MailReceived) ON (n.at);
CREATE INDEX mail_received_kept IF NOT EXISTS FOR (n:MailReceived) ON (n.keepUntil);
CREATE INDEX mail_sender_since IF NOT EXISTS FOR (n:MailSender) ON (n.since);
CREATE INDEX service_request_sorted IF NOT EXISTS FOR (n:ServiceRequest) ON (n.sortedBy, n.openedAt);
CREATE INDEX employee_email IF NOT EXISTS FOR (n:Employee) ON (n.email);
