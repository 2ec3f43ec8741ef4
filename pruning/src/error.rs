//! Why nothing could be pruned; what was begun is finished by the next round.

use std::path::PathBuf;

use nats::Shard;

/// Why a round failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log cannot be read or written.
    #[error("the log cannot be pruned: {0}")]
    Log(#[from] nats::Error),
    /// The log has no room left, not even for endings.
    #[error("the log has no room for a pruning record")]
    Full,
    /// Something that follows the log does not go on.
    #[error(
        "shard {shard}: {projection} have read the log to {reached} only, and what they have not read stays; if nothing is to follow it under this name \
         any more, delete its rows in table checkpoint"
    )]
    Behind {
        /// The shard.
        shard: Shard,
        /// The stored name of what follows it.
        projection: String,
        /// How far it has come.
        reached: u64,
    },
    /// The rows cannot be read.
    #[error("the rows cannot be read: {0}")]
    Rows(#[from] sqlx::Error),
    /// A row holds a value that no version of this program wrote.
    #[error("{column} holds {value:?}")]
    Column {
        /// The column.
        column: &'static str,
        /// The value.
        value: String,
    },
    /// The archive cannot be written, so nothing was pruned.
    #[error("the archive {} cannot be written: {source}", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
