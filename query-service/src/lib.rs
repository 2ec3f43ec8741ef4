//! Postgres rows to answers: freshness, row level security, opening.
