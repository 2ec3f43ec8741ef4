//! Commands against a real log, from two processes' worth of connections and caches: nothing is lost, doubled or guessed.

#![cfg(test)]

mod asking;
mod budgets;
mod cancelling;
mod erasing;
mod gate;
mod idling;
mod joining;
mod keys;
mod limits;
mod links;
mod replays;
mod rows;
mod schedule;
mod staleness;
mod unread;
mod unused_keys;
mod worker;
mod world;
mod writers;
