-- What the projector makes of the log. Every row can be made again from it (`tempchat rebuild`).
--
-- Ids are the 16 bytes of the domain's ids. Times are whole milliseconds. Free text stays sealed: BYTEA that only the data key
-- of its session or link opens. `shard` is the agent's; `sequence` is the stream sequence of the last commit a row has taken in.

-- How far the projection of a shard has come: written in the transaction of the rows.
CREATE TABLE checkpoint (
    shard      INTEGER  PRIMARY KEY,
    -- The random id of the stream: another one means another log.
    epoch      BYTEA    NOT NULL CHECK (length(epoch) = 16),
    -- The last commit taken in; 0 before the first.
    sequence   BIGINT   NOT NULL CHECK (sequence >= 0),
    -- The shard's running hash R(sequence), and the one before: reading on from there proves that the log is still the same.
    running    BYTEA    NOT NULL CHECK (length(running) = 32),
    previous   BYTEA    NOT NULL CHECK (length(previous) = 32),
    -- The log's end when the rows were begun from nothing: no scheduled command of the shard is carried out before
    -- `sequence` has reached it, for until then rows stand here that later commits take away again.
    held_until BIGINT   NOT NULL CHECK (held_until >= 0),
    -- The time of the last commit.
    at         TIMESTAMPTZ
);

-- Commits of a kind that this version does not know: passed over, and to be looked at.
CREATE TABLE dead_letter (
    shard       INTEGER  NOT NULL,
    sequence    BIGINT   NOT NULL,
    agent       UUID     NOT NULL,
    target_kind TEXT     NOT NULL CHECK (target_kind IN ('agent', 'link', 'session')),
    target      UUID     NOT NULL,
    -- The wire names of its events.
    types       TEXT     NOT NULL,
    PRIMARY KEY (shard, sequence)
);

CREATE TABLE agent (
    id                UUID        PRIMARY KEY,
    shard             INTEGER     NOT NULL,
    name              TEXT        NOT NULL,
    registered_at     TIMESTAMPTZ NOT NULL,
    webhook_url       TEXT,
    webhook_with_text BOOLEAN,
    webhook_rotation  BIGINT,
    sequence          BIGINT      NOT NULL
);

-- Names only: a key is checked against the aggregate, so no hash is here.
CREATE TABLE agent_key (
    id         UUID        PRIMARY KEY,
    agent      UUID        NOT NULL,
    shard      INTEGER     NOT NULL,
    name       TEXT        NOT NULL,
    -- What it may do; NULL is everything.
    scopes     TEXT[],
    -- The only link that it may see and touch.
    link       UUID,
    issued_at  TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    rotated_at TIMESTAMPTZ,
    -- Until when the secrets before the last rotation are good.
    overlap_until TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    sequence   BIGINT      NOT NULL
);
CREATE INDEX agent_key_by_agent ON agent_key (agent);

-- When a key was last used, to the hour: noted by gateways, for operators. No part of the projection, so a rebuild leaves it; not in
-- the log, for every key of an agent is folded before any of them opens, and uses would make that ever longer.
CREATE TABLE key_use (
    key     UUID        PRIMARY KEY,
    agent   UUID        NOT NULL,
    used_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE link (
    id                       UUID        PRIMARY KEY,
    agent                    UUID        NOT NULL,
    shard                    INTEGER     NOT NULL,
    status                   TEXT        NOT NULL CHECK (status IN ('active', 'paused', 'expired', 'revoked', 'erased')),
    -- Sealed under the link's key; all NULL once it is erased.
    title                    BYTEA,
    purpose                  BYTEA,
    description              BYTEA,
    welcome_message          BYTEA,
    agent_name               BYTEA,
    -- The fields that every session begins with, and the labels of the recipients.
    questions                BYTEA,
    recipients               BYTEA,
    -- The question that those fields are in every session.
    question                 UUID,
    has_passcode             BOOLEAN     NOT NULL,
    expires_at               TIMESTAMPTZ NOT NULL,
    max_sessions_at_once     BIGINT      NOT NULL,
    -- NULL is without limit.
    max_sessions_total       BIGINT,
    max_messages_per_session BIGINT      NOT NULL,
    messages_per_minute      BIGINT      NOT NULL,
    idle_timeout_ms          BIGINT      NOT NULL,
    keep_after_end_ms        BIGINT      NOT NULL,
    language                 TEXT,
    allowed_origins          TEXT[]      NOT NULL,
    -- Counts the tokens; only the newest opens the link.
    rotation                 BIGINT      NOT NULL,
    -- Sessions ever admitted, without those that never started; and places taken now, before a start too, not while idle.
    admitted                 BIGINT      NOT NULL,
    places_taken             BIGINT      NOT NULL,
    opened_at                TIMESTAMPTZ NOT NULL,
    -- Where `link.opened` stands in the log: the order of lists.
    opened_sequence          BIGINT      NOT NULL,
    -- When it expired or was revoked.
    closed_at                TIMESTAMPTZ,
    -- Whether it was revoked together with its open sessions.
    ends_sessions            BOOLEAN     NOT NULL,
    erased_at                TIMESTAMPTZ,
    sequence                 BIGINT      NOT NULL
);
CREATE INDEX link_by_agent ON link (agent, opened_sequence);

CREATE TABLE session (
    id                  UUID        PRIMARY KEY,
    agent               UUID        NOT NULL,
    link                UUID        NOT NULL,
    shard               INTEGER     NOT NULL,
    status              TEXT        NOT NULL CHECK (status IN ('active', 'idle', 'ended', 'erased')),
    -- Sealed under the session's key; NULL once it is erased.
    display_name        BYTEA,
    feedback            BYTEA,
    language            TEXT,
    -- Which of the link's recipients it is.
    recipient           SMALLINT,
    started_at          TIMESTAMPTZ NOT NULL,
    -- Where `session.started` stands in the log: the order of lists.
    started_sequence    BIGINT      NOT NULL,
    expires_at          TIMESTAMPTZ NOT NULL,
    max_messages        BIGINT      NOT NULL,
    messages_per_minute BIGINT      NOT NULL,
    idle_timeout_ms     BIGINT      NOT NULL,
    keep_after_end_ms   BIGINT      NOT NULL,
    -- The chatter's messages; the agent's messages and questions.
    chatter_messages    BIGINT      NOT NULL,
    agent_messages      BIGINT      NOT NULL,
    -- When someone last said something or came back.
    last_word_at        TIMESTAMPTZ NOT NULL,
    last_chatter_at     TIMESTAMPTZ,
    last_agent_at       TIMESTAMPTZ,
    -- The chatter's first word, and the agent's first after it.
    first_chatter_at    TIMESTAMPTZ,
    first_reply_at      TIMESTAMPTZ,
    -- Since when the chatter waits for the agent; NULL while nothing is owed, kept when the session ends.
    owed_since          TIMESTAMPTZ,
    rating              SMALLINT,
    ended_at            TIMESTAMPTZ,
    end_reason          TEXT,
    -- When the words are to go: known from the end on.
    erase_at            TIMESTAMPTZ,
    erased_at           TIMESTAMPTZ,
    sequence            BIGINT      NOT NULL
);
CREATE INDEX session_by_agent ON session (agent, started_sequence);
CREATE INDEX session_by_link ON session (link, started_sequence);
-- For figures over a period.
CREATE INDEX session_by_start ON session (agent, started_at);
-- The few that live among the many that lived.
CREATE INDEX session_open_by_link ON session (link) WHERE status IN ('active', 'idle');
CREATE INDEX session_open_by_agent ON session (agent) WHERE status IN ('active', 'idle');

-- The places of links that are taken: as in the aggregate, to count by.
CREATE TABLE admission (
    session   UUID    PRIMARY KEY,
    agent     UUID    NOT NULL,
    link      UUID    NOT NULL,
    shard     INTEGER NOT NULL,
    -- Whether the session came back: it was counted when it first came.
    came_back BOOLEAN NOT NULL,
    sequence  BIGINT  NOT NULL
);

CREATE TABLE question (
    id       UUID        NOT NULL,
    session  UUID        NOT NULL,
    agent    UUID        NOT NULL,
    link     UUID        NOT NULL,
    shard    INTEGER     NOT NULL,
    asked_at TIMESTAMPTZ NOT NULL,
    -- How many fields there are; which must be answered and which are, a bit each.
    fields   SMALLINT    NOT NULL,
    required SMALLINT    NOT NULL,
    answered SMALLINT    NOT NULL,
    -- Answers, counting changed ones.
    answers  BIGINT      NOT NULL,
    -- What the agent has acted on takes no answer any more.
    closed   BOOLEAN     NOT NULL,
    sequence BIGINT      NOT NULL,
    PRIMARY KEY (session, id)
);
-- A link's own question has one id in all its sessions.
CREATE INDEX question_by_link ON question (link, id);

-- How far each reader has read: the kept position of one key in one session.
CREATE TABLE read_mark (
    session  UUID        NOT NULL,
    -- NULL is the chatter.
    key      UUID,
    agent    UUID        NOT NULL,
    link     UUID        NOT NULL,
    shard    INTEGER     NOT NULL,
    -- The stream sequence of the last event read.
    upto     BIGINT      NOT NULL,
    at       TIMESTAMPTZ NOT NULL,
    sequence BIGINT      NOT NULL,
    UNIQUE NULLS NOT DISTINCT (session, key)
);
CREATE INDEX read_mark_by_agent ON read_mark (agent, key);

-- Every event, in its shard's order: history is read from here, what is new from the log itself. An erased session's bodies
-- stay: their words are sealed under a key that is gone, and order and counts remain true.
CREATE TABLE event (
    shard    INTEGER     NOT NULL,
    sequence BIGINT      NOT NULL,
    index    INTEGER     NOT NULL,
    agent    UUID        NOT NULL,
    -- NULL for the agent's own events.
    link     UUID,
    -- NULL for the agent's and the link's events.
    session  UUID,
    at       TIMESTAMPTZ NOT NULL,
    -- The wire name, `session.message_posted`.
    type     TEXT        NOT NULL,
    actor    TEXT        NOT NULL CHECK (actor IN ('chatter', 'agent', 'operator', 'timer')),
    -- Which of the agent's keys acted.
    key      UUID,
    command  UUID        NOT NULL,
    -- The event alone, as MessagePack: `nats::AnyEvent`.
    body     BYTEA       NOT NULL,
    PRIMARY KEY (shard, sequence, index)
);
-- Compressing what is sealed saves nothing and costs time.
ALTER TABLE event ALTER COLUMN body SET STORAGE EXTERNAL;
-- An agent has one shard, so its sequences are its order.
CREATE INDEX event_by_agent ON event (agent, sequence, index);
CREATE INDEX event_by_link ON event (link, sequence, index) WHERE link IS NOT NULL;
CREATE INDEX event_by_session ON event (session, sequence, index) WHERE session IS NOT NULL;

-- What is to be commanded when its time comes. Ids only, never text. One row per thing and purpose:
--
--   target   purpose         command                                due
--   link     warn            Warn                                   ten minutes before expires_at, where that was ahead when the end was set
--   link     expire          Expire                                 expires_at
--   link     erase           Erase                                  once closed and without a place taken, plus keep
--   session  release_unused  link: Release(session, Unused)         start_before; there may be no session row
--   session  release         link: Release(session, Left)           at once, when a session falls idle or ends
--   session  idle            GoIdle                                 idle time-out after start or return; fired early, the decision says when
--   session  expire          Expire                                 expires_at
--   session  reschedule      Reschedule(the link's expires_at)      at once, when the link's end moves
--   session  end_with_link   End(LinkRevoked, the farewell)         at once, when the link is revoked with its sessions
--   session  erase           Erase                                  ended_at plus keep
CREATE TABLE scheduled (
    target_kind TEXT        NOT NULL CHECK (target_kind IN ('link', 'session')),
    target      UUID        NOT NULL,
    purpose     TEXT        NOT NULL,
    agent       UUID        NOT NULL,
    -- The session's link; of a link, itself.
    link        UUID        NOT NULL,
    shard       INTEGER     NOT NULL,
    due_at      TIMESTAMPTZ NOT NULL,
    -- The stream sequence of the fact behind the row: grows with every new one. Who claimed the row changes or deletes it only
    -- where this is still the version it claimed.
    version     BIGINT      NOT NULL,
    lease_until TIMESTAMPTZ,
    attempts    INTEGER     NOT NULL DEFAULT 0,
    last_error  TEXT,
    -- Set when it failed for good: kept to be looked at.
    dead_at     TIMESTAMPTZ,
    PRIMARY KEY (target, purpose),
    CHECK (
        (target_kind = 'link' AND purpose IN ('warn', 'expire', 'erase'))
        OR (
            target_kind = 'session'
            AND purpose IN ('release_unused', 'release', 'idle', 'expire', 'reschedule', 'end_with_link', 'erase')
        )
    )
);
CREATE INDEX scheduled_due ON scheduled (shard, due_at) WHERE dead_at IS NULL;
