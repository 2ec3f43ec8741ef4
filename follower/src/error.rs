//! What keeps a shard's rows from following its log.

use nats::{FeedError, Shard};

/// Why a shard's rows cannot follow its log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The rows were made from another stream.
    #[error("shard {shard}: {rows} come from another log; run `tempchat rebuild`")]
    OtherEpoch {
        /// The shard.
        shard: Shard,
        /// Whose rows.
        rows: &'static str,
    },
    /// The log says something else than it said when the rows were made.
    #[error("shard {shard}: the log differs from what {rows} were made of, at or before {sequence}; run `tempchat rebuild`")]
    OtherHistory {
        /// The shard.
        shard: Shard,
        /// Whose rows.
        rows: &'static str,
        /// The rows' last commit.
        sequence: u64,
    },
    /// The log has lost commits that the rows hold.
    #[error("shard {shard}: the log ends at {end}, {rows} have come to {sequence}; run `tempchat rebuild`")]
    LogCut {
        /// The shard.
        shard: Shard,
        /// Whose rows.
        rows: &'static str,
        /// The rows' last commit.
        sequence: u64,
        /// The log's last commit.
        end: u64,
    },
    /// The log cannot be read, or holds what no version of this program wrote.
    #[error("shard {shard}: the log cannot be read")]
    Log {
        /// The shard.
        shard: Shard,
        /// What is wrong with it.
        #[source]
        source: nats::Error,
    },
    /// Postgres does not do what it must; nothing of the batch is written.
    #[error("the rows cannot be written")]
    Rows(#[from] sqlx::Error),
}

impl Error {
    /// Says what is wrong with `shard`, whose rows have come to `sequence`.
    pub(crate) fn of_feed(shard: Shard, rows: &'static str, sequence: u64, error: FeedError) -> Self {
        match error {
            FeedError::OtherEpoch(_) => Self::OtherEpoch { shard, rows },
            FeedError::AheadOfLog { end, .. } => Self::LogCut { shard, rows, sequence, end },
            FeedError::Broken(source) => Self::Log { shard, source },
        }
    }

    /// Tells whether waiting a little may help; the others need someone to look.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            // A row that cannot be read stays so, until the rows are made again.
            Self::Rows(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) => false,
            Self::Rows(_) | Self::Log { source: nats::Error::Unavailable(_), .. } => true,
            Self::OtherEpoch { .. } | Self::OtherHistory { .. } | Self::LogCut { .. } | Self::Log { .. } => false,
        }
    }

    /// Tells whether the rows are of another log than the one at hand.
    pub(crate) fn is_another_log(&self) -> bool {
        match self {
            Self::OtherEpoch { .. } | Self::OtherHistory { .. } | Self::LogCut { .. } => true,
            Self::Log { .. } | Self::Rows(_) => false,
        }
    }
}
