-- Webhooks: where agents are told of events, and what is still to be told. Ids and types only, never words.
--
-- These rows are no projection: a call that was made cannot be taken back. They have a checkpoint of their own, so that a rebuild of the
-- read models calls nobody again; and where they are made from nothing, no call is made for what the log held by then.

-- How far the log was read for webhooks: written in the transaction of the deliveries.
CREATE TABLE webhook_checkpoint (
    shard      INTEGER PRIMARY KEY,
    -- The random id of the stream: another one means another log.
    epoch      BYTEA   NOT NULL CHECK (length(epoch) = 16),
    -- The last commit read; 0 before the first.
    sequence   BIGINT  NOT NULL CHECK (sequence >= 0),
    -- The shard's running hash R(sequence), and the one before.
    running    BYTEA   NOT NULL CHECK (length(running) = 32),
    previous   BYTEA   NOT NULL CHECK (length(previous) = 32),
    -- The log's end when these rows were begun from nothing: what happened up to there wakes nobody.
    held_until BIGINT  NOT NULL CHECK (held_until >= 0)
);

CREATE TABLE webhook_endpoint (
    -- The link's id where it has a webhook of its own, which then stands in for its agent's; else the agent's.
    id            UUID        PRIMARY KEY,
    agent         UUID        NOT NULL,
    link          UUID,
    shard         INTEGER     NOT NULL,
    url           TEXT        NOT NULL,
    with_text     BOOLEAN     NOT NULL,
    -- Counts the signing secrets. For a while after a rotation calls are signed with both.
    rotation      BIGINT      NOT NULL,
    rotated_at    TIMESTAMPTZ,
    -- Set with the erasure of its link: it goes with its last delivery.
    retired       BOOLEAN     NOT NULL DEFAULT false,
    -- Calls that failed in a row, since when, and until when none is made.
    failures      INTEGER     NOT NULL DEFAULT 0,
    failing_since TIMESTAMPTZ,
    wait_until    TIMESTAMPTZ,
    -- Events that found the queue full.
    dropped       BIGINT      NOT NULL DEFAULT 0
);
CREATE INDEX webhook_endpoint_by_agent ON webhook_endpoint (agent);

-- One event on its way to the one endpoint that is told of it.
CREATE TABLE webhook_delivery (
    shard       INTEGER     NOT NULL,
    sequence    BIGINT      NOT NULL,
    index       INTEGER     NOT NULL,
    endpoint    UUID        NOT NULL REFERENCES webhook_endpoint (id) ON DELETE CASCADE,
    agent       UUID        NOT NULL,
    link        UUID        NOT NULL,
    -- NULL for the link's own events.
    session     UUID,
    -- The event's outer id: the call's `webhook-id`.
    event       TEXT        NOT NULL,
    -- The public type, `message`.
    type        TEXT        NOT NULL,
    -- The event as the public sees it, without its data.
    thin        TEXT        NOT NULL,
    -- Since when it is tried: a day later it is a dead letter.
    since       TIMESTAMPTZ NOT NULL,
    due_at      TIMESTAMPTZ NOT NULL,
    attempts    INTEGER     NOT NULL DEFAULT 0,
    lease_until TIMESTAMPTZ,
    last_status SMALLINT,
    last_error  TEXT,
    -- Set when it failed for good: kept to be looked at, and delivered again by command.
    dead_at     TIMESTAMPTZ,
    PRIMARY KEY (shard, sequence, index)
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (endpoint, due_at) WHERE dead_at IS NULL;
CREATE INDEX webhook_delivery_dead ON webhook_delivery (endpoint, dead_at) WHERE dead_at IS NOT NULL;

-- Nobody reads an address but who calls it.
ALTER TABLE webhook_checkpoint ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_endpoint ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_delivery ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY writer ON webhook_checkpoint TO tempchat_writer USING (true) WITH CHECK (true);
CREATE POLICY writer ON webhook_endpoint TO tempchat_writer USING (true) WITH CHECK (true);
CREATE POLICY writer ON webhook_delivery TO tempchat_writer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_checkpoint, webhook_endpoint, webhook_delivery TO tempchat_writer;
