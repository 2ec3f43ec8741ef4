-- The version of a webhook's endpoint: another one whenever its address is set or its failures are forgiven. What came of a call counts
-- only for the version that was called.
ALTER TABLE webhook_endpoint ADD COLUMN version BIGINT GENERATED ALWAYS AS IDENTITY;
