//! Follows one shard commit by commit, without gap or repeat, over lost connections and lost consumers.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, ReplayPolicy};
use async_nats::jetstream::stream::ConsumerErrorKind;
use async_nats::jetstream::{ErrorCode, Message};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::watch;
use tokio::task::unconstrained;
use tokio::time::sleep;

use crate::backbone::Inner;
use crate::{Error, Hash, Raw, Recorded, Shard, Unknown, read, streams, subjects};

/// Messages asked for ahead.
const AHEAD: usize = 1000;
/// A server silent for two of these has forgotten the consumer.
const HEARTBEAT: Duration = Duration::from_secs(5);
const EXPIRES: Duration = Duration::from_secs(30);
/// The server forgets a consumer that nobody pulls from for this long.
const INACTIVE: Duration = Duration::from_mins(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Why a feed ended.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The stream is another one than at the start: nothing read from it continues what was read.
    #[error("shard {0} is another stream than it was")]
    OtherEpoch(Shard),
    /// The place to read from lies beyond the end: the log lost its tail, or the place is another log's.
    #[error("shard {shard} ends at {end}, before {after}")]
    AheadOfLog {
        /// The shard.
        shard: Shard,
        /// Where reading was to go on.
        after: u64,
        /// Where the shard ends.
        end: u64,
    },
    /// It could not be read.
    #[error(transparent)]
    Broken(#[from] Error),
}

/// A feed of one shard from one place on.
#[derive(Debug)]
pub struct Feed {
    inner: Arc<Inner>,
    shard: Shard,
    last: u64,
    running: Hash,
    source: Option<Source>,
    ready: Vec<Recorded>,
}

/// A consumer on the server, and what came from it so far.
struct Source {
    messages: pull::Stream,
    name: String,
    delivered: u64,
    connections: watch::Receiver<u64>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("name", &self.name).field("delivered", &self.delivered).finish_non_exhaustive()
    }
}

impl Feed {
    pub(crate) fn new(inner: Arc<Inner>, shard: Shard, after: u64, running: Hash) -> Self {
        Self { inner, shard, last: after, running, source: None, ready: Vec::new() }
    }

    /// Returns the sequence of the last commit handed out.
    pub fn last(&self) -> u64 {
        self.ready.first().map_or(self.last, |recorded| recorded.sequence - 1)
    }

    /// Waits for a commit and returns it with those that came along, in order, at most `most`. Cancel safe: nothing is lost when the wait is dropped.
    ///
    /// An unreachable server is waited for, not reported.
    pub async fn next(&mut self, most: usize) -> Result<Vec<Recorded>, FeedError> {
        let mut pause = Duration::from_millis(20);
        while self.ready.is_empty() {
            let source = match &mut self.source {
                Some(source) => source,
                vacant @ None => match connect(&self.inner, self.shard, self.last).await {
                    Ok(source) => vacant.insert(source),
                    Err(FeedError::Broken(Error::Unavailable(why))) => {
                        tracing::debug!(shard = %self.shard, why, "a feed waits for the log");
                        sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                        continue;
                    }
                    Err(error) => return Err(error),
                },
            };
            match source.next().await {
                Ok(message) => self.take(&message).await?,
                Err(why) => self.lose(&why),
            }
        }
        while self.ready.len() < most {
            let Some(source) = &mut self.source else { break };
            // Without a budget: `most` bounds it, and tokio's would end every batch at 128.
            match unconstrained(source.messages.next()).now_or_never() {
                Some(Some(Ok(message))) => {
                    if let Err(error) = self.take(&message).await {
                        // What was read before it comes first; then it is met again.
                        self.lose(&error.to_string());
                    }
                }
                Some(Some(Err(error))) => self.lose(&error.to_string()),
                Some(None) => self.lose("the consumer ended"),
                None => break,
            }
        }
        let rest = self.ready.split_off(most.max(1).min(self.ready.len()));
        Ok(std::mem::replace(&mut self.ready, rest))
    }

    /// Passes over the next commit where [`Self::next`] failed on it and a newer program wrote it; does nothing where it is known or broken.
    pub async fn pass_over(&mut self) -> Result<Option<Unknown>, FeedError> {
        let filter = subjects::events_of_shard(self.shard);
        let next = read::next(&self.inner, self.shard, &filter, self.last).await?;
        let Some(unknown) = next.and_then(|raw| raw.unknown(self.running)) else { return Ok(None) };
        self.source = None;
        self.last = unknown.sequence;
        self.running = unknown.running;
        Ok(Some(unknown))
    }

    fn lose(&mut self, why: &str) {
        tracing::info!(shard = %self.shard, after = self.last, why, "a feed makes its consumer again");
        self.source = None;
    }

    /// Takes a message in, if it is the next of its consumer; a gap in the stream must be one on the leader too.
    async fn take(&mut self, message: &Message) -> Result<(), FeedError> {
        let Some(source) = &mut self.source else { return Ok(()) };
        let Ok(info) = message.info() else {
            self.lose("a message without its place");
            return Ok(());
        };
        let (consumer_sequence, sequence) = (info.consumer_sequence, info.stream_sequence);
        if consumer_sequence != source.delivered + 1 || sequence <= self.last {
            self.lose("a message was lost on the way");
            return Ok(());
        }
        if sequence != self.last + 1 {
            let filter = subjects::events_of_shard(self.shard);
            let purged =
                read::next(&self.inner, self.shard, &filter, self.last).await?.is_some_and(|next| next.sequence == sequence);
            if !purged {
                self.lose("a message is missing");
                return Ok(());
            }
        }
        let raw = Raw {
            subject: message.subject.to_string(),
            sequence,
            headers: message.headers.clone(),
            payload: message.payload.clone(),
        };
        let mut recorded = raw.decode()?;
        recorded.running = self.running.advance(sequence, &raw.subject, &raw.payload);
        if let Some(source) = &mut self.source {
            source.delivered = consumer_sequence;
        }
        self.running = recorded.running;
        self.last = sequence;
        self.ready.push(recorded);
        Ok(())
    }
}

impl Drop for Feed {
    /// Asks the server to forget the consumer; it would by itself after a minute.
    fn drop(&mut self) {
        let (Some(source), Ok(runtime)) = (self.source.take(), tokio::runtime::Handle::try_current()) else { return };
        let (jetstream, stream) = (self.inner.jetstream.clone(), self.inner.shard(self.shard).stream.clone());
        runtime.spawn(async move {
            if let Err(error) = jetstream.delete_consumer_from_stream(&source.name, &stream).await {
                tracing::debug!(%error, "a consumer was not deleted");
            }
        });
    }
}

impl Source {
    /// Waits for a message; an error says that the consumer is gone, or that nobody knows whether it is.
    async fn next(&mut self) -> Result<Message, String> {
        tokio::select! {
            biased;
            came = self.messages.next() => match came {
                Some(Ok(message)) => Ok(message),
                Some(Err(error)) => Err(error.to_string()),
                None => Err("the consumer ended".to_owned()),
            },
            _ = self.connections.changed() => Err("the connection was made again".to_owned()),
        }
    }
}

/// Makes a consumer that starts after `after`, on the stream that this process knows.
async fn connect(inner: &Inner, shard: Shard, after: u64) -> Result<Source, FeedError> {
    let mut connections = inner.connections.clone();
    connections.mark_unchanged();
    let state = inner.shard(shard);
    let found = streams::find(&inner.jetstream, shard).await?;
    if found.epoch != state.epoch {
        return Err(FeedError::OtherEpoch(shard));
    }
    if found.last < after {
        return Err(FeedError::AheadOfLog { shard, after, end: found.last });
    }
    let config = pull::Config {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: after + 1 },
        ack_policy: AckPolicy::None,
        replay_policy: ReplayPolicy::Instant,
        memory_storage: true,
        num_replicas: 1,
        max_deliver: 1,
        inactive_threshold: INACTIVE,
        ..pull::Config::default()
    };
    let consumer =
        inner.jetstream.create_consumer_on_stream(config, &state.stream).await.map_err(|error| match error.kind() {
            // Its own fault, not the server's for the moment.
            ConsumerErrorKind::JetStream(cause) if cause.code() < 500 && cause.error_code() != ErrorCode::STREAM_NOT_FOUND => {
                Error::Refused { code: cause.error_code().0, description: cause.to_string() }
            }
            _ => Error::unavailable(error),
        })?;
    let name = consumer.cached_info().name.clone();
    let messages = consumer
        .stream()
        .max_messages_per_batch(AHEAD)
        .heartbeat(HEARTBEAT)
        .expires(EXPIRES)
        .messages()
        .await
        .map_err(Error::unavailable)?;
    Ok(Source { messages, name, delivered: 0, connections })
}
