//! What gateways tell each other about who is there: plain NATS messages that are not stored.

use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use crate::{Backbone, Error, Shard};

impl Backbone {
    /// Tells all gateways that are there now about a shard.
    pub async fn presence_publish(&self, shard: Shard, payload: Bytes) -> Result<(), Error> {
        self.connection.client.publish(subject(shard), payload).await.map_err(Error::unavailable)
    }

    /// Subscribes to what gateways, this one too, tell about a shard; the subscription survives reconnections.
    pub async fn presence_subscribe(&self, shard: Shard) -> Result<impl Stream<Item = Bytes> + Send + Unpin + use<>, Error> {
        let announcements = self.connection.client.subscribe(subject(shard)).await.map_err(Error::unavailable)?;
        Ok(announcements.map(|announcement| announcement.payload))
    }
}

fn subject(shard: Shard) -> String {
    format!("presence.{shard}")
}
