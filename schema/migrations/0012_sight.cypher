// What decides who may see whom.
RETURN 1;
