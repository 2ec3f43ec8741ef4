//! Failures of reading rows and opening texts.

use domain::Address;
use nats::{DecodeError, Position};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// PostgreSQL cannot be reached, or refused a statement.
    #[error("the rows cannot be read")]
    Database(#[from] sqlx::Error),
    /// The log, or the keys beside it, cannot be reached.
    #[error(transparent)]
    Log(#[from] nats::Error),
    /// A text does not open although its key exists.
    #[error("a text of {owner:?} does not open")]
    Text {
        /// Its owner.
        owner: Address,
        /// What is wrong with it.
        source: nats::OpenError,
    },
    /// A stored event cannot be decoded.
    #[error("the event at {position:?} cannot be read")]
    Event {
        /// Its position in the log.
        position: Position,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// A column holds a value that the projector does not write.
    #[error("column {column} holds {value:?}")]
    Column {
        /// The column.
        column: &'static str,
        /// The value; never a user's text.
        value: String,
    },
}

/// Why there are no events.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// The cursor's position is in another shard or ahead of the log: its holder has to start from the beginning.
    #[error("the cursor names no place in this log")]
    Reset,
    /// Reading failed.
    #[error(transparent)]
    Broken(#[from] Error),
}

impl From<sqlx::Error> for EventsError {
    fn from(error: sqlx::Error) -> Self {
        Self::Broken(error.into())
    }
}
