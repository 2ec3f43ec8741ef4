-- A link's settings become one document: the columns below are those that rows are found, shown and counted by.

ALTER TABLE link
DROP COLUMN purpose,
DROP COLUMN description,
DROP COLUMN welcome_message,
DROP COLUMN questions,
DROP COLUMN recipients,
DROP COLUMN question,
DROP COLUMN has_passcode,
DROP COLUMN max_sessions_at_once,
DROP COLUMN max_sessions_total,
DROP COLUMN max_messages_per_session,
DROP COLUMN messages_per_minute,
DROP COLUMN idle_timeout_ms,
DROP COLUMN keep_after_end_ms,
DROP COLUMN language,
DROP COLUMN allowed_origins;

-- The documents are in the log alone, so everything that is made of it is made again, from its first commit. Without a checkpoint a
-- projector begins anew and holds scheduled commands until it has reached the log's end: nothing fires that is over. `TRUNCATE`, for
-- row level security hides the rows from an owner who deletes.
TRUNCATE checkpoint, dead_letter, agent, agent_key, link, session, admission, question, read_mark, event, scheduled;

-- All settings as MessagePack, as in the link's events: `domain::link::Settings`. Its texts are sealed under the link's key; once the link
-- is erased they are empty. `title` and `agent_name` stand beside it, for a chatter may see these two and no others; `expires_at`, for links
-- are found by it.
ALTER TABLE link ADD COLUMN settings BYTEA NOT NULL;
ALTER TABLE link ALTER COLUMN settings SET STORAGE EXTERNAL;
