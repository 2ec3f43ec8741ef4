//! A plain connection, for measurements against nats-server itself.

use async_nats::{Client, ConnectOptions};

use crate::Error;
use crate::log::connection::authenticate;

/// Connects to the server at `url`, without opening streams.
pub async fn bare_client(url: &str) -> Result<Client, Error> {
    authenticate(ConnectOptions::new(), url)?.connect(url).await.map_err(Error::Connect)
}
