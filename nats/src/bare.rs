//! A bare connection, for measuring against the raw server.

use async_nats::{Client, ConnectOptions};

use crate::Error;
use crate::backbone::authenticate;

/// Connects to the server at `url` and knows nothing of streams.
pub async fn bare_client(url: &str) -> Result<Client, Error> {
    authenticate(ConnectOptions::new(), url)?.connect(url).await.map_err(Error::Connect)
}
