//! A shard of the log as somebody sees it who has got hold of nats-server: past all our own code.

use async_nats::HeaderMap;
use async_nats::jetstream::{self, Context, stream};
use bytes::Bytes;
use futures_util::future::join_all;
use servers::Running;

use super::Installation;

/// A message as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    pub(crate) subject: String,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Bytes,
}

/// Whoever can do everything to the streams.
#[derive(Debug)]
pub(crate) struct Intruder {
    jetstream: Context,
}

impl Intruder {
    /// Takes the address and password of nats-server out of the data folder.
    pub(crate) async fn into(installation: &Installation) -> Self {
        let url = Running::on(&installation.data()).unwrap().nats_url.unwrap();
        Self { jetstream: jetstream::new(nats::bare_client(&url).await.unwrap()) }
    }

    /// Returns a stream.
    pub(crate) async fn stream(&self, name: &str) -> Option<stream::Stream> {
        self.jetstream.get_stream(name).await.ok()
    }

    /// Deletes a stream.
    pub(crate) async fn delete(&self, name: &str) {
        self.jetstream.delete_stream(name).await.unwrap();
    }

    /// Reads every message of a shard.
    pub(crate) async fn read(&self, shard: u64) -> Vec<Stored> {
        let stream = self.stream(&format!("EVENTS-{shard}")).await.unwrap();
        let last = stream.cached_info().state.last_sequence;
        let read = join_all((1..=last).map(|sequence| stream.get_raw_message(sequence))).await.into_iter();
        read.map(|message| {
            let message = message.unwrap();
            Stored { subject: message.subject.to_string(), headers: message.headers, payload: message.payload }
        })
        .collect()
    }

    /// Puts a stream with these messages in the place of a shard: its settings, epoch and all, are the same. A message that is none is
    /// deleted after it was stored.
    pub(crate) async fn put_in_place(&self, shard: u64, messages: &[Option<Stored>]) {
        let name = format!("EVENTS-{shard}");
        let config = self.stream(&name).await.unwrap().cached_info().config.clone();
        self.delete(&name).await;
        let stream = self.jetstream.create_stream(stream::Config { deny_delete: false, ..config.clone() }).await.unwrap();
        for (message, sequence) in messages.iter().zip(1_u64..) {
            let subject = message.as_ref().map_or_else(|| format!("event.{shard}.nothing"), |message| message.subject.clone());
            let mut headers = HeaderMap::new();
            let own = message.iter().flat_map(|message| message.headers.iter());
            // What the server is asked with each message is no part of it.
            own.filter(|(name, _)| !name.to_string().starts_with("Nats-")).for_each(|(name, values)| {
                for value in values {
                    headers.append(name.clone(), value.clone());
                }
            });
            let payload = message.as_ref().map_or_else(Bytes::new, |message| message.payload.clone());
            let stored = self.jetstream.publish_with_headers(subject, headers, payload).await.unwrap().await.unwrap();
            assert_eq!(stored.sequence, sequence);
            if message.is_none() {
                stream.delete_message(sequence).await.unwrap();
            }
        }
        self.jetstream.update_stream(config).await.unwrap();
    }
}
