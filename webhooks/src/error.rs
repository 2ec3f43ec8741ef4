//! What keeps webhooks from being listed or called.

/// Why something about webhooks cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres does not do what it must.
    #[error("the rows of webhooks cannot be read or written")]
    Rows(#[from] sqlx::Error),
    /// The client for calls cannot be made: TLS is not set up.
    #[error("webhooks cannot be called")]
    Client(#[from] reqwest::Error),
}
