-- Where each decision's outcome stands in the log, with the shard's running hash there, which only who follows the log knows: what a
-- receipt says beside the outcome itself. A decision has one.
CREATE TABLE receipt (
    question     UUID     NOT NULL,
    session      UUID     NOT NULL,
    agent        UUID     NOT NULL,
    link         UUID     NOT NULL,
    shard        INTEGER  NOT NULL,
    sequence     BIGINT   NOT NULL,
    index        SMALLINT NOT NULL,
    running_hash BYTEA    NOT NULL,
    PRIMARY KEY (question)
);
CREATE INDEX receipt_by_session ON receipt (session);
CREATE INDEX receipt_by_shard ON receipt (shard);
ALTER TABLE receipt ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY writer ON receipt TO tempchat_writer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON receipt TO tempchat_writer;
CREATE POLICY own ON receipt FOR SELECT TO tempchat_agent_reader
USING (
    agent = (SELECT nullif(current_setting('app.agent', true), '')::UUID)
    AND link = coalesce((SELECT nullif(current_setting('app.link', true), '')::UUID), link)
);
GRANT SELECT ON receipt TO tempchat_agent_reader;
