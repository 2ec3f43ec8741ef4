-- Rows are shown by policy, columns by grant. Without its setting a reader sees nothing: an unset or reset setting reads as ''
-- or NULL, both become NULL, and nothing equals NULL. `(SELECT …)` runs once a statement, not once a row.

ALTER TABLE checkpoint ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE dead_letter ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE agent ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE agent_key ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE key_use ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE link ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE session ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE admission ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE question ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE read_mark ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE event ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE scheduled ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

-- The writer: everything.
CREATE POLICY writer ON checkpoint TO tempchat_writer USING (true) WITH CHECK (true);
CREATE POLICY writer ON dead_letter TO tempchat_writer USING (true) WITH CHECK (true);
CREATE POLICY writer ON agent TO tempchat_writer USING (true) WITH CHECK (true);
CREATE POLICY writer ON agent_key TO tempchat_writer USING (true) WITH CHECK (true);
CREATE POLICY writer ON key_use TO tempchat_writer USING (true) WITH CHECK (true);
CREATE POLICY writer ON link TO tempchat_writer USING (true) WITH CHECK (true);
CREATE POLICY writer ON session TO tempchat_writer USING (true) WITH CHECK (true);
CREATE POLICY writer ON admission TO tempchat_writer USING (true) WITH CHECK (true);
CREATE POLICY writer ON question TO tempchat_writer USING (true) WITH CHECK (true);
CREATE POLICY writer ON read_mark TO tempchat_writer USING (true) WITH CHECK (true);
CREATE POLICY writer ON event TO tempchat_writer USING (true) WITH CHECK (true);
CREATE POLICY writer ON scheduled TO tempchat_writer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE
ON checkpoint, dead_letter, agent, agent_key, key_use, link, session, admission, question, read_mark, event, scheduled
TO tempchat_writer;

-- How far the rows have come is no secret between our own parts: freshness is checked by every reader.
CREATE POLICY freshness ON checkpoint FOR SELECT TO tempchat_agent_reader, tempchat_session_reader, tempchat_analyst USING (true);
GRANT SELECT (shard, epoch, sequence, at) ON checkpoint TO tempchat_agent_reader, tempchat_session_reader, tempchat_analyst;

-- An agent: its own rows; with a key that is limited to one link, that link's only, which `app.link` names.
CREATE POLICY own ON agent FOR SELECT TO tempchat_agent_reader
USING (id = (SELECT nullif(current_setting('app.agent', true), '')::UUID));
CREATE POLICY own ON agent_key FOR SELECT TO tempchat_agent_reader
USING (
    agent = (SELECT nullif(current_setting('app.agent', true), '')::UUID)
    AND (SELECT nullif(current_setting('app.link', true), '')) IS NULL
);
CREATE POLICY own ON link FOR SELECT TO tempchat_agent_reader
USING (
    agent = (SELECT nullif(current_setting('app.agent', true), '')::UUID)
    AND id = coalesce((SELECT nullif(current_setting('app.link', true), '')::UUID), id)
);
CREATE POLICY own ON session FOR SELECT TO tempchat_agent_reader
USING (
    agent = (SELECT nullif(current_setting('app.agent', true), '')::UUID)
    AND link = coalesce((SELECT nullif(current_setting('app.link', true), '')::UUID), link)
);
CREATE POLICY own ON question FOR SELECT TO tempchat_agent_reader
USING (
    agent = (SELECT nullif(current_setting('app.agent', true), '')::UUID)
    AND link = coalesce((SELECT nullif(current_setting('app.link', true), '')::UUID), link)
);
CREATE POLICY own ON read_mark FOR SELECT TO tempchat_agent_reader
USING (
    agent = (SELECT nullif(current_setting('app.agent', true), '')::UUID)
    AND link = coalesce((SELECT nullif(current_setting('app.link', true), '')::UUID), link)
);
CREATE POLICY own ON event FOR SELECT TO tempchat_agent_reader
USING (
    agent = (SELECT nullif(current_setting('app.agent', true), '')::UUID)
    -- The agent's own events have no link.
    AND ((SELECT nullif(current_setting('app.link', true), '')) IS NULL OR link = (SELECT nullif(current_setting('app.link', true), '')::UUID))
);
GRANT SELECT ON agent, agent_key, link, session, question, read_mark, event TO tempchat_agent_reader;

-- A chatter: its own session, and of its link and agent what the page shows. The agent's note to itself, its keys and its
-- webhook have no grant.
CREATE POLICY same_session ON session FOR SELECT TO tempchat_session_reader
USING (
    agent = (SELECT nullif(current_setting('app.agent', true), '')::UUID)
    AND id = (SELECT nullif(current_setting('app.session', true), '')::UUID)
);
CREATE POLICY same_session ON question FOR SELECT TO tempchat_session_reader
USING (
    agent = (SELECT nullif(current_setting('app.agent', true), '')::UUID)
    AND session = (SELECT nullif(current_setting('app.session', true), '')::UUID)
);
CREATE POLICY same_session ON read_mark FOR SELECT TO tempchat_session_reader
USING (
    agent = (SELECT nullif(current_setting('app.agent', true), '')::UUID)
    AND session = (SELECT nullif(current_setting('app.session', true), '')::UUID)
);
CREATE POLICY same_session ON event FOR SELECT TO tempchat_session_reader
USING (
    agent = (SELECT nullif(current_setting('app.agent', true), '')::UUID)
    AND session = (SELECT nullif(current_setting('app.session', true), '')::UUID)
);
-- The policy of `session` holds inside the subquery too.
CREATE POLICY same_session ON link FOR SELECT TO tempchat_session_reader
USING (
    agent = (SELECT nullif(current_setting('app.agent', true), '')::UUID)
    AND id = (SELECT session.link FROM session)
);
CREATE POLICY same_session ON agent FOR SELECT TO tempchat_session_reader
USING (
    id = (SELECT nullif(current_setting('app.agent', true), '')::UUID)
    AND id = (SELECT session.agent FROM session)
);
GRANT SELECT ON session, question, read_mark TO tempchat_session_reader;
-- `command` makes the event's outer id; `key` is an id that the body holds too, its name stays hidden.
GRANT SELECT (shard, sequence, index, agent, link, session, at, type, actor, key, command, body) ON event TO tempchat_session_reader;
GRANT SELECT (id, agent, shard, status, title, agent_name, language, expires_at, rotation) ON link TO tempchat_session_reader;
GRANT SELECT (id, name) ON agent TO tempchat_session_reader;

-- An analyst: what happened when, to which ids; no bodies, no names.
CREATE POLICY every ON event FOR SELECT TO tempchat_analyst USING (true);
CREATE POLICY every ON dead_letter FOR SELECT TO tempchat_analyst USING (true);
GRANT SELECT (shard, sequence, index, agent, link, session, at, type, actor, key, command) ON event TO tempchat_analyst;
GRANT SELECT ON dead_letter TO tempchat_analyst;
