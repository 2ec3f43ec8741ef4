//! Why nothing could be pruned; what was begun is finished by the next round.

use std::path::PathBuf;

/// Why a round failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log cannot be read or written.
    #[error("the log cannot be pruned: {0}")]
    Log(#[from] nats::Error),
    /// The log has no room left, not even for endings.
    #[error("the log has no room for a pruning record")]
    Full,
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
