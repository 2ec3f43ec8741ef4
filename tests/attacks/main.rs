//! Attacks through the public surface, on the real binary and real servers: strangers, chatters, networks, and agents with small keys.
//!
//! SECURITY.md names for each threat the test that holds its control. What takes long is ignored here: `./dev test --long` runs it.

#![cfg(test)]
#![expect(clippy::large_futures, reason = "an attack is one long wait, and runs once")]

mod blocked;
mod bodies;
mod budgets;
mod hostile_page;
mod hostile_words;
mod limited_keys;
mod reports;
mod strangers;
#[path = "../support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the stories use the rest")]
mod support;
mod tokens;
