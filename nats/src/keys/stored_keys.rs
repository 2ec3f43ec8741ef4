//! Walks through the stored keys, oldest first, in pages that say how old each key is. No key is read for it.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, ReplayPolicy, pull};
use domain::Address;
use futures_util::StreamExt;

use crate::Error;
use crate::keys::data_keys::{EPOCH, Keys};
use crate::log::position::Epoch;
use crate::log::subjects;

/// The server removes a page's consumer after this long, if it was not deleted at once.
const INACTIVE: Duration = Duration::from_secs(30);

/// How long a page's messages may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// A message with a key, as the stream has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredKey {
    /// The link or session that it seals for.
    pub owner: Address,
    /// The message's sequence in the stream of keys.
    pub sequence: u64,
    /// How long ago it was stored, by the clock of the server that stores it.
    pub age: Duration,
    /// Whether it was made for the log that this process works with; keys of earlier releases do not tell.
    pub is_of_this_log: bool,
}

/// Some stored keys in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPage {
    /// The keys, oldest first; an owner may have several messages.
    pub keys: Vec<StoredKey>,
    /// Whether the stream had nothing behind them.
    pub is_last: bool,
}

impl Keys {
    /// Lists the keys that are stored after the sequence `after`, at most `most`, from the stream's leader.
    pub async fn page(&self, after: u64, most: usize) -> Result<KeyPage, Error> {
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: after + 1 },
            ack_policy: AckPolicy::None,
            replay_policy: ReplayPolicy::Instant,
            headers_only: true,
            memory_storage: true,
            num_replicas: 1,
            max_deliver: 1,
            inactive_threshold: INACTIVE,
            ..pull::Config::default()
        };
        let jetstream = &self.inner.connection.jetstream;
        let consumer = jetstream.create_consumer_on_stream(config, subjects::KEYS).await.map_err(Error::unavailable)?;
        let page = self.read_page(&consumer, most).await;
        if let Err(error) = jetstream.delete_consumer_from_stream(&consumer.cached_info().name, subjects::KEYS).await {
            tracing::debug!(%error, "a consumer was not deleted");
        }
        page
    }

    async fn read_page(&self, consumer: &PullConsumer, most: usize) -> Result<KeyPage, Error> {
        let (now, pending) = (consumer.cached_info().created, consumer.cached_info().num_pending);
        let mut page = KeyPage { keys: Vec::new(), is_last: pending == 0 };
        if page.is_last {
            return Ok(page);
        }
        let most = most.min(usize::try_from(pending).unwrap_or(usize::MAX));
        let mut messages = consumer.fetch().max_messages(most).expires(PATIENCE).messages().await.map_err(Error::unavailable)?;
        while let Some(message) = messages.next().await {
            let message = message.map_err(Error::unavailable)?;
            let info = message.info().map_err(Error::unavailable)?;
            if info.consumer_sequence != page.keys.len() as u64 + 1 {
                return Err(Error::unavailable("a stored key was lost on the way"));
            }
            let foreign = || Error::unavailable(format_args!("{} is no key's subject", message.subject));
            let owner = subjects::parse_key(&message.subject).ok_or_else(foreign)?;
            let epoch =
                message.headers.as_ref().and_then(|headers| headers.get(EPOCH)).and_then(|value| Epoch::parse(value.as_str()));
            page.keys.push(StoredKey {
                owner,
                sequence: info.stream_sequence,
                age: Duration::from_millis(u64::try_from((now - info.published).whole_milliseconds()).unwrap_or(0)),
                is_of_this_log: epoch == Some(self.inner.epoch(&owner)),
            });
            page.is_last = info.pending == 0;
        }
        if page.keys.is_empty() {
            return Err(Error::unavailable("the stream of keys gave none of those that it has"));
        }
        Ok(page)
    }
}
