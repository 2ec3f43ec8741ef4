//! Why a shard is not whole, each with the next step.

use crate::Error;
use crate::log::position::Shard;

/// Why a shard is not whole.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Messages are missing and no record says why.
    #[error(
        "{count} of the commits from {first} to {last} of shard {shard} are missing, and no pruning record names them: they were purged or \
         deleted past this program; restore the shard from a backup"
    )]
    Unrecorded {
        /// The shard.
        shard: Shard,
        /// How many.
        count: u64,
        /// The first.
        first: u64,
        /// The last.
        last: u64,
    },
    /// A commit that a record names is there, and is not the one that it names.
    #[error(
        "sequence {sequence} of shard {shard} is another commit than the one that a pruning record names: it was changed; restore the \
         shard from a backup"
    )]
    OtherCommit {
        /// The shard.
        shard: Shard,
        /// The commit.
        sequence: u64,
    },
    /// A link or session goes on although a record says that nothing is left of it.
    #[error(
        "sequence {sequence} of shard {shard} is of a link or session that a pruning record names, and no record names it: it was \
         written past this program; restore the shard from a backup"
    )]
    Alive {
        /// The shard.
        shard: Shard,
        /// The commit.
        sequence: u64,
    },
    /// The log cannot be read, or a chain is broken.
    #[error("{}", with_next_step(.0))]
    Log(#[from] Error),
}

/// Says what is wrong with the log, and what to do.
fn with_next_step(error: &Error) -> String {
    let next = match error {
        Error::ChainBroken { .. } => {
            ": it was changed, taken from elsewhere or put in another order; restore the shard from a backup"
        }
        Error::Corrupt { .. } => ". Its bytes were changed, or a newer program wrote it; restore the shard from a backup",
        Error::NoLog | Error::StreamMissing { .. } => "; restore it from a backup",
        Error::OtherEpoch { .. } => "; start this program again, and compare with a backup",
        Error::Unavailable(_) => "; is nats-server up? Then verify again",
        Error::Refused { .. } => "; see the log of nats-server, then verify again",
        Error::Connect(_)
        | Error::Address
        | Error::TooOld { .. }
        | Error::NoJetStream
        | Error::StreamDiffers { .. }
        | Error::Unknown { .. }
        | Error::Encode(_) => "",
    };
    format!("{error}{next}")
}
