// What the service desk and the channels look up besides.
RETURN 1;
