// What merging of parties looks up: merges, parties that were merged away, what of theirs was set aside.
CREATE CONSTRAINT merge_id IF NOT EXISTS FOR (n:Merge) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT merged_party_id IF NOT EXISTS FOR (n:MergedParty) REQUIRE n.id IS UNIQUE;
CREATE INDEX merge_kept IF NOT EXISTS FOR (n:Merge) ON (n.keptId);
CREATE INDEX merge_merged IF NOT EXISTS FOR (n:Merge) ON (n.mergedId);
CREATE INDEX was_tied_id IF NOT EXISTS FOR ()-[r:WAS_TIED]-() ON (r.id);
