//! The connection to nats-server and the state of each shard's stream, shared by all that reads and appends.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use domain::AgentId;
use futures_util::future::try_join_all;
use percent_encoding::percent_decode_str;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};

use crate::log::capacity::Capacity;
use crate::log::position::{Epoch, Shard};
use crate::log::pruning::ids::PrunedIds;
use crate::log::pruning::record::PruningKey;
use crate::log::writes::Writes;
use crate::log::{streams, subjects};
use crate::{Error, Opening, Options};

/// The oldest server with everything that the log needs.
const NEEDED: &str = "2.11.0";
/// Requests to the API answer within this time or count as lost.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// A dead connection is noticed after two of these.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// Loads of cold aggregates at once: they are CPU-bound, on the server too.
const COLD_LOADS: usize = 8;
/// How often the leaders are asked how many bytes their streams hold.
const CAPACITY_INTERVAL: Duration = Duration::from_secs(2);

/// The pause after a limit could not be raised.
const GROWTH_PAUSE: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) jetstream: Context,
    pub(crate) shards: Vec<ShardState>,
    pub(crate) replicas: usize,
    /// The key of pruning records' tags.
    pub(crate) pruning_key: PruningKey,
    /// Permits for loads of aggregates that are not cached.
    pub(crate) cold: Semaphore,
    /// Whether what is written is stored.
    pub(crate) writes: Arc<Writes>,
    /// Counts the connections made: an answer that an earlier connection was to carry never arrives.
    pub(crate) reconnects: watch::Receiver<u64>,
}

/// What is known of one stream of the log.
#[derive(Debug)]
pub(crate) struct ShardState {
    pub(crate) shard: Shard,
    pub(crate) stream: String,
    pub(crate) epoch: Epoch,
    pub(crate) capacity: Capacity,
    /// Whether it was of format 1 when it was opened.
    pub(crate) is_of_format_1: bool,
    /// The ids that pruning records name.
    pub(crate) pruned: PrunedIds,
    /// Set once a stream of this name with another epoch was seen: what this process knows of the shard is void.
    pub(crate) is_replaced: AtomicBool,
}

impl Connection {
    /// Connects, refuses a server that is too old, makes or verifies the streams, and watches their capacity from then on.
    pub(crate) async fn open(options: &Options, pruning_key: PruningKey) -> Result<Arc<Self>, Error> {
        let (connected, mut reconnects) = watch::channel(0_u64);
        let writes = Arc::new(Writes::default());
        let noted = Arc::clone(&writes);
        let client = authenticate(ConnectOptions::new(), &options.url)?
            .name("tempchat")
            .ping_interval(PING_INTERVAL)
            .request_timeout(Some(REQUEST_TIMEOUT))
            .reconnect_delay_callback(|attempts| {
                Duration::from_millis(50).saturating_mul(u32::try_from(attempts).unwrap_or(u32::MAX)).min(Duration::from_secs(1))
            })
            .event_callback(move |event| {
                match event {
                    Event::Connected => {
                        noted.begin_anew();
                        connected.send_modify(|count| *count += 1);
                    }
                    Event::Disconnected => tracing::warn!("the connection to nats-server is lost"),
                    Event::SlowConsumer(subscription) => tracing::warn!(subscription, "messages from nats-server were dropped"),
                    other => tracing::info!(event = %other, "nats-server"),
                }
                std::future::ready(())
            })
            .connect(options.url.split(',').map(str::to_owned).collect::<Vec<_>>())
            .await
            .map_err(Error::Connect)?;
        // The callback runs in another task: without this wait the first connection could later count as a reconnection.
        timeout(REQUEST_TIMEOUT, reconnects.changed()).await.map_err(Error::unavailable)?.map_err(Error::unavailable)?;
        check_server(&client)?;
        let mut jetstream = jetstream::new(client.clone());
        jetstream.set_timeout(REQUEST_TIMEOUT);
        let found = streams::open(&jetstream, options).await?;
        let replicas = found.iter().map(|shard| shard.replicas).max().unwrap_or(1);
        let shards = found
            .into_iter()
            .zip((0..).map(Shard))
            .map(|(found, shard)| ShardState {
                shard,
                stream: subjects::stream(shard),
                epoch: found.epoch,
                capacity: Capacity::new(found.bytes, found.max_bytes),
                is_of_format_1: found.is_of_format_1,
                pruned: PrunedIds::default(),
                is_replaced: AtomicBool::new(false),
            })
            .collect();
        let cold = Semaphore::new(COLD_LOADS);
        let connection = Arc::new(Self { client, jetstream, shards, replicas, pruning_key, cold, writes, reconnects });
        let most = if options.opening == Opening::Keep { u64::try_from(options.shard_bytes_most).unwrap_or(0) } else { 0 };
        tokio::spawn(watch_capacity(Arc::downgrade(&connection), most));
        Ok(connection)
    }

    pub(crate) fn shard_of(&self, agent: AgentId) -> Shard {
        Shard::of(agent, u16::try_from(self.shards.len()).expect("shards are counted in 16 bits"))
    }

    pub(crate) fn shard(&self, shard: Shard) -> &ShardState {
        self.shards.get(usize::from(shard.0)).expect("a shard comes from this log")
    }

    /// Tells whether the server can be reached right now.
    pub(crate) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Raises the byte limits of shards that fill up, to `most` at most.
    async fn grow(&self, most: u64) -> Result<(), Error> {
        for state in self.shards.iter().filter(|state| state.capacity.limit() < most && state.capacity.wants_more()) {
            let (from, to) = (state.capacity.limit(), streams::grow(&self.jetstream, state.shard, most).await?);
            tracing::info!(stream = state.stream, from, to, "a shard fills up: its byte limit was raised");
        }
        Ok(())
    }

    /// Asks every leader for its stream's bytes, and returns the greatest share of a byte limit that is in use.
    pub(crate) async fn refresh_capacity(&self) -> Result<f64, Error> {
        let found = try_join_all(self.shards.iter().map(|state| streams::find(&self.jetstream, state.shard))).await?;
        let mut greatest = 0.0_f64;
        let mut replaced = None;
        for (state, found) in self.shards.iter().zip(found) {
            if found.epoch != state.epoch {
                state.is_replaced.store(true, Ordering::Relaxed);
                replaced = Some(state.shard);
            }
            state.capacity.set(found.bytes, found.max_bytes);
            #[allow(clippy::cast_precision_loss)] // a share needs no 53 bits
            let share = found.bytes as f64 / found.max_bytes.max(1) as f64;
            greatest = greatest.max(share);
        }
        replaced.map_or(Ok(greatest), |shard| Err(Error::OtherEpoch { shard }))
    }
}

/// Refreshes the capacity of every shard at an interval, for as long as the connection is in use, and raises limits to `most`.
async fn watch_capacity(connection: Weak<Connection>, most: u64) {
    let mut no_growth_until = Instant::now();
    let mut ticks = tokio::time::interval(CAPACITY_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(connection) = connection.upgrade() else { return };
        if let Err(error) = connection.refresh_capacity().await {
            tracing::warn!(%error, "the fullness of the log is not known right now");
        } else if Instant::now() >= no_growth_until
            && let Err(error) = connection.grow(most).await
        {
            tracing::warn!(%error, "a shard fills up, and its byte limit could not be raised: is there room on the disk of nats-server?");
            no_growth_until = Instant::now() + GROWTH_PAUSE;
        }
    }
}

/// Passes the user and password of the first address to the client, which does not read them from the address itself.
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
