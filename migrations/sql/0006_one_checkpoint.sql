-- One table of checkpoints for all that follows the log: a row for each projection and shard. What stands in both tables stays.

-- The owner sees no row under row level security, so it is let through while rows are copied.
ALTER TABLE checkpoint NO FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_checkpoint NO FORCE ROW LEVEL SECURITY;

-- `rows`: the read models; their scheduled commands wait until `sequence` has reached `held_until`.
-- `webhooks`: what happened up to `held_until` wakes nobody.
ALTER TABLE checkpoint ADD COLUMN projection TEXT NOT NULL DEFAULT 'rows';
ALTER TABLE checkpoint ALTER COLUMN projection DROP DEFAULT;
ALTER TABLE checkpoint DROP CONSTRAINT checkpoint_pkey;
ALTER TABLE checkpoint ADD PRIMARY KEY (projection, shard);

INSERT INTO checkpoint (projection, shard, epoch, sequence, running, previous, held_until)
SELECT 'webhooks', shard, epoch, sequence, running, previous, held_until
FROM webhook_checkpoint;
DROP TABLE webhook_checkpoint;

ALTER TABLE checkpoint FORCE ROW LEVEL SECURITY;

-- Freshness is that of the read models.
DROP POLICY freshness ON checkpoint;
CREATE POLICY freshness ON checkpoint FOR SELECT TO tempchat_agent_reader, tempchat_session_reader, tempchat_analyst
USING (projection = 'rows');
GRANT SELECT (projection) ON checkpoint TO tempchat_agent_reader, tempchat_session_reader, tempchat_analyst;
