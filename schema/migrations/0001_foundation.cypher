// The foundation: what is unique, and what is looked up, paged and searched by index.
//
// Rules for every migration (docs/operations.md): numbered without gaps, never edited once applied, and each
// statement repeatable (IF NOT EXISTS, MERGE), because a crash may come between a statement and its record.
// Only what the Community edition has: uniqueness constraints, no existence or type constraints.

// Identity: one node an id.
CREATE CONSTRAINT party_id IF NOT EXISTS FOR (n:Party) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT household_id IF NOT EXISTS FOR (n:Household) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT contact_point_id IF NOT EXISTS FOR (n:ContactPoint) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT contact_point_value_key IF NOT EXISTS FOR (n:ContactPoint) REQUIRE n.valueKey IS UNIQUE;
CREATE CONSTRAINT product_code IF NOT EXISTS FOR (n:Product) REQUIRE n.code IS UNIQUE;
CREATE CONSTRAINT product_family_code IF NOT EXISTS FOR (n:ProductFamily) REQUIRE n.code IS UNIQUE;
CREATE CONSTRAINT agreement_id IF NOT EXISTS FOR (n:Agreement) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT standing_order_id IF NOT EXISTS FOR (n:StandingOrder) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT movement_id IF NOT EXISTS FOR (n:Movement) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT event_id IF NOT EXISTS FOR (n:Event) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT interaction_id IF NOT EXISTS FOR (n:Interaction) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT decision_id IF NOT EXISTS FOR (n:Decision) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT decision_key IF NOT EXISTS FOR (n:Decision) REQUIRE n.key IS UNIQUE;
CREATE CONSTRAINT offer_id IF NOT EXISTS FOR (n:Offer) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT outbox_entry_id IF NOT EXISTS FOR (n:OutboxEntry) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT idempotency_key IF NOT EXISTS FOR (n:IdempotencyKey) REQUIRE n.key IS UNIQUE;
CREATE CONSTRAINT lock_name IF NOT EXISTS FOR (n:Lock) REQUIRE n.name IS UNIQUE;
CREATE CONSTRAINT migration_number IF NOT EXISTS FOR (n:Migration) REQUIRE n.number IS UNIQUE;

// Relationships that are ended or changed one at a time are found by their id.
CREATE CONSTRAINT holds_id IF NOT EXISTS FOR ()-[r:HOLDS]-() REQUIRE r.id IS UNIQUE;
CREATE CONSTRAINT member_of_id IF NOT EXISTS FOR ()-[r:MEMBER_OF]-() REQUIRE r.id IS UNIQUE;
CREATE CONSTRAINT reachable_at_id IF NOT EXISTS FOR ()-[r:REACHABLE_AT]-() REQUIRE r.id IS UNIQUE;
CREATE CONSTRAINT spouse_of_id IF NOT EXISTS FOR ()-[r:SPOUSE_OF]-() REQUIRE r.id IS UNIQUE;
CREATE CONSTRAINT parent_of_id IF NOT EXISTS FOR ()-[r:PARENT_OF]-() REQUIRE r.id IS UNIQUE;
CREATE CONSTRAINT guarantees_id IF NOT EXISTS FOR ()-[r:GUARANTEES]-() REQUIRE r.id IS UNIQUE;
CREATE CONSTRAINT owns_id IF NOT EXISTS FOR ()-[r:OWNS]-() REQUIRE r.id IS UNIQUE;
CREATE CONSTRAINT directs_id IF NOT EXISTS FOR ()-[r:DIRECTS]-() REQUIRE r.id IS UNIQUE;
CREATE CONSTRAINT employs_id IF NOT EXISTS FOR ()-[r:EMPLOYS]-() REQUIRE r.id IS UNIQUE;
CREATE CONSTRAINT referred_id IF NOT EXISTS FOR ()-[r:REFERRED]-() REQUIRE r.id IS UNIQUE;
CREATE CONSTRAINT transferred_to_id IF NOT EXISTS FOR ()-[r:TRANSFERRED_TO]-() REQUIRE r.id IS UNIQUE;

// Pages: a composite index ends in the id, so that a keyset cursor is one seek.
CREATE INDEX party_display_name_id IF NOT EXISTS FOR (n:Party) ON (n.displayName, n.id);
CREATE INDEX party_created_at_id IF NOT EXISTS FOR (n:Party) ON (n.createdAt, n.id);
CREATE INDEX person_display_name_id IF NOT EXISTS FOR (n:Person) ON (n.displayName, n.id);
CREATE INDEX organization_display_name_id IF NOT EXISTS FOR (n:Organization) ON (n.displayName, n.id);
CREATE INDEX household_name_id IF NOT EXISTS FOR (n:Household) ON (n.name, n.id);
CREATE INDEX agreement_family_opened_id IF NOT EXISTS FOR (n:Agreement) ON (n.familyCode, n.openedOn, n.id);
CREATE INDEX agreement_opened_id IF NOT EXISTS FOR (n:Agreement) ON (n.openedOn, n.id);
CREATE INDEX event_type_at IF NOT EXISTS FOR (n:Event) ON (n.type, n.at);
CREATE INDEX event_at_id IF NOT EXISTS FOR (n:Event) ON (n.at, n.id);
CREATE INDEX interaction_at_id IF NOT EXISTS FOR (n:Interaction) ON (n.at, n.id);
CREATE INDEX decision_at_id IF NOT EXISTS FOR (n:Decision) ON (n.at, n.id);

// Filters: a composite index serves its first part alone poorly, so each filter has its own.
CREATE INDEX party_name_key IF NOT EXISTS FOR (n:Party) ON (n.nameKey);
CREATE TEXT INDEX party_name_key_text IF NOT EXISTS FOR (n:Party) ON (n.nameKey);
CREATE INDEX party_birth_date IF NOT EXISTS FOR (n:Party) ON (n.birthDate);
CREATE INDEX party_registration_number IF NOT EXISTS FOR (n:Party) ON (n.registrationNumber);
CREATE TEXT INDEX household_name_key_text IF NOT EXISTS FOR (n:Household) ON (n.nameKey);
CREATE INDEX agreement_number IF NOT EXISTS FOR (n:Agreement) ON (n.number);
CREATE INDEX agreement_product_code IF NOT EXISTS FOR (n:Agreement) ON (n.productCode);
CREATE INDEX agreement_family_code IF NOT EXISTS FOR (n:Agreement) ON (n.familyCode);
CREATE INDEX event_at IF NOT EXISTS FOR (n:Event) ON (n.at);
CREATE INDEX interaction_at IF NOT EXISTS FOR (n:Interaction) ON (n.at);

// Work that must not be lost: what is due, and what of one customer is still open, in order.
CREATE INDEX outbox_state_available IF NOT EXISTS FOR (n:OutboxEntry) ON (n.state, n.availableAt);
CREATE INDEX outbox_partition_state_at IF NOT EXISTS FOR (n:OutboxEntry) ON (n.partitionKey, n.state, n.at);
CREATE INDEX idempotency_key_at IF NOT EXISTS FOR (n:IdempotencyKey) ON (n.at);

// Search: names, phones, e-mails and identifiers as words that the platform normalised (graph_crm/parties/names.py), on
// both sides, so the analyzer only takes them apart at the spaces.
CREATE FULLTEXT INDEX party_search IF NOT EXISTS FOR (n:Party) ON EACH [n.searchText]
OPTIONS { indexConfig: { `fulltext.analyzer`: 'whitespace' } };
