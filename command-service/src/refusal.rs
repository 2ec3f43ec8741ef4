//! Why a command was not carried out, whichever aggregate said so.

use domain::{Rejected, Timestamp, agent, link, session};

use crate::executor::Refused;

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The agent's rules say no.
    #[error(transparent)]
    Agent(agent::Rejection),
    /// The link's rules say no.
    #[error(transparent)]
    Link(link::Rejection),
    /// The session's rules say no.
    #[error(transparent)]
    Session(session::Rejection),
    /// The command's id was used before for something else.
    #[error("this id was used before with other content")]
    IdReused,
    /// The API key is unknown, revoked, or not a key.
    #[error("the API key is not valid")]
    KeyInvalid,
    /// The API key was good until then.
    #[error("the API key has expired")]
    KeyExpired {
        /// When it ended.
        at: Timestamp,
    },
    /// The client has a session, but does not show that it is the same client.
    #[error("another client has used this client_id")]
    ClientIdUsed,
    /// The client has used the link too often.
    #[error("this client has had {limit} sessions on this link")]
    TooManyReturns {
        /// What is allowed.
        limit: u32,
    },
    /// The log has no room but for endings.
    #[error("the event log is full: only endings and erasures are accepted")]
    LogFull,
    /// Other writers came first again and again, or the start took too long.
    #[error("too many writers at once; try again")]
    Busy,
    /// The log cannot be reached, or is broken.
    #[error("the event log cannot be reached: {0}")]
    Unavailable(#[from] nats::Error),
    /// A sealed text does not open under its key.
    #[error("a stored text cannot be opened: {0}")]
    Unreadable(#[from] nats::OpenError),
    /// Values do not fit their question.
    #[error("the answer does not fit the question")]
    AnswerInvalid(Vec<forms::FieldError>),
    /// A stored form cannot be read.
    #[error("a stored form cannot be read: {0}")]
    Form(String),
    /// A passcode could not be checked or stored.
    #[error("the passcode could not be processed: {0}")]
    Passcode(String),
}

macro_rules! from_refused {
    ($aggregate:ident, $variant:ident) => {
        impl From<Refused<$aggregate::Rejection>> for Refusal {
            fn from(refused: Refused<$aggregate::Rejection>) -> Self {
                match refused {
                    Refused::Rejected(Rejected::Rule(rejection)) => Self::$variant(rejection),
                    Refused::Rejected(Rejected::IdReused) => Self::IdReused,
                    Refused::LogFull => Self::LogFull,
                    Refused::Busy => Self::Busy,
                    Refused::Broken(error) => Self::Unavailable(error),
                }
            }
        }
    };
}

from_refused!(agent, Agent);
from_refused!(link, Link);
from_refused!(session, Session);
