//! The reader of one shard, and the one lock on which dispatching and registering meet.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use domain::{Address, AgentId};
use futures_util::StreamExt;
use nats::{Backbone, FeedError, Hash, Position, Recorded, Scope, Shard};
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::listener::{Closed, Item, Listener};
use super::presence::{AgentState, Presence, Signal};
use super::subscription::{Missed, Subscription};
use super::{Entry, HubError, Topic};
use crate::event::Speaker;

/// How many commits are kept for those who come back soon.
const RING: usize = 512;
/// How many commits are dispatched at once.
const BATCH: usize = 256;
/// How long a shard is read on after the last listener has left.
const LINGERS: Duration = Duration::from_secs(60);

/// One shard's part of the hub.
#[derive(Debug)]
pub(super) struct ShardHub {
    backbone: Backbone,
    shard: Shard,
    state: Mutex<State>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    /// Whether the shard is being read.
    reading: bool,
    /// Everything up to here was dispatched.
    horizon: u64,
    /// The ring holds everything after this, up to the horizon.
    ring_after: u64,
    ring: VecDeque<Arc<Entry>>,
    topics: HashMap<Topic, Vec<Arc<Listener>>>,
    /// The sessions of an agent that are listened to.
    viewed: HashMap<AgentId, HashSet<Address>>,
    listeners: usize,
    left_at: Option<Instant>,
    presence: Presence,
}

impl ShardHub {
    pub(super) fn new(backbone: Backbone, shard: Shard, tasks: TaskTracker, stop: CancellationToken) -> Arc<Self> {
        Arc::new(Self { backbone, shard, state: Mutex::default(), tasks, stop })
    }

    /// Registers a listener; from then on nothing that matters to it is missed.
    pub(super) async fn subscribe(hub: &Arc<Self>, topic: Topic, after: Option<Position>) -> Result<Subscription, HubError> {
        let listener = Arc::new(Listener::default());
        let (horizon, ring) = loop {
            if hub.stop.is_cancelled() {
                return Err(HubError::Stopping);
            }
            if let Some(registered) = hub.register(topic, &listener, after) {
                break registered;
            }
            let end = hub.backbone.end(hub.shard).await?;
            hub.start_reading(end);
        };
        let leave = |at, missed, backlog| Subscription::new(Arc::clone(hub), topic, Arc::clone(&listener), at, missed, backlog);
        let Some(after) = after else {
            return Ok(leave(Position { shard: hub.shard, sequence: horizon, index: u16::MAX }, None, VecDeque::new()));
        };
        // The commit of the cursor itself may hold later events.
        let missed = (ring.is_none() && after.sequence <= horizon)
            .then(|| Missed { after: after.sequence.saturating_sub(1), upto: horizon });
        let subscription = leave(after, missed, ring.unwrap_or_default());
        if after.sequence > horizon && after.sequence > hub.backbone.end(hub.shard).await? {
            listener.close(Closed::Reset);
        }
        Ok(subscription)
    }

    /// Registers a listener if the shard is being read; returns the horizon, and the missed commits where the ring has them all.
    fn register(
        &self,
        topic: Topic,
        listener: &Arc<Listener>,
        after: Option<Position>,
    ) -> Option<(u64, Option<VecDeque<Arc<Entry>>>)> {
        let mut state = self.state.lock();
        if !state.reading {
            return None;
        }
        state.listeners += 1;
        state.left_at = None;
        state.topics.entry(topic).or_default().push(Arc::clone(listener));
        if let Topic::Session(address) = topic {
            state.viewed.entry(address.agent).or_default().insert(address);
        }
        let ring = after.filter(|after| after.sequence > state.ring_after).map(|after| {
            let missed = state.ring.iter().filter(|entry| entry.sequence() >= after.sequence);
            missed.filter(|entry| entry.topics().any(|heard| heard == topic)).cloned().collect()
        });
        Some((state.horizon, ring))
    }

    /// Takes a listener out.
    pub(super) fn leave(&self, topic: Topic, listener: &Arc<Listener>) {
        let mut state = self.state.lock();
        let Some(listeners) = state.topics.get_mut(&topic) else { return };
        let before = listeners.len();
        listeners.retain(|other| !Arc::ptr_eq(other, listener));
        let (gone, empty) = (before - listeners.len(), listeners.is_empty());
        state.listeners -= gone;
        if empty {
            state.topics.remove(&topic);
            if let Topic::Session(address) = topic
                && let Some(viewed) = state.viewed.get_mut(&address.agent)
            {
                viewed.remove(&address);
                if viewed.is_empty() {
                    state.viewed.remove(&address.agent);
                }
            }
        }
        if state.listeners == 0 {
            state.left_at = Some(Instant::now());
        }
    }

    pub(super) async fn scan(&self, scope: Scope, after: u64, upto: u64, limit: usize) -> Result<Vec<Recorded>, nats::Error> {
        self.backbone.store().scan(scope, after, upto, limit).await
    }

    pub(super) fn listeners(&self) -> usize {
        self.state.lock().listeners
    }

    pub(super) fn has_viewer(&self, session: Address) -> bool {
        self.state.lock().topics.contains_key(&Topic::Session(session))
    }

    pub(super) fn types(&self, session: Address, by: Speaker) -> bool {
        self.state.lock().presence.types(session, by)
    }

    pub(super) fn agent_state(&self, agent: AgentId, owes_reply: bool) -> AgentState {
        self.state.lock().presence.state(agent, owes_reply)
    }

    pub(super) fn presence_is_news(&self, agent: AgentId, listening: bool) -> bool {
        self.state.lock().presence.is_news(agent, listening)
    }

    /// Ends all subscriptions; their holders resume elsewhere.
    pub(super) fn close_all(&self) {
        self.close(Closed::Resume);
    }

    fn close(&self, why: Closed) {
        let mut state = self.state.lock();
        state.reading = false;
        state.ring.clear();
        for listener in state.topics.values().flatten() {
            listener.close(why);
        }
    }

    /// Begins to read after `end`, unless someone else did.
    fn start_reading(self: &Arc<Self>, end: u64) {
        {
            let mut state = self.state.lock();
            if state.reading {
                return;
            }
            state.reading = true;
            state.horizon = end;
            state.ring_after = end;
            state.ring.clear();
            state.left_at = Some(Instant::now());
        }
        let hub = Arc::clone(self);
        self.tasks.spawn(async move {
            let stopped = hub.stop.clone();
            let why = tokio::select! {
                () = stopped.cancelled() => Closed::Resume,
                why = hub.read(end) => why,
            };
            hub.close(why);
        });
    }

    /// Reads and dispatches until nobody has listened for a while, or the shard cannot be read any more.
    async fn read(&self, end: u64) -> Closed {
        let mut feed = self.backbone.feed(self.shard, end, Hash::default());
        let mut signals = match self.backbone.ephemeral_subscribe(self.shard).await {
            Ok(signals) => signals,
            Err(error) => {
                tracing::warn!(shard = %self.shard, %error, "the hub cannot listen");
                return Closed::Resume;
            }
        };
        let mut linger = tokio::time::interval(LINGERS / 4);
        loop {
            tokio::select! {
                batch = feed.next(BATCH) => match batch {
                    Ok(batch) => self.dispatch(batch).await,
                    Err(FeedError::OtherEpoch(_) | FeedError::AheadOfLog { .. }) => return Closed::Reset,
                    Err(FeedError::Broken(error)) => {
                        tracing::error!(shard = %self.shard, %error, "the hub cannot read on");
                        return Closed::Resume;
                    }
                },
                Some((address, payload)) = signals.next() => self.dispatch_signal(address, &payload),
                _ = linger.tick() => if self.is_deserted() { return Closed::Resume },
            }
        }
    }

    async fn dispatch(&self, batch: Vec<Recorded>) {
        let entries: Vec<_> = batch.into_iter().map(|recorded| Arc::new(Entry::new(recorded))).collect();
        let erased: Vec<Address> = entries.iter().filter(|entry| entry.erases()).map(|entry| entry.address()).collect();
        {
            let mut state = self.state.lock();
            for entry in &entries {
                state.dispatch(entry);
            }
            for address in &erased {
                state.forget(*address);
            }
        }
        for address in erased {
            self.backbone.keys().forget(address).await;
        }
    }

    fn dispatch_signal(&self, address: Address, payload: &[u8]) {
        let Ok(signal) = serde_json::from_slice::<Signal>(payload) else {
            tracing::debug!("a signal of another version was passed over");
            return;
        };
        let mut state = self.state.lock();
        state.presence.hear(address, signal);
        let sessions: Vec<Address> = match signal {
            Signal::Typing { .. } => vec![address],
            Signal::Agent { .. } => state.viewed.get(&address.agent).into_iter().flatten().copied().collect(),
        };
        for session in sessions {
            for listener in state.topics.get(&Topic::Session(session)).into_iter().flatten() {
                listener.push(Item::Signal(address, signal));
            }
        }
    }

    /// Stops reading, in the same breath as nobody listens.
    fn is_deserted(&self) -> bool {
        let mut state = self.state.lock();
        let deserted = state.listeners == 0 && state.left_at.is_some_and(|left| left.elapsed() >= LINGERS);
        if deserted {
            state.reading = false;
        }
        deserted
    }
}

impl State {
    fn dispatch(&mut self, entry: &Arc<Entry>) {
        self.horizon = entry.sequence();
        match entry.leaves_reply_owed() {
            // Who has spoken types no more.
            Some(true) => self.presence.hear(entry.address(), Signal::Typing { by: Speaker::Chatter, typing: false }),
            Some(false) => self.presence.hear(entry.address(), Signal::Typing { by: Speaker::Agent, typing: false }),
            None => {}
        }
        if let Some(owed) = entry.leaves_reply_owed() {
            // Who has said it types no more.
            let by = if owed { Speaker::Chatter } else { Speaker::Agent };
            self.presence.hear(entry.address(), Signal::Typing { by, typing: false });
        }
        for topic in entry.topics() {
            for listener in self.topics.get(&topic).into_iter().flatten() {
                listener.push(Item::Entry(Arc::clone(entry)));
            }
        }
        self.ring.push_back(Arc::clone(entry));
        if self.ring.len() > RING
            && let Some(oldest) = self.ring.pop_front()
        {
            self.ring_after = oldest.sequence();
        }
    }

    /// Drops what is held of an erased aggregate: words may have been opened in it.
    fn forget(&mut self, erased: Address) {
        self.ring.retain(|entry| entry.address() != erased || entry.erases());
        for listener in self.topics.values().flatten() {
            listener.forget(erased);
        }
    }
}
