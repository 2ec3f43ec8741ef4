-- What figures over a period cost depends on its days, not on how many sessions there were: the projector keeps sums of the sessions that
-- have ended, by the day they started on (UTC). What still lives is read from its rows.

-- A projector of an older release would write sessions and no sums: the column's new name makes it fail.
ALTER TABLE checkpoint RENAME COLUMN previous TO previous_hash;

CREATE TABLE session_sum (
    agent            UUID    NOT NULL,
    day              DATE    NOT NULL,
    end_reason       TEXT    NOT NULL,
    shard            INTEGER NOT NULL,
    sessions         BIGINT  NOT NULL,
    -- Those in which the chatter wrote or answered, and those in which the agent spoke after that.
    wrote            BIGINT  NOT NULL,
    replied          BIGINT  NOT NULL,
    chatter_messages BIGINT  NOT NULL,
    agent_messages   BIGINT  NOT NULL,
    ratings          BIGINT  NOT NULL,
    rating_points    BIGINT  NOT NULL,
    -- Those in which the chatter's last word had no reply.
    unanswered       BIGINT  NOT NULL,
    PRIMARY KEY (agent, day, end_reason)
);
CREATE INDEX session_sum_by_shard ON session_sum (shard);

-- How long first replies took and sessions lasted: a histogram for each day, by `duration_bucket`.
CREATE TABLE session_duration (
    agent    UUID    NOT NULL,
    day      DATE    NOT NULL,
    -- From the chatter's first word to the agent's first reply; from the start to the end.
    measure  TEXT    NOT NULL CHECK (measure IN ('first_reply', 'length')),
    bucket   INTEGER NOT NULL,
    shard    INTEGER NOT NULL,
    sessions BIGINT  NOT NULL,
    PRIMARY KEY (agent, day, measure, bucket)
);
CREATE INDEX session_duration_by_shard ON session_duration (shard);

-- Links by the day they were opened on.
CREATE TABLE link_sum (
    agent UUID    NOT NULL,
    day   DATE    NOT NULL,
    shard INTEGER NOT NULL,
    links BIGINT  NOT NULL,
    PRIMARY KEY (agent, day)
);
CREATE INDEX link_sum_by_shard ON link_sum (shard);

-- The bucket of a length of time: each millisecond below 64 has one, each doubling from there on has 32 of equal width. Histograms hold
-- its numbers, so it never changes.
CREATE FUNCTION duration_bucket(milliseconds BIGINT) RETURNS INTEGER LANGUAGE SQL IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN milliseconds < 64 THEN greatest(milliseconds, 0)
    -- The place of the highest bit is 64 less its position, which counts from 1.
    ELSE 32 * (58 - position('1' IN milliseconds::BIT(64)::TEXT)) + 32 + (milliseconds >> (59 - position('1' IN milliseconds::BIT(64)::TEXT)))
END::INTEGER;

-- The middle of a bucket: at most a 64th off what it stands for.
CREATE FUNCTION bucket_middle(bucket INTEGER) RETURNS BIGINT LANGUAGE SQL IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN bucket < 64 THEN bucket::BIGINT
    ELSE ((2 * (bucket % 32 + 32) + 1)::BIGINT << (bucket / 32 - 2))
END;

-- The owner sees no row under row level security, so it is let through while rows are copied.
ALTER TABLE session NO FORCE ROW LEVEL SECURITY;
ALTER TABLE link NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pruned_session NO FORCE ROW LEVEL SECURITY;
ALTER TABLE pruned_link NO FORCE ROW LEVEL SECURITY;

CREATE VIEW ended AS
SELECT
    agent, shard, (started_at AT TIME ZONE 'UTC')::DATE AS day, coalesce(end_reason, 'link_expired') AS end_reason,
    first_chatter_at IS NOT NULL AS wrote,
    (extract(epoch FROM first_reply_at - first_chatter_at) * 1000)::BIGINT AS first_reply_ms,
    (extract(epoch FROM coalesce(ended_at, expires_at) - started_at) * 1000)::BIGINT AS length_ms,
    chatter_messages, agent_messages, rating, owed_since IS NOT NULL AS is_unanswered
FROM session
WHERE status NOT IN ('active', 'idle')
UNION ALL
SELECT
    agent, shard, day, end_reason, wrote, first_reply_ms, length_ms, chatter_messages, agent_messages, rating, is_unanswered
FROM pruned_session;

INSERT INTO session_sum
SELECT
    agent, day, end_reason, shard, count(*), count(*) FILTER (WHERE wrote), count(first_reply_ms), sum(chatter_messages),
    sum(agent_messages), count(rating), coalesce(sum(rating), 0), count(*) FILTER (WHERE is_unanswered)
FROM ended
GROUP BY agent, day, end_reason, shard;

INSERT INTO session_duration
SELECT agent, day, measure, duration_bucket(milliseconds), shard, count(*)
FROM ended
CROSS JOIN LATERAL (VALUES ('first_reply', first_reply_ms), ('length', length_ms)) AS measured (measure, milliseconds)
WHERE milliseconds IS NOT NULL
GROUP BY agent, day, measure, duration_bucket(milliseconds), shard;

INSERT INTO link_sum
SELECT agent, day, shard, count(*)
FROM (
    SELECT agent, (opened_at AT TIME ZONE 'UTC')::DATE AS day, shard FROM link
    UNION ALL
    SELECT agent, day, shard FROM pruned_link
) AS opened
GROUP BY agent, day, shard;

-- Pruned sessions and links count in the sums.
DROP VIEW ended;
DROP TABLE pruned_session, pruned_link;
ALTER TABLE session FORCE ROW LEVEL SECURITY;
ALTER TABLE link FORCE ROW LEVEL SECURITY;

-- Figures of one link are made of that link's rows.
DROP INDEX session_by_start;
CREATE INDEX session_by_link_start ON session (agent, link, started_at);

ALTER TABLE session_sum ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE session_duration ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE link_sum ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY writer ON session_sum TO tempchat_writer USING (true) WITH CHECK (true);
CREATE POLICY writer ON session_duration TO tempchat_writer USING (true) WITH CHECK (true);
CREATE POLICY writer ON link_sum TO tempchat_writer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON session_sum, session_duration, link_sum TO tempchat_writer;
-- No id of a link stands here, so a key that is limited to one link sees nothing of it.
CREATE POLICY own ON session_sum FOR SELECT TO tempchat_agent_reader
USING (
    agent = (SELECT nullif(current_setting('app.agent', true), '')::UUID)
    AND (SELECT nullif(current_setting('app.link', true), '')) IS NULL
);
CREATE POLICY own ON session_duration FOR SELECT TO tempchat_agent_reader
USING (
    agent = (SELECT nullif(current_setting('app.agent', true), '')::UUID)
    AND (SELECT nullif(current_setting('app.link', true), '')) IS NULL
);
CREATE POLICY own ON link_sum FOR SELECT TO tempchat_agent_reader
USING (
    agent = (SELECT nullif(current_setting('app.agent', true), '')::UUID)
    AND (SELECT nullif(current_setting('app.link', true), '')) IS NULL
);
GRANT SELECT ON session_sum, session_duration, link_sum TO tempchat_agent_reader;
