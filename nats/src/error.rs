//! Failures of the log. A refusal by a business rule is never one of them.

use crate::log::position::Shard;

/// Why the backbone could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection could be made.
    #[error("cannot connect to nats-server: {0}")]
    Connect(#[source] async_nats::ConnectError),
    /// The server's address cannot be parsed; it is left out here because it may hold a password.
    #[error("the address of nats-server is not of the form nats://user:password@host:port")]
    Address,
    /// The server lacks what the log needs.
    #[error("nats-server {found} is too old: {needed} or newer is needed")]
    TooOld {
        /// The version found.
        found: String,
        /// The oldest version that suffices.
        needed: &'static str,
    },
    /// The server runs without JetStream.
    #[error("nats-server runs without JetStream")]
    NoJetStream,
    /// A stream's settings differ from the wanted ones: an older server dropped a setting, or it was changed.
    #[error("stream {stream} is not as it must be: {}", .differences.join("; "))]
    StreamDiffers {
        /// The stream.
        stream: String,
        /// Setting by setting: what was wanted and what was found.
        differences: Vec<String>,
    },
    /// There is no log, and this process makes none.
    #[error("there is no log on this nats-server: `tempchat up` or `tempchat serve` makes one")]
    NoLog,
    /// A stream of an existing log is missing.
    #[error("stream {stream} is missing from a log that had it")]
    StreamMissing {
        /// The stream.
        stream: String,
    },
    /// The stream of this name has another epoch than at the start.
    #[error("shard {shard} is another stream than it was at the start")]
    OtherEpoch {
        /// The shard.
        shard: Shard,
    },
    /// The server did not answer, or not in time; nothing was changed.
    #[error("the log is unavailable: {0}")]
    Unavailable(String),
    /// A commit was sent, and in time neither an acknowledgement nor the stream told whether it was stored.
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
        /// The server's description.
        description: String,
    },
    /// Stored bytes cannot be decoded.
    #[error("sequence {sequence} of {subject} cannot be read: {reason}")]
    Corrupt {
        /// The subject.
        subject: String,
        /// The sequence in the stream.
        sequence: u64,
        /// What is wrong.
        reason: String,
    },
    /// A commit does not carry the hash of the previous one on its subject.
    #[error("sequence {sequence} of {subject} does not continue the chain")]
    ChainBroken {
        /// The subject.
        subject: String,
        /// The sequence in the stream.
        sequence: u64,
    },
    /// A value could not be encoded.
    #[error("a commit cannot be encoded: {0}")]
    Encode(#[from] rmp_serde::encode::Error),
}

impl Error {
    /// Tells whether no server could be reached, or not by its name: neither its address nor its credentials need be wrong.
    pub fn is_absence(&self) -> bool {
        use async_nats::ConnectErrorKind::{
            Authentication, AuthorizationViolation, Dns, Io, MaxReconnects, ServerParse, TimedOut, Tls,
        };
        match self {
            Self::Connect(error) => match error.kind() {
                Dns | TimedOut | Io | MaxReconnects => true,
                ServerParse | Authentication | AuthorizationViolation | Tls => false,
            },
            _ => false,
        }
    }

    /// Makes the error for a log that is unavailable because of `cause`.
    pub(crate) fn unavailable(cause: impl std::fmt::Display) -> Self {
        Self::Unavailable(cause.to_string())
    }
}
