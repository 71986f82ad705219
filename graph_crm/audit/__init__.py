"""Who saw and who changed what: entries that are only ever added, chained so that a missing or altered one is found."""
