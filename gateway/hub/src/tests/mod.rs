//! The hub on a real nats-server: what every listener hears, whatever happens to the hub and to the log's connections.

mod gateways;
mod laws;
mod lives;
mod network;
mod positions;
mod queues;
mod signals;
mod sizes;
mod words;
pub(crate) mod world;
