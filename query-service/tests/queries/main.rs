//! Answers from rows on a real PostgreSQL, beside a real log: how fresh, seen by whom, in which order, and with which words.
#![cfg(test)]

mod agents;
mod analytics;
mod answering;
mod attention;
mod freshness;
mod growth;
mod lists;
mod paging;
mod roles;
mod scopes;
mod standing;
mod unfinished;
mod words;
mod world;
