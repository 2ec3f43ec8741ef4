-- A log that shrinks: what stays of links and sessions whose commits were pruned, and the form of a checkpoint's hashes.

-- The running hash of logs of format 1 could not go over what was purged. A checkpoint of that form is compared once with the log, and
-- then has the hashes of the present form.
-- The column has a new name, so that a process of an older release that still runs fails, and does not write such hashes here.
ALTER TABLE checkpoint RENAME COLUMN running TO running_hash;
ALTER TABLE checkpoint ADD COLUMN hash_format SMALLINT NOT NULL DEFAULT 1;
ALTER TABLE checkpoint ALTER COLUMN hash_format DROP DEFAULT;

-- Figures of pruned sessions, from the pruning records: counts and lengths of time, no words and no ids but the agent's.
CREATE TABLE pruned_session (
    -- The record in the log, and the session's place in it.
    shard            INTEGER  NOT NULL,
    sequence         BIGINT   NOT NULL,
    index            INTEGER  NOT NULL,
    agent            UUID     NOT NULL,
    -- The day it started on (UTC).
    day              DATE     NOT NULL,
    chatter_messages BIGINT   NOT NULL,
    agent_messages   BIGINT   NOT NULL,
    -- Whether the chatter wrote or answered.
    wrote            BOOLEAN  NOT NULL,
    -- From the chatter's first word to the agent's first reply.
    first_reply_ms   BIGINT,
    length_ms        BIGINT   NOT NULL,
    end_reason       TEXT     NOT NULL,
    rating           SMALLINT,
    -- Whether the chatter's last word had no reply.
    is_unanswered    BOOLEAN  NOT NULL,
    fields_answered  BIGINT   NOT NULL,
    PRIMARY KEY (shard, sequence, index)
);
CREATE INDEX pruned_session_by_day ON pruned_session (agent, day);

-- Pruned links, counted by the day they were opened on (UTC).
CREATE TABLE pruned_link (
    shard    INTEGER NOT NULL,
    sequence BIGINT  NOT NULL,
    index    INTEGER NOT NULL,
    agent    UUID    NOT NULL,
    day      DATE    NOT NULL,
    PRIMARY KEY (shard, sequence, index)
);
CREATE INDEX pruned_link_by_day ON pruned_link (agent, day);

-- What can be pruned, oldest first.
CREATE INDEX link_erased ON link (erased_at) WHERE erased_at IS NOT NULL;

ALTER TABLE pruned_session ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE pruned_link ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY writer ON pruned_session TO tempchat_writer USING (true) WITH CHECK (true);
CREATE POLICY writer ON pruned_link TO tempchat_writer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON pruned_session, pruned_link TO tempchat_writer;
-- No id of a link stands here, so a key that is limited to one link sees nothing of it.
CREATE POLICY own ON pruned_session FOR SELECT TO tempchat_agent_reader
USING (
    agent = (SELECT nullif(current_setting('app.agent', true), '')::UUID)
    AND (SELECT nullif(current_setting('app.link', true), '')) IS NULL
);
CREATE POLICY own ON pruned_link FOR SELECT TO tempchat_agent_reader
USING (
    agent = (SELECT nullif(current_setting('app.agent', true), '')::UUID)
    AND (SELECT nullif(current_setting('app.link', true), '')) IS NULL
);
GRANT SELECT ON pruned_session, pruned_link TO tempchat_agent_reader;
