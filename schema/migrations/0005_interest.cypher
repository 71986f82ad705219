// Interest of customers in products.
CREATE CONSTRAINT interest_key IF NOT EXISTS FOR (n:Interest) REQUIRE n.key IS UNIQUE;
CREATE CONSTRAINT interest_day_key IF NOT EXISTS FOR (n:InterestDay) REQUIRE n.key IS UNIQUE;
CREATE INDEX interest_product_last_at IF NOT EXISTS FOR (n:Interest) ON (n.productCode, n.lastAt);
CREATE INDEX interest_family_last_at IF NOT EXISTS FOR (n:Interest) ON (n.familyCode, n.lastAt);
CREATE INDEX interest_day_product_day IF NOT EXISTS FOR (n:InterestDay) ON (n.productCode, n.day);
CREATE INDEX interest_day_day IF NOT EXISTS FOR (n:InterestDay) ON (n.day);
CREATE INDEX interest_day_party IF NOT EXISTS FOR (n:InterestDay) ON (n.partyId);
