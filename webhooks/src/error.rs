//! What stops the reading of a shard for webhooks.

use nats::{FeedError, Shard};

/// Why a shard's events do not reach their webhooks.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The rows were made from another stream.
    #[error("shard {shard}: the webhooks' rows come from another log; run `tempchat rebuild`")]
    OtherEpoch {
        /// The shard.
        shard: Shard,
    },
    /// The log says something else than it said when it was read.
    #[error("shard {shard}: the log differs from what was read for webhooks, at or before {sequence}; run `tempchat rebuild`")]
    OtherHistory {
        /// The shard.
        shard: Shard,
        /// The last commit read.
        sequence: u64,
    },
    /// The log has lost commits that were read.
    #[error("shard {shard}: the log ends at {end}, for webhooks it was read up to {sequence}; run `tempchat rebuild`")]
    LogCut {
        /// The shard.
        shard: Shard,
        /// The last commit read.
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
    #[error("the rows of webhooks cannot be read or written")]
    Rows(#[from] sqlx::Error),
    /// The client for calls cannot be made: TLS is not set up.
    #[error("webhooks cannot be called")]
    Client(#[from] reqwest::Error),
}

impl Error {
    pub(crate) fn of_feed(shard: Shard, sequence: u64, error: FeedError) -> Self {
        match error {
            FeedError::OtherEpoch(_) => Self::OtherEpoch { shard },
            FeedError::AheadOfLog { end, .. } => Self::LogCut { shard, sequence, end },
            FeedError::Broken(source) => Self::Log { shard, source },
        }
    }

    pub(crate) fn of_log(shard: Shard, source: nats::Error) -> Self {
        match source {
            nats::Error::OtherEpoch { .. } => Self::OtherEpoch { shard },
            source => Self::Log { shard, source },
        }
    }

    /// Tells whether waiting a little may help; the others need someone to look.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Rows(_) | Self::Log { source: nats::Error::Unavailable(_), .. } => true,
            Self::OtherEpoch { .. } | Self::OtherHistory { .. } | Self::LogCut { .. } | Self::Log { .. } | Self::Client(_) => {
                false
            }
        }
    }

    /// Tells whether the rows are of another log than the one at hand.
    pub(crate) fn is_another_log(&self) -> bool {
        match self {
            Self::OtherEpoch { .. } | Self::OtherHistory { .. } | Self::LogCut { .. } => true,
            Self::Log { .. } | Self::Rows(_) | Self::Client(_) => false,
        }
    }
}
