//! The way in: one connection, the streams behind it, and what is known of them.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use domain::AgentId;
use percent_encoding::percent_decode_str;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use crate::fullness::Fullness;
use crate::{
    Cursors, Epoch, Error, Feed, Handoffs, Hash, Keys, Opener, Options, Secrets, Shard, Store, fullness, streams, subjects,
};

/// The oldest server with everything that the log needs.
const NEEDED: &str = "2.11.0";
/// Requests to the API answer within this time or count as lost.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// A dead connection is noticed after two of these.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// Loads of cold aggregates at once: they are CPU-bound, on the server too.
const COLD_LOADS: usize = 8;

/// The log and its keys; cheap to clone.
#[derive(Clone, Debug)]
pub struct Backbone {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) client: Client,
    pub(crate) jetstream: Context,
    pub(crate) shards: Vec<ShardState>,
    pub(crate) replicas: usize,
    pub(crate) cold: Semaphore,
    /// Counts the connections made: whoever waits for an answer on an old one waits in vain.
    pub(crate) connections: watch::Receiver<u64>,
    secrets: Secrets,
    keys: Keys,
    cursors: Cursors,
    opener: Opener,
}

/// What is known of one stream of the log.
#[derive(Debug)]
pub(crate) struct ShardState {
    pub(crate) shard: Shard,
    pub(crate) stream: String,
    pub(crate) epoch: Epoch,
    pub(crate) fullness: Fullness,
    /// Set once another stream of this name was seen: what this process knows of the shard is void.
    pub(crate) is_replaced: AtomicBool,
}

impl Backbone {
    /// Connects, refuses a server that is too old, and makes or verifies the streams.
    pub async fn connect(options: Options) -> Result<Self, Error> {
        let (connected, mut connections) = watch::channel(0_u64);
        let client = authenticate(ConnectOptions::new(), &options.url)?
            .name("tempchat")
            .ping_interval(PING_INTERVAL)
            .request_timeout(Some(REQUEST_TIMEOUT))
            .reconnect_delay_callback(|attempts| {
                Duration::from_millis(50).saturating_mul(u32::try_from(attempts).unwrap_or(u32::MAX)).min(Duration::from_secs(1))
            })
            .event_callback(move |event| {
                match event {
                    Event::Connected => connected.send_modify(|count| *count += 1),
                    Event::Disconnected => tracing::warn!("the connection to nats-server is lost"),
                    Event::SlowConsumer(subscription) => tracing::warn!(subscription, "messages from nats-server were dropped"),
                    other => tracing::info!(event = %other, "nats-server"),
                }
                std::future::ready(())
            })
            .connect(options.url.split(',').map(str::to_owned).collect::<Vec<_>>())
            .await
            .map_err(Error::Connect)?;
        // The callback runs beside us: the first connection must not be taken for a second one later.
        timeout(REQUEST_TIMEOUT, connections.changed()).await.map_err(Error::unavailable)?.map_err(Error::unavailable)?;
        check_server(&client)?;
        let mut jetstream = jetstream::new(client.clone());
        jetstream.set_timeout(REQUEST_TIMEOUT);
        let found = streams::open(&jetstream, &options).await?;
        let replicas = found.iter().map(|shard| shard.replicas).max().unwrap_or(1);
        let shards: Vec<_> = found
            .into_iter()
            .zip((0..).map(Shard))
            .map(|(found, shard)| ShardState {
                shard,
                stream: subjects::stream(shard),
                epoch: found.epoch,
                fullness: Fullness::new(found.bytes, found.max_bytes),
                is_replaced: AtomicBool::new(false),
            })
            .collect();
        let secrets = options.roots;
        let keys = Keys::open(jetstream.clone(), secrets.clone()).await?;
        let cursors = Cursors::new(&secrets, shards.iter().map(|state| (state.shard, state.epoch)));
        let opener = Opener::new(keys.clone());
        let cold = Semaphore::new(COLD_LOADS);
        let inner = Arc::new(Inner { client, jetstream, shards, replicas, cold, connections, secrets, keys, cursors, opener });
        fullness::start(&inner);
        Ok(Self { inner })
    }

    /// Returns all shards, in order.
    pub fn shards(&self) -> impl Iterator<Item = Shard> + '_ {
        self.inner.shards.iter().map(|state| state.shard)
    }

    /// Returns where an agent and all that is its own live.
    pub fn shard_of(&self, agent: AgentId) -> Shard {
        self.inner.shard_of(agent)
    }

    /// Returns the life of a shard's stream that this process works with.
    pub fn epoch(&self, shard: Shard) -> Epoch {
        self.inner.shard(shard).epoch
    }

    /// Asks the leader for the last sequence of a shard; 0 when it is empty.
    pub async fn end(&self, shard: Shard) -> Result<u64, Error> {
        let found = streams::find(&self.inner.jetstream, shard).await?;
        if found.epoch == self.epoch(shard) { Ok(found.last) } else { Err(Error::OtherEpoch { shard }) }
    }

    /// Asks the leaders how full the fullest shard is: a share of its byte limit, 0 to 1.
    pub async fn fullness(&self) -> Result<f64, Error> {
        fullness::refresh(&self.inner).await
    }

    /// Opens the store of aggregates.
    pub fn store(&self) -> Store {
        Store::new(Arc::clone(&self.inner))
    }

    /// Follows a shard from the commit after `after`, where its running hash was `running`.
    pub fn feed(&self, shard: Shard, after: u64, running: Hash) -> Feed {
        Feed::new(Arc::clone(&self.inner), shard, after, running)
    }

    /// Returns the installation's secrets.
    pub fn secrets(&self) -> &Secrets {
        &self.inner.secrets
    }

    /// Returns the data keys.
    pub fn keys(&self) -> &Keys {
        &self.inner.keys
    }

    /// Returns the ways to sessions by hand-off code.
    pub fn handoffs(&self) -> Handoffs {
        Handoffs::new(self.inner.jetstream.clone())
    }

    /// Returns what seals and opens cursors of this log.
    pub fn cursors(&self) -> &Cursors {
        &self.inner.cursors
    }

    /// Returns what makes sealed text readable.
    pub fn opener(&self) -> Opener {
        self.inner.opener.clone()
    }

    /// Tells whether the server can be reached right now.
    pub fn is_connected(&self) -> bool {
        self.inner.client.connection_state() == State::Connected
    }

    /// Sends what is still to be sent, then closes the connection; nothing works after it.
    pub async fn drain(&self) {
        if let Err(error) = self.inner.client.flush().await {
            tracing::debug!(%error, "the connection was closed already");
        }
        if let Err(error) = self.inner.client.drain().await {
            tracing::debug!(%error, "the connection was closed already");
        }
    }
}

impl Inner {
    pub(crate) fn shard_of(&self, agent: AgentId) -> Shard {
        Shard::of(agent, u16::try_from(self.shards.len()).expect("shards are counted in 16 bits"))
    }

    pub(crate) fn shard(&self, shard: Shard) -> &ShardState {
        self.shards.get(usize::from(shard.0)).expect("a shard comes from this log")
    }
}

/// Hands over the user and password of the first address: the client does not look for them there.
pub(crate) fn authenticate(options: ConnectOptions, url: &str) -> Result<ConnectOptions, Error> {
    let first: ServerAddr = url.split(',').next().unwrap_or_default().parse().map_err(|_| Error::Address)?;
    let decode = |text: &str| percent_decode_str(text).decode_utf8().map(Cow::into_owned).map_err(|_| Error::Address);
    Ok(match (first.username(), first.password()) {
        (Some(user), Some(password)) => options.user_and_password(decode(user)?, decode(password)?),
        (Some(token), None) => options.token(decode(token)?),
        (None, _) => options,
    })
}

fn check_server(client: &Client) -> Result<(), Error> {
    let info = client.server_info();
    let number = |text: &str| -> Vec<u64> { text.split(['.', '-']).take(3).map(|part| part.parse().unwrap_or(0)).collect() };
    if number(&info.version) < number(NEEDED) {
        return Err(Error::TooOld { found: info.version, needed: NEEDED });
    }
    if info.jetstream { Ok(()) } else { Err(Error::NoJetStream) }
}
