-- What a session is suspected of, as its agent was told last: a JSON document, `{level, reasons, at}`.
ALTER TABLE session ADD COLUMN abuse TEXT;

-- Up to when the operator has seen what people report. Nothing follows from the log: a rebuild leaves it as it is.
CREATE TABLE reports_seen (
    one  BOOLEAN     PRIMARY KEY DEFAULT true CHECK (one),
    upto TIMESTAMPTZ NOT NULL
);
ALTER TABLE reports_seen ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY writer ON reports_seen TO tempchat_writer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON reports_seen TO tempchat_writer;
