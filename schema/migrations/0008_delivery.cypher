// Messages on their way.
CREATE CONSTRAINT delivery_id IF NOT EXISTS FOR (n:Delivery) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT delivery_key IF NOT EXISTS FOR (n:Delivery) REQUIRE n.key IS UNIQUE;
// What still waits for a customer, and at a contact point: a withdrawal looks for it.
CREATE INDEX delivery_party_state IF NOT EXISTS FOR (n:Delivery) ON (n.partyId, n.state);
CREATE INDEX delivery_point_state IF NOT EXISTS FOR (n:Delivery) ON (n.pointKey, n.state);
// What a far side tells of a message names it by its own identifier.
CREATE INDEX delivery_provider_id IF NOT EXISTS FOR (n:Delivery) ON (n.providerId);
CREATE INDEX delivery_channel_state IF NOT EXISTS FOR (n:Delivery) ON (n.channel, n.state, n.createdAt);
CREATE INDEX delivery_state_created_id IF NOT EXISTS FOR (n:Delivery) ON (n.state, n.createdAt, n.id);
CREATE INDEX delivery_created_at_id IF NOT EXISTS FOR (n:Delivery) ON (n.createdAt, n.id);
