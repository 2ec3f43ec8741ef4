//! Ephemeral signals (typing, presence): plain NATS messages that are not stored.

use bytes::Bytes;
use domain::Address;
use futures_util::{Stream, StreamExt};

use crate::log::position::Shard;
use crate::log::subjects;
use crate::{Backbone, Error};

impl Backbone {
    /// Sends a signal about `address` to all present subscribers.
    pub async fn ephemeral_publish(&self, address: &Address, payload: Bytes) -> Result<(), Error> {
        let subject = subjects::ephemeral(self.shard_of(address.agent), address);
        self.connection.client.publish(subject, payload).await.map_err(Error::unavailable)
    }

    /// Subscribes to the signals of a shard; the subscription survives reconnections.
    pub async fn ephemeral_subscribe(
        &self,
        shard: Shard,
    ) -> Result<impl Stream<Item = (Address, Bytes)> + Send + Unpin + use<>, Error> {
        let signals = self.connection.client.subscribe(subjects::ephemerals_of_shard(shard)).await.map_err(Error::unavailable)?;
        Ok(signals.filter_map(|signal| {
            let address = subjects::parse_ephemeral(&signal.subject).map(|(_, address)| address);
            std::future::ready(address.map(|address| (address, signal.payload)))
        }))
    }
}
