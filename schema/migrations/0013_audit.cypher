// What the audit looks up.
RETURN 1;
