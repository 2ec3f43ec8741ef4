-- What a session is suspected of, as its agent was told last. Lowest three bits: 1 noticed, 2 slowed, 3 priced, 4 closed; then a bit for each
-- reason: 8 repeated text, 16 many addresses, 32 flood. Two bytes and no document: rows without statistics are planned by their width.
ALTER TABLE session ADD COLUMN abuse SMALLINT;

-- Up to when the operator has seen what people report. Nothing follows from the log: a rebuild leaves it as it is.
CREATE TABLE reports_seen (
    one  BOOLEAN     PRIMARY KEY DEFAULT true CHECK (one),
    upto TIMESTAMPTZ NOT NULL
);
ALTER TABLE reports_seen ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY writer ON reports_seen TO tempchat_writer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON reports_seen TO tempchat_writer;
