// Exports, erasures, corrections of a party, reports of the retention; and by which addresses records of people are
// found who were no customers when they wrote.
CREATE CONSTRAINT privacy_export_id IF NOT EXISTS FOR (n:PrivacyExport) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT erasure_id IF NOT EXISTS FOR (n:Erasure) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT party_change_id IF NOT EXISTS FOR (n:PartyChange) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT retention_report_id IF NOT EXISTS FOR (n:RetentionReport) REQUIRE n.id IS UNIQUE;

CREATE INDEX privacy_export_party IF NOT EXISTS FOR (n:PrivacyExport) ON (n.partyId);
CREATE INDEX privacy_export_expires IF NOT EXISTS FOR (n:PrivacyExport) ON (n.expiresAt);
CREATE INDEX erasure_party IF NOT EXISTS FOR (n:Erasure) ON (n.partyId);
CREATE INDEX erasure_state_at IF NOT EXISTS FOR (n:Erasure) ON (n.state, n.at);
CREATE INDEX retention_report_at IF NOT EXISTS FOR (n:RetentionReport) ON (n.at);
CREATE INDEX party_status_ended IF NOT EXISTS FOR (n:Party) ON (n.status, n.endedOn);

CREATE INDEX attachment_party IF NOT EXISTS FOR (n:Attachment) ON (n.partyId);
CREATE INDEX mail_received_sender IF NOT EXISTS FOR (n:MailReceived) ON (n.sender);
CREATE INDEX delivery_to IF NOT EXISTS FOR (n:Delivery) ON (n.to);
CREATE INDEX service_request_contact IF NOT EXISTS FOR (n:ServiceRequest) ON (n.contact);
CREATE INDEX episode_party IF NOT EXISTS FOR (n:Episode) ON (n.partyId);
