// What the service desk and the channels look up besides.
// A request whose clock stands still is due at no time; it was kept as it stood when the clock stopped.
MATCH (r:ServiceRequest)
WHERE r.status IN ['WAITING_FOR_CUSTOMER', 'ANSWERED', 'CLOSED'] AND r.resolutionDueAt IS NOT NULL
SET r.resolutionDueAt = null;
