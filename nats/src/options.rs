//! What one must say to reach the log.

use crate::Secrets;

/// Where the log is, and how it is made when there is none yet.
#[derive(Clone)]
pub struct Options {
    /// The server: `nats://user:password@host:port`, several separated by commas.
    pub url: String,
    /// How many shards a new log gets; an existing log keeps its own number.
    pub shards: u16,
    /// How many servers of a cluster keep each stream.
    pub replicas: usize,
    /// The byte limit of each shard; a larger one than before is applied, a smaller one is not.
    pub shard_bytes: i64,
    /// The installation's secrets.
    pub roots: Secrets,
}

impl Options {
    /// Returns what suits one server at `url`: four shards of 2 GiB at most.
    pub fn new(url: impl Into<String>, roots: Secrets) -> Self {
        Self { url: url.into(), shards: 4, replicas: 1, shard_bytes: 2 << 30, roots }
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
