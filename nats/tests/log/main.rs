//! The log on a real nats-server: what is appended is there once and in order, whatever happens to server and network.

#![cfg(test)]

mod appends;
mod audit;
mod chains;
mod cluster;
mod feeds;
mod full;
mod golden;
mod heads;
mod lost_answers;
mod proxy;
mod pruning;
mod reads;
mod samples;
mod servers_that_die;
mod settings;
mod signals;
mod world;
