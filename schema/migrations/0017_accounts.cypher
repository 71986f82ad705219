// Service accounts.
RETURN 1;
