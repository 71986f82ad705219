// Interest of customers in products.
CREATE CONSTRAINT interest_key IF NOT EXISTS FOR (n:Interest) REQUIRE n.key IS UNIQUE;
CREATE CONSTRAINT interest_day_key IF NOT EXISTS FOR (n:InterestDay) REQUIRE n.key IS UNIQUE;
