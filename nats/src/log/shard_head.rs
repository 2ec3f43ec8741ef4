//! How far a shard has come, and what it says up to there.

use crate::log::position::{Epoch, Hash, Shard};

/// The head of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardHead {
    /// The shard.
    pub shard: Shard,
    /// Its stream's epoch.
    pub epoch: Epoch,
    /// The last sequence; 0 for an empty shard.
    pub sequence: u64,
    /// The running hash up to there.
    pub running: Hash,
    /// What the last message itself adds to it; zeros for an empty shard.
    pub leaf: Hash,
}
