//! The head of a shard, computed on from an earlier one that the shard must continue: nothing before that is read again.

use std::collections::BTreeSet;

use crate::log::position::{Epoch, Hash, Shard};
use crate::log::running::Running;
use crate::log::shard_head::ShardHead;
use crate::log::verify_error::VerifyError;
use crate::log::{read, streams, subjects};
use crate::{Backbone, Error};

/// Messages read at once.
const BATCH: usize = 1000;

/// Why a shard does not continue the head that it had.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// It is another stream.
    #[error(
        "shard {shard} is another log (epoch {found}) than the one whose head was signed (epoch {signed}): restore that log. If this \
         one is meant to be here, move the file of signed heads away, so that it begins anew"
    )]
    OtherEpoch {
        /// The shard.
        shard: Shard,
        /// The epoch of the head.
        signed: Epoch,
        /// The epoch now.
        found: Epoch,
    },
    /// It is shorter than it was.
    #[error(
        "shard {shard} ends at {end}, and its head was signed at {signed}: its last commits are gone. Restore the log from a backup; \
         `tempchat log verify` compares all of it"
    )]
    Cut {
        /// The shard.
        shard: Shard,
        /// The sequence of the head.
        signed: u64,
        /// The last sequence now.
        end: u64,
    },
    /// At the head is something else than there was.
    #[error(
        "sequence {sequence} of shard {shard} is not the commit that stood there when its head was signed: the log was replaced. Restore \
         it from a backup; `tempchat log verify` compares all of it"
    )]
    OtherCommit {
        /// The shard.
        shard: Shard,
        /// The head's sequence.
        sequence: u64,
    },
    /// What follows the head is not whole, or cannot be read.
    #[error(transparent)]
    NotWhole(#[from] VerifyError),
}

impl HeadError {
    /// Tells whether the log could only not be read just now.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::NotWhole(VerifyError::Log(Error::Unavailable(_))))
    }
}

impl From<Error> for HeadError {
    fn from(error: Error) -> Self {
        Self::NotWhole(error.into())
    }
}

impl Backbone {
    /// Computes the head of a shard as it is now. With an earlier head only what follows that is read, and the shard must continue it.
    pub async fn shard_head(&self, shard: Shard, earlier: Option<&ShardHead>) -> Result<ShardHead, HeadError> {
        let connection = &self.connection;
        let found = streams::find(&connection.jetstream, shard).await?;
        if let Some(earlier) = earlier {
            if earlier.epoch != found.epoch {
                return Err(HeadError::OtherEpoch { shard, signed: earlier.epoch, found: found.epoch });
            }
            if earlier.sequence > found.last {
                return Err(HeadError::Cut { shard, signed: earlier.sequence, end: found.last });
            }
            if earlier.sequence > 0 && self.leaf(shard, earlier.sequence).await? != Some(earlier.leaf) {
                return Err(HeadError::OtherCommit { shard, sequence: earlier.sequence });
            }
        }
        let none = ShardHead { shard, epoch: found.epoch, sequence: 0, running: Hash::default(), leaf: Hash::default() };
        let from = earlier.copied().unwrap_or(none);
        let mut running = Running::after(connection, shard, from.sequence, from.running, BTreeSet::new()).await?;
        running.leaf = from.leaf;
        let filter = subjects::events_of_shard(shard);
        while running.sequence < found.last {
            let raws = read::range(connection, shard, &filter, running.sequence, found.last, BATCH).await?;
            if raws.is_empty() {
                break;
            }
            for raw in raws {
                running.step_over(raw.sequence).await?;
                running.advance(raw.sequence, raw.leaf());
            }
        }
        running.step_over(found.last + 1).await?;
        running.whole()?;
        Ok(ShardHead { sequence: running.sequence, running: running.hash, leaf: running.leaf, ..from })
    }
}
