//! Takes over checkpoints of readers of a log of format 1.

use crate::log::position::{Hash, Shard};
use crate::log::pruning::leaves::Leaves;
use crate::log::{read, subjects};
use crate::{Backbone, Error};

/// Commits read at once.
const BATCH: usize = 1000;

/// The running hashes of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunningHashes {
    /// Up to and with the checkpoint's commit.
    pub running: Hash,
    /// Up to the message before it.
    pub previous: Hash,
}

impl Backbone {
    /// Reads a shard up to `sequence`, and returns its running hashes there if the hash of format 1 comes out as `running`.
    ///
    /// What was purged had no part in the hash of format 1. None where the log is not the one that the hash was computed over.
    pub async fn take_over_checkpoint(&self, shard: Shard, sequence: u64, running: Hash) -> Result<Option<RunningHashes>, Error> {
        let connection = &self.connection;
        let filter = subjects::events_of_shard(shard);
        let mut leaves = Leaves::new(shard, 0);
        leaves.read_on(connection).await?;
        let (mut format_1, mut at) = (Hash::default(), 0);
        let mut hashes = RunningHashes { running: Hash::default(), previous: Hash::default() };
        let mut advance = |leaf: Hash| {
            hashes.previous = hashes.running;
            hashes.running = hashes.running.advance(&leaf);
        };
        while at < sequence {
            let raws = read::range(connection, shard, &filter, at, sequence, BATCH).await?;
            let upto = if raws.is_empty() { sequence } else { 0 };
            for raw in raws {
                (at + 1..raw.sequence).for_each(|missing| advance(leaves.get(missing).unwrap_or_default()));
                at = raw.sequence;
                advance(raw.leaf());
                format_1 = format_1.advance_format_1(raw.sequence, &raw.subject, &raw.payload);
            }
            // Nothing is left up to there.
            (at + 1..=upto).for_each(|missing| advance(leaves.get(missing).unwrap_or_default()));
            at = at.max(upto);
        }
        Ok((format_1 == running).then_some(hashes))
    }
}
