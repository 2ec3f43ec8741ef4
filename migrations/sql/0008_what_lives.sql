-- What a call costs depends on what is open and new, not on what was: rows and indexes that hold only that.

-- The sessions that hold something new to a key: a row from the first commit that others than the key made, and that agents are told
-- of, until the key has read up to the last. Erased sessions and revoked keys have none.
CREATE TABLE unread (
    session UUID    NOT NULL,
    key     UUID    NOT NULL,
    agent   UUID    NOT NULL,
    link    UUID    NOT NULL,
    shard   INTEGER NOT NULL,
    -- The stream sequence of the first commit that the key has not read.
    since   BIGINT  NOT NULL,
    PRIMARY KEY (session, key)
);
-- The oldest first: as many sessions as events are wanted hold the oldest events.
CREATE INDEX unread_by_key ON unread (key, since);
CREATE INDEX unread_by_link ON unread (key, link, since);
CREATE INDEX unread_by_shard ON unread (shard);

-- The keys of those who come with access tokens, from their first read mark on: no key was issued to them.
CREATE TABLE token_key (
    key   UUID    PRIMARY KEY,
    agent UUID    NOT NULL,
    shard INTEGER NOT NULL
);
CREATE INDEX token_key_by_agent ON token_key (agent);
ALTER TABLE token_key ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY writer ON token_key TO tempchat_writer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON token_key TO tempchat_writer;
CREATE POLICY own ON token_key FOR SELECT TO tempchat_agent_reader
USING (
    agent = (SELECT nullif(current_setting('app.agent', true), '')::UUID)
    AND (SELECT nullif(current_setting('app.link', true), '')) IS NULL
);
GRANT SELECT ON token_key TO tempchat_agent_reader;

-- The keys for which `unread` is kept.
CREATE VIEW reading_key WITH (security_invoker = true) AS
SELECT id AS key, agent, link FROM agent_key WHERE revoked_at IS NULL
UNION ALL
SELECT key, agent, NULL FROM token_key;
GRANT SELECT ON reading_key TO tempchat_writer;

-- The owner sees no row under row level security, so it is let through while rows are copied.
ALTER TABLE token_key NO FORCE ROW LEVEL SECURITY;
ALTER TABLE session NO FORCE ROW LEVEL SECURITY;
ALTER TABLE agent_key NO FORCE ROW LEVEL SECURITY;
ALTER TABLE read_mark NO FORCE ROW LEVEL SECURITY;
ALTER TABLE event NO FORCE ROW LEVEL SECURITY;
INSERT INTO token_key (key, agent, shard)
SELECT DISTINCT read_mark.key, read_mark.agent, read_mark.shard
FROM read_mark
WHERE read_mark.key IS NOT NULL
AND NOT EXISTS (SELECT FROM agent_key WHERE agent_key.id = read_mark.key)
ON CONFLICT DO NOTHING;
INSERT INTO unread (session, key, agent, link, shard, since)
SELECT session.id, reading_key.key, session.agent, session.link, session.shard, new.sequence
FROM session
JOIN reading_key ON reading_key.agent = session.agent
LEFT JOIN read_mark ON read_mark.session = session.id AND read_mark.key = reading_key.key
CROSS JOIN LATERAL (
    SELECT event.sequence
    FROM event
    WHERE event.session = session.id
    AND event.sequence > coalesce(read_mark.upto, 0)
    AND event.key IS DISTINCT FROM reading_key.key
    AND event.type NOT IN (
        'session.marked_read', 'session.handoff_offered', 'session.handoff_missed', 'session.device_added', 'session.device_forgotten'
    )
    ORDER BY event.sequence, event.index
    LIMIT 1
) AS new
WHERE session.status <> 'erased'
AND (reading_key.link IS NULL OR reading_key.link = session.link);
ALTER TABLE token_key FORCE ROW LEVEL SECURITY;
ALTER TABLE session FORCE ROW LEVEL SECURITY;
ALTER TABLE agent_key FORCE ROW LEVEL SECURITY;
ALTER TABLE read_mark FORCE ROW LEVEL SECURITY;
ALTER TABLE event FORCE ROW LEVEL SECURITY;

ALTER TABLE unread ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY writer ON unread TO tempchat_writer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON unread TO tempchat_writer;
CREATE POLICY own ON unread FOR SELECT TO tempchat_agent_reader
USING (
    agent = (SELECT nullif(current_setting('app.agent', true), '')::UUID)
    AND link = coalesce((SELECT nullif(current_setting('app.link', true), '')::UUID), link)
);
GRANT SELECT ON unread TO tempchat_agent_reader;

-- Every index by link begins with the agent, as every read names both: without statistics an index of the agent's rows would look as
-- good as one of the link's.
DROP INDEX session_by_link;
CREATE INDEX session_by_link ON session (agent, link, started_sequence);
-- Lists by status, in the order of lists. The clock may know better than a stored status: what is open and past its end is found by
-- the indexes of what is open.
CREATE INDEX session_by_status ON session (agent, status, started_sequence);
CREATE INDEX session_by_link_status ON session (agent, link, status, started_sequence);
DROP INDEX session_open_by_agent;
CREATE INDEX session_open_by_agent ON session (agent, expires_at) WHERE status IN ('active', 'idle');
DROP INDEX session_open_by_link;
CREATE INDEX session_open_by_link ON session (agent, link, expires_at) WHERE status IN ('active', 'idle');
CREATE INDEX session_by_recipient ON session (agent, link, recipient) WHERE recipient IS NOT NULL;

-- A link's status for lists: of an erased one, what had become of it before. `domain::link::Standing` without the clock.
ALTER TABLE link ADD COLUMN standing TEXT NOT NULL GENERATED ALWAYS AS (
    CASE
        WHEN status <> 'erased' THEN status
        WHEN closed_at >= expires_at THEN 'expired'
        ELSE 'revoked'
    END
) STORED;
CREATE INDEX link_by_standing ON link (agent, standing, opened_sequence);
-- The links that may still be joined, and those whose end has come.
CREATE INDEX link_open_by_agent ON link (agent, opened_sequence) WHERE status IN ('active', 'paused');

-- Nobody reads by these any more, and without statistics they look as good as those by session.
DROP INDEX event_by_agent;
DROP INDEX read_mark_by_agent;

-- How many deliveries wait for an endpoint, counted as they come and go: nobody counts a long queue to learn that it is full.
ALTER TABLE webhook_endpoint ADD COLUMN pending BIGINT NOT NULL DEFAULT 0;
ALTER TABLE webhook_endpoint NO FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_delivery NO FORCE ROW LEVEL SECURITY;
UPDATE webhook_endpoint
SET pending = (SELECT count(*) FROM webhook_delivery WHERE endpoint = webhook_endpoint.id AND dead_at IS NULL);
ALTER TABLE webhook_endpoint FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_delivery FORCE ROW LEVEL SECURITY;

CREATE FUNCTION count_pending_deliveries() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE webhook_endpoint
        SET pending = pending + change.count
        FROM (SELECT endpoint, count(*) FROM added WHERE dead_at IS NULL GROUP BY endpoint) AS change
        WHERE id = change.endpoint;
    ELSIF TG_OP = 'DELETE' THEN
        UPDATE webhook_endpoint
        SET pending = pending - change.count
        FROM (SELECT endpoint, count(*) FROM removed WHERE dead_at IS NULL GROUP BY endpoint) AS change
        WHERE id = change.endpoint;
    ELSE
        -- A claim and a retry change nothing here; a delivery that is given up, or tried again, does.
        UPDATE webhook_endpoint
        SET pending = pending + change.count
        FROM (
            SELECT endpoint, sum(step) AS count
            FROM (
                SELECT endpoint, 1 AS step FROM added WHERE dead_at IS NULL
                UNION ALL
                SELECT endpoint, -1 FROM removed WHERE dead_at IS NULL
            ) AS steps
            GROUP BY endpoint
            HAVING sum(step) <> 0
        ) AS change
        WHERE id = change.endpoint;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER count_added AFTER INSERT ON webhook_delivery REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION count_pending_deliveries();
CREATE TRIGGER count_removed AFTER DELETE ON webhook_delivery REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT EXECUTE FUNCTION count_pending_deliveries();
CREATE TRIGGER count_changed AFTER UPDATE ON webhook_delivery REFERENCING OLD TABLE AS removed NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION count_pending_deliveries();
