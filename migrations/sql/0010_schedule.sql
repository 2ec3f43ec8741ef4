-- An erasure is a promise: one that failed too often is dead for the operator's eyes (`dead_at`), and is tried again all the same,
-- ever more slowly. So the rows that are claimed are those that live, and all erasures.
DROP INDEX scheduled_due;
CREATE INDEX scheduled_due ON scheduled (shard, due_at) WHERE dead_at IS NULL OR purpose = 'erase';

-- The few that failed for good, for whoever counts or lists them.
CREATE INDEX scheduled_dead ON scheduled (dead_at) WHERE dead_at IS NOT NULL;
