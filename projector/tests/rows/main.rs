//! The projection on a real log and a real Postgres: the same log always makes the same rows.

#![cfg(test)]

mod again;
mod clashes;
mod dead_letters;
mod dump;
mod figures;
mod growth;
mod link_rows;
mod scheduled_rows;
mod session_rows;
mod story;
mod unread_rows;
mod upgrade;
mod who_sees_what;
mod world;
