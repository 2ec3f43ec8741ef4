//! Log to Postgres: rows, checkpoint and scheduled commands in one transaction.
