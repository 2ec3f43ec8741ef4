//! What can break between the rows and an answer.

use domain::Address;
use nats::{DecodeError, Position};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// PostgreSQL cannot be reached, or does not do as it is told.
    #[error("the rows cannot be read")]
    Database(#[from] sqlx::Error),
    /// The log, or the keys beside it, cannot be reached.
    #[error(transparent)]
    Log(#[from] nats::Error),
    /// A text does not open though its key is there.
    #[error("a text of {owner:?} does not open")]
    Words {
        /// Whose text.
        owner: Address,
        /// What is wrong with it.
        source: nats::OpenError,
    },
    /// A stored event does not read as one.
    #[error("the event at {position:?} cannot be read")]
    Event {
        /// Its place in the log.
        position: Position,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// A column holds what the projector does not write.
    #[error("column {column} holds {value:?}")]
    Column {
        /// The column.
        column: &'static str,
        /// What is in it; never text that anybody wrote.
        value: String,
    },
}

/// Why there are no events.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// The cursor names a place that the agent's shard does not have: of another shard, or ahead of the log. Its holder begins again.
    #[error("the cursor names no place in this log")]
    Reset,
    /// Something is broken.
    #[error(transparent)]
    Broken(#[from] Error),
}

impl From<sqlx::Error> for EventsError {
    fn from(error: sqlx::Error) -> Self {
        Self::Broken(error.into())
    }
}
