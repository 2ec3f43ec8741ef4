//! The SQL schema, embedded.
