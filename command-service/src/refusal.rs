//! Why a command was not carried out, for every kind of aggregate.

use domain::{Rejected, Timestamp, agent, link, session};

use crate::executor::CommandError;

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A rule of the agent rejected it.
    #[error(transparent)]
    Agent(agent::Rejection),
    /// A rule of the link rejected it.
    #[error(transparent)]
    Link(link::Rejection),
    /// A rule of the session rejected it.
    #[error(transparent)]
    Session(session::Rejection),
    /// The command's id was used before for something else.
    #[error("this id was used before with other content")]
    IdReused,
    /// The API key is unknown, revoked, or not a key.
    #[error("the API key is not valid")]
    KeyInvalid,
    /// The API key has expired.
    #[error("the API key has expired")]
    KeyExpired {
        /// When it ended.
        at: Timestamp,
    },
    /// The client id has a session, and the request does not prove that it comes from the same client.
    #[error("another client has used this client_id")]
    ClientIdUsed,
    /// The client has used the link too often.
    #[error("this client has had {limit} sessions on this link")]
    TooManyReturns {
        /// How many are allowed.
        limit: u32,
    },
    /// The agent's links have written as much as they may today.
    #[error("the agent's links have written {used} of {limit} bytes today (UTC)")]
    AgentBudgetReached {
        /// What they have written.
        used: u64,
        /// What they may.
        limit: u64,
    },
    /// The log has only the space left that is reserved for endings.
    #[error("the event log is full: only endings and erasures are accepted")]
    LogFull,
    /// Other writers kept appending first, or the start took too long.
    #[error("too many writers at once; try again")]
    Busy,
    /// The log cannot be reached, or is broken.
    #[error("the event log cannot be reached: {0}")]
    Unavailable(#[from] nats::Error),
    /// A sealed text does not open under its key.
    #[error("a stored text cannot be opened: {0}")]
    Unreadable(#[from] nats::OpenError),
    /// The values do not fit their question.
    #[error("the answer does not fit the question")]
    AnswerInvalid(Vec<forms::FieldError>),
    /// A stored form cannot be read.
    #[error("a stored form cannot be read: {0}")]
    Form(String),
    /// A passcode could not be checked or stored.
    #[error("the passcode could not be processed: {0}")]
    Passcode(String),
}

macro_rules! from_command_error {
    ($aggregate:ident, $variant:ident) => {
        impl From<CommandError<$aggregate::Rejection>> for Refusal {
            fn from(error: CommandError<$aggregate::Rejection>) -> Self {
                match error {
                    CommandError::Rejected(Rejected::Rule(rejection)) => Self::$variant(rejection),
                    CommandError::Rejected(Rejected::IdReused) => Self::IdReused,
                    CommandError::LogFull => Self::LogFull,
                    CommandError::Busy => Self::Busy,
                    CommandError::Broken(error) => Self::Unavailable(error),
                }
            }
        }
    };
}

from_command_error!(agent, Agent);
from_command_error!(link, Link);
from_command_error!(session, Session);
