//! Signals that are worth nothing a moment later (typing, presence): plain messages, in no log.

use bytes::Bytes;
use domain::Address;
use futures_util::{Stream, StreamExt};

use crate::{Backbone, Error, Shard, subjects};

impl Backbone {
    /// Sends a signal about `address` to whoever listens now.
    pub async fn ephemeral_publish(&self, address: &Address, payload: Bytes) -> Result<(), Error> {
        let subject = subjects::ephemeral(self.shard_of(address.agent), address);
        self.inner.client.publish(subject, payload).await.map_err(Error::unavailable)
    }

    /// Listens to the signals of a shard; the subscription outlives lost connections.
    pub async fn ephemeral_subscribe(
        &self,
        shard: Shard,
    ) -> Result<impl Stream<Item = (Address, Bytes)> + Send + Unpin + use<>, Error> {
        let signals = self.inner.client.subscribe(subjects::ephemerals_of_shard(shard)).await.map_err(Error::unavailable)?;
        Ok(signals.filter_map(|signal| {
            let address = subjects::parse_ephemeral(&signal.subject).map(|(_, address)| address);
            std::future::ready(address.map(|address| (address, signal.payload)))
        }))
    }
}
