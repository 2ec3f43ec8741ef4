//! Attacks through the public surface, on the real binary and real servers: strangers, chatters, networks, and agents with small keys.
//!
//! SECURITY.md names for each threat the test that holds its control. What takes long is ignored here: `./dev test --long` runs it.

#![cfg(test)]
#![expect(clippy::large_futures, reason = "an attack is one long wait, and runs once")]

mod abuse;
mod audit;
mod blocked;
mod bodies;
mod budgets;
mod canaries;
mod empty_texts;
mod ended_streams;
mod fuzzing;
mod guesses;
mod headers;
mod hostile_page;
mod hostile_words;
mod injection;
mod keys_taken_back;
mod leaked_key;
mod limited_keys;
mod limits;
mod reports;
mod request_heads;
mod signed_heads;
mod slow_clients;
mod strangers;
#[path = "../support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the stories use the rest")]
mod support;
mod timing;
mod tokens;
mod transcripts;
