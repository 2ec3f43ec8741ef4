//! Webhooks on a real log, real rows and a real HTTP server at the other end.

#![cfg(test)]

mod dead_letters;
mod endpoints;
mod receiver;
mod restarts;
mod tries;
mod what_is_told;
mod where_calls_lead;
mod world;
