//! Follows one shard message by message, without gaps or repeats, across reconnections and recreated consumers.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, ReplayPolicy};
use async_nats::jetstream::stream::ConsumerErrorKind;
use async_nats::jetstream::{self, ErrorCode};
use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::watch;
use tokio::task::unconstrained;
use tokio::time::sleep;

use crate::Error;
use crate::log::connection::Connection;
use crate::log::position::{Hash, Shard};
use crate::log::pruning::leaves::Leaves;
use crate::log::record::{Message, Raw};
use crate::log::unknown::Unknown;
use crate::log::{read, streams, subjects};

/// Messages that one pull requests in advance.
const PREFETCH: usize = 1000;
/// After two missed heartbeats the consumer counts as lost.
const HEARTBEAT: Duration = Duration::from_secs(5);
const EXPIRES: Duration = Duration::from_secs(30);
/// The server removes a consumer without pulls for this long.
const INACTIVE: Duration = Duration::from_mins(1);
/// The pauses while the log cannot be reached.
const PAUSES: ExponentialBuilder =
    ExponentialBuilder::new().with_min_delay(Duration::from_millis(20)).with_max_delay(LONGEST_PAUSE).without_max_times();
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Why a feed ended.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The stream's epoch has changed: what it holds now does not continue what was read.
    #[error("shard {0} is another stream than it was")]
    OtherEpoch(Shard),
    /// The sequence to continue from lies beyond the end: the log lost its tail, or the sequence belongs to another log.
    #[error("shard {shard} ends at {end}, before {after}")]
    AheadOfLog {
        /// The shard.
        shard: Shard,
        /// The sequence to continue after.
        after: u64,
        /// The shard's last sequence.
        end: u64,
    },
    /// The log could not be read.
    #[error(transparent)]
    Broken(#[from] Error),
}

/// A feed of one shard from one sequence on.
#[derive(Debug)]
pub struct Feed {
    connection: Arc<Connection>,
    shard: Shard,
    last: u64,
    proof: Option<Proof>,
    source: Option<Source>,
    ready: Vec<Message>,
}

/// What a feed knows of the running hash.
#[derive(Debug)]
struct Proof {
    running: Hash,
    /// What stands for the messages that are missing.
    leaves: Leaves,
    /// How many messages were missing without a record.
    unrecorded: u64,
    /// The first and the last of them.
    between: Option<(u64, u64)>,
}

/// A consumer on the server, and how many messages it has delivered.
struct Source {
    messages: pull::Stream,
    name: String,
    delivered: u64,
    reconnects: watch::Receiver<u64>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("name", &self.name).field("delivered", &self.delivered).finish_non_exhaustive()
    }
}

impl Feed {
    /// Reads on after `after`; with the running hash there, computes it for what follows.
    pub(crate) fn new(connection: Arc<Connection>, shard: Shard, after: u64, running: Option<Hash>) -> Self {
        let leaves = || Leaves::new(shard, after);
        let proof = running.map(|running| Proof { running, leaves: leaves(), unrecorded: 0, between: None });
        Self { connection, shard, last: after, proof, source: None, ready: Vec::new() }
    }

    /// Returns how many messages were missing although no record names them, with the first and the last of them. In the running hash
    /// zeros stand for them.
    pub fn unrecorded(&self) -> Option<(u64, u64, u64)> {
        let proof = self.proof.as_ref()?;
        proof.between.map(|(first, last)| (proof.unrecorded, first, last))
    }

    /// Returns the sequence of the last message handed out.
    pub fn last(&self) -> u64 {
        self.ready.first().map_or(self.last, |message| message.sequence() - 1)
    }

    /// Waits for a message and returns it with those that are ready too, in order, at most `most`. Cancel safe: dropping the
    /// future loses nothing.
    ///
    /// While the server is unreachable it waits and reports nothing.
    pub async fn next(&mut self, most: usize) -> Result<Vec<Message>, FeedError> {
        let mut pauses = PAUSES.build();
        while self.ready.is_empty() {
            let source = match &mut self.source {
                Some(source) => source,
                vacant @ None => match connect(&self.connection, self.shard, self.last).await {
                    Ok(source) => vacant.insert(source),
                    Err(FeedError::Broken(Error::Unavailable(why))) => {
                        tracing::debug!(shard = %self.shard, why, "a feed waits for the log");
                        sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
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
            // Outside tokio's cooperative budget, which would end every batch at 128; `most` is the bound.
            match unconstrained(source.messages.next()).now_or_never() {
                Some(Some(Ok(message))) => {
                    if let Err(error) = self.take(&message).await {
                        // The commits read before it are returned first; the next call meets the error again.
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

    /// Skips the next commit if [`Self::next`] failed on it because a newer program wrote it; does nothing where it is known or
    /// corrupt.
    pub async fn pass_over(&mut self) -> Result<Option<Unknown>, FeedError> {
        let filter = subjects::events_of_shard(self.shard);
        let next = read::next(&self.connection, self.shard, &filter, self.last).await?;
        let Some((raw, mut unknown)) = next.and_then(|raw| raw.unknown().map(|unknown| (raw, unknown))) else { return Ok(None) };
        self.source = None;
        self.step_over(unknown.sequence).await?;
        unknown.running = self.advance(&raw);
        self.last = unknown.sequence;
        Ok(Some(unknown))
    }

    fn lose(&mut self, why: &str) {
        tracing::info!(shard = %self.shard, after = self.last, why, "a feed makes its consumer again");
        self.source = None;
    }

    /// Accepts a message if it is its consumer's next; a gap in the sequences must be one on the leader too.
    async fn take(&mut self, message: &jetstream::Message) -> Result<(), FeedError> {
        let Some(source) = &mut self.source else { return Ok(()) };
        let Ok(info) = message.info() else {
            self.lose("a message without its sequence");
            return Ok(());
        };
        let (consumer_sequence, sequence) = (info.consumer_sequence, info.stream_sequence);
        if consumer_sequence != source.delivered + 1 || sequence <= self.last {
            self.lose("a message was lost on the way");
            return Ok(());
        }
        if sequence != self.last + 1 && !self.step_over(sequence).await? {
            self.lose("a message is missing");
            return Ok(());
        }
        let raw = Raw {
            subject: message.subject.to_string(),
            sequence,
            headers: message.headers.clone(),
            payload: message.payload.clone(),
        };
        let mut decoded = self.decode(&raw)?;
        let running = self.advance(&raw);
        match &mut decoded {
            Message::Commit(recorded) => recorded.running = running,
            Message::Pruning(recorded) => recorded.running = running,
        }
        if let Some(source) = &mut self.source {
            source.delivered = consumer_sequence;
        }
        self.last = sequence;
        self.ready.push(decoded);
        Ok(())
    }

    fn decode(&self, raw: &Raw) -> Result<Message, Error> {
        if !raw.is_pruning(self.shard) {
            return raw.decode().map(Message::Commit);
        }
        let epoch = self.connection.shard(self.shard).epoch;
        raw.pruning(&self.connection.pruning_key, epoch, self.shard).map(|recorded| Message::Pruning(Box::new(recorded)))
    }

    /// Goes over what is missing before `sequence`, taking in what stands for it; false where a message is missing that the leader has.
    async fn step_over(&mut self, sequence: u64) -> Result<bool, Error> {
        let missing = self.last + 1..sequence;
        let Some(proof) = &mut self.proof else { return self.is_gone_before(sequence).await };
        let is_recorded = |proof: &Proof| missing.clone().all(|missing| proof.leaves.get(missing).is_some());
        if !is_recorded(proof) {
            proof.leaves.read_on(&self.connection).await?;
        }
        if !is_recorded(proof) && !self.is_gone_before(sequence).await? {
            return Ok(false);
        }
        let Some(proof) = &mut self.proof else { return Ok(true) };
        let before = proof.unrecorded;
        for sequence in missing {
            let leaf = proof.leaves.take(sequence).unwrap_or_else(|| {
                proof.unrecorded += 1;
                proof.between = Some((proof.between.map_or(sequence, |(first, _)| first), sequence));
                Hash::default()
            });
            proof.running = proof.running.advance(&leaf);
        }
        self.last = sequence - 1;
        let is_new = proof.unrecorded > before;
        if let Some((count, first, last)) = self.unrecorded().filter(|_| is_new) {
            tracing::error!(shard = %self.shard, count, first, last, "commits are missing from the log and no record says why: `tempchat log verify`");
        }
        Ok(true)
    }

    /// Asks the leader whether nothing is left between the last message and `sequence`.
    async fn is_gone_before(&self, sequence: u64) -> Result<bool, Error> {
        let filter = subjects::events_of_shard(self.shard);
        let next = read::next(&self.connection, self.shard, &filter, self.last).await?;
        Ok(next.is_some_and(|next| next.sequence >= sequence))
    }

    /// Takes a message into the running hash; zeros where none is wanted.
    fn advance(&mut self, raw: &Raw) -> Hash {
        let Some(proof) = &mut self.proof else { return Hash::default() };
        proof.running = proof.running.advance(&raw.leaf());
        proof.running
    }
}

impl Drop for Feed {
    /// Removes the consumer now; the server would do so itself after a minute.
    fn drop(&mut self) {
        let (Some(source), Ok(runtime)) = (self.source.take(), tokio::runtime::Handle::try_current()) else { return };
        let (jetstream, stream) = (self.connection.jetstream.clone(), self.connection.shard(self.shard).stream.clone());
        runtime.spawn(async move {
            if let Err(error) = jetstream.delete_consumer_from_stream(&source.name, &stream).await {
                tracing::debug!(%error, "a consumer was not deleted");
            }
        });
    }
}

impl Source {
    /// Waits for a message; an error says that the consumer is lost or may be.
    async fn next(&mut self) -> Result<jetstream::Message, String> {
        tokio::select! {
            biased;
            message = self.messages.next() => match message {
                Some(Ok(message)) => Ok(message),
                Some(Err(error)) => Err(error.to_string()),
                None => Err("the consumer ended".to_owned()),
            },
            _ = self.reconnects.changed() => Err("the connection was made again".to_owned()),
        }
    }
}

/// Creates a consumer that starts after `after`, on a stream of the known epoch.
async fn connect(connection: &Connection, shard: Shard, after: u64) -> Result<Source, FeedError> {
    let mut reconnects = connection.reconnects.clone();
    reconnects.mark_unchanged();
    let state = connection.shard(shard);
    let found = streams::find(&connection.jetstream, shard).await?;
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
        connection.jetstream.create_consumer_on_stream(config, &state.stream).await.map_err(|error| match error.kind() {
            // A fault of the request, not a temporary one of the server.
            ConsumerErrorKind::JetStream(cause) if cause.code() < 500 && cause.error_code() != ErrorCode::STREAM_NOT_FOUND => {
                Error::Refused { code: cause.error_code().0, description: cause.to_string() }
            }
            _ => Error::unavailable(error),
        })?;
    let name = consumer.cached_info().name.clone();
    let messages = consumer
        .stream()
        .max_messages_per_batch(PREFETCH)
        .heartbeat(HEARTBEAT)
        .expires(EXPIRES)
        .messages()
        .await
        .map_err(Error::unavailable)?;
    Ok(Source { messages, name, delivered: 0, reconnects })
}
