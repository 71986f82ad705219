// Service accounts: who else may sign tokens, and with which keys. A key is of one account only.
CREATE CONSTRAINT service_account_id IF NOT EXISTS FOR (n:ServiceAccount) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT account_key_kid IF NOT EXISTS FOR (n:AccountKey) REQUIRE n.kid IS UNIQUE;
