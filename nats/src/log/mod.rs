//! What is stored: commits, the streams they are in, and the ways to append, load and follow them.

pub(crate) mod append;
pub(crate) mod capacity;
pub(crate) mod commit;
pub(crate) mod connection;
pub(crate) mod continuation;
mod ephemeral;
pub(crate) mod feed;
pub(crate) mod head;
pub(crate) mod position;
pub(crate) mod pruning;
pub(crate) mod read;
pub(crate) mod record;
pub(crate) mod running;
pub(crate) mod shard_head;
pub(crate) mod store;
pub(crate) mod streams;
pub(crate) mod subjects;
pub mod trace;
pub(crate) mod unknown;
pub(crate) mod verify;
pub(crate) mod verify_error;
pub(crate) mod writes;
