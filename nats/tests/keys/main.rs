//! Data keys on a real nats-server: all creators agree, and a destroyed key is in no file.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod creation;
mod destruction;
mod opening;
mod world;
