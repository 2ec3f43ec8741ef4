//! Data keys on a real nats-server: all creators agree, and a destroyed key is in no file.

mod creation;
mod destruction;
mod opening;
mod rewrapping;
mod world;
