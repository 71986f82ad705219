// Employees, service requests and their log, what customers sent with them.
CREATE CONSTRAINT employee_id IF NOT EXISTS FOR (n:Employee) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT absence_id IF NOT EXISTS FOR (n:Absence) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT service_request_id IF NOT EXISTS FOR (n:ServiceRequest) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT service_request_number IF NOT EXISTS FOR (n:ServiceRequest) REQUIRE n.number IS UNIQUE;
CREATE CONSTRAINT request_entry_id IF NOT EXISTS FOR (n:RequestEntry) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT attachment_id IF NOT EXISTS FOR (n:Attachment) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT mail_received_id IF NOT EXISTS FOR (n:MailReceived) REQUIRE n.id IS UNIQUE;
