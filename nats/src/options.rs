//! The settings of the connection and of a new log.

use std::time::Duration;

use crate::keys::secrets::Secrets;

/// What opening a log may do to its streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// A service's: what is missing is made, limits are raised, and a log of an older format is given the present one, which programs
    /// of then refuse.
    Keep,
    /// A command's that writes: only an older format is taken over.
    Write,
    /// A command's that reads: nothing.
    Read,
}

/// Where the log is, and how it is created where there is none.
#[derive(Clone)]
pub struct Options {
    /// The server: `nats://user:password@host:port`, several separated by commas.
    pub url: String,
    /// How many shards a new log gets; an existing log's number does not change.
    pub shards: u16,
    /// How many servers of a cluster store each stream.
    pub replicas: usize,
    /// The byte limit of each shard; a larger one than before is applied, a smaller one is not.
    pub shard_bytes: i64,
    /// How far that limit grows by itself as a shard fills; not at all where it is no larger.
    pub shard_bytes_most: i64,
    /// How long the audit keeps its entries.
    pub audit_for: Duration,
    /// What may become of the streams.
    pub opening: Opening,
    /// The installation's secrets.
    pub roots: Secrets,
}

impl Options {
    /// Returns the settings for one server at `url`: four shards of 2 GiB at most.
    pub fn new(url: impl Into<String>, roots: Secrets) -> Self {
        Self {
            url: url.into(),
            shards: 4,
            replicas: 1,
            shard_bytes: 2 << 30,
            shard_bytes_most: 0,
            audit_for: Duration::from_hours(90 * 24),
            opening: Opening::Keep,
            roots,
        }
    }
}

impl std::fmt::Debug for Options {
    /// Leaves out the address: it may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("shards", &self.shards)
            .field("replicas", &self.replicas)
            .field("shard_bytes", &self.shard_bytes)
            .finish_non_exhaustive()
    }
}
