//! What can break between us and the log. The business never says no here.

use crate::Shard;

/// Why the backbone could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection could be made.
    #[error("cannot connect to nats-server: {0}")]
    Connect(#[source] async_nats::ConnectError),
    /// The server's address cannot be read; it is not repeated here, for it may hold a password.
    #[error("the address of nats-server is not of the form nats://user:password@host:port")]
    Address,
    /// The server lacks what the log needs.
    #[error("nats-server {found} is too old: {needed} or newer is needed")]
    TooOld {
        /// What answered.
        found: String,
        /// The oldest that will do.
        needed: &'static str,
    },
    /// The server runs without JetStream.
    #[error("nats-server runs without JetStream")]
    NoJetStream,
    /// A stream is not as it was asked for: an older server dropped a setting, or someone changed it.
    #[error("stream {stream} is not as it must be: {}", .differences.join("; "))]
    StreamDiffers {
        /// The stream.
        stream: String,
        /// Setting by setting: what was wanted and what was found.
        differences: Vec<String>,
    },
    /// A log that was whole once has lost a stream.
    #[error("stream {stream} is missing from a log that had it")]
    StreamMissing {
        /// The stream.
        stream: String,
    },
    /// A stream of this name is another one than before.
    #[error("shard {shard} is another stream than it was at the start")]
    OtherEpoch {
        /// The shard.
        shard: Shard,
    },
    /// The server did not answer, or not in time; nothing was changed.
    #[error("the log is unavailable: {0}")]
    Unavailable(String),
    /// A commit was sent, and nobody could be found in time to say whether it was stored.
    #[error("it is unknown whether a commit to {subject} was stored")]
    Unknown {
        /// The subject.
        subject: String,
    },
    /// The server refused a request.
    #[error("nats-server refused ({code}): {description}")]
    Refused {
        /// The server's error code (`err_code` of its API).
        code: u64,
        /// Its words.
        description: String,
    },
    /// Stored bytes do not read as what they must be.
    #[error("sequence {sequence} of {subject} cannot be read: {reason}")]
    Corrupt {
        /// The subject.
        subject: String,
        /// The place in the stream.
        sequence: u64,
        /// What is wrong.
        reason: String,
    },
    /// A commit does not follow from the one before it on its subject.
    #[error("sequence {sequence} of {subject} does not continue the chain")]
    ChainBroken {
        /// The subject.
        subject: String,
        /// The place in the stream.
        sequence: u64,
    },
    /// A value could not be encoded.
    #[error("a commit cannot be encoded: {0}")]
    Encode(#[from] rmp_serde::encode::Error),
}

impl Error {
    /// Calls the log unavailable because of `cause`.
    pub(crate) fn unavailable(cause: impl std::fmt::Display) -> Self {
        Self::Unavailable(cause.to_string())
    }
}
