//! Why one cannot listen, and what a client is told of it.

use problem::{Code, Problem};

/// Why one cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// Too many listen already.
    #[error("{limit} listeners are connected already")]
    TooMany {
        /// What is allowed.
        limit: usize,
    },
    /// The log cannot be reached.
    #[error(transparent)]
    Unavailable(#[from] nats::Error),
    /// The hub is stopping.
    #[error("the server is stopping")]
    Stopping,
}

impl From<HubError> for Problem {
    fn from(error: HubError) -> Self {
        match error {
            HubError::TooMany { .. } => Code::TooManyStreams.into(),
            HubError::Unavailable(error) => error.into(),
            HubError::Stopping => Self::with_detail(Code::Unavailable, "The service is stopping."),
        }
    }
}
