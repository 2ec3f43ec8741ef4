//! The hub: one reader of each shard for all who listen here, however many they are.
//!
//! Nothing is missed and nothing comes twice: *dispatch and move the horizon* and *register and read the horizon* are each
//! one short critical section on one lock. What lies between a listener's cursor and the horizon is read from the ring, or
//! from a server proven to have reached the horizon; what comes after it is already in the listener's queue.

mod entry;
mod listener;
mod presence;
mod shard;
mod subscription;

use std::sync::Arc;

use domain::{Address, AgentId, KeyId, LinkId};
use nats::{Backbone, Position, Shard};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use entry::Entry;
pub(crate) use presence::{AgentState, Signal};
pub(crate) use subscription::{Delivery, Subscription};

use shard::ShardHub;

/// Listeners that one process serves at once, on all shards.
const LISTENERS: usize = 50_000;

/// What one can listen to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// One session.
    Session(Address),
    /// A link and all its sessions.
    Link(AgentId, LinkId),
    /// All that is an agent's.
    Agent(AgentId),
}

/// Why one cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// Too many listen already.
    #[error("{limit} listeners are connected already")]
    TooMany {
        /// What is allowed.
        limit: usize,
    },
    /// The log cannot be reached.
    #[error(transparent)]
    Unavailable(#[from] nats::Error),
    /// The hub is stopping.
    #[error("the server is stopping")]
    Stopping,
}

/// The hub; cheap to clone.
#[derive(Debug, Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    backbone: Backbone,
    shards: Vec<Arc<ShardHub>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Hub {
    /// Makes a hub; it reads nothing until someone listens.
    pub fn new(backbone: Backbone) -> Self {
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let shards = backbone.shards().map(|shard| ShardHub::new(backbone.clone(), shard, tasks.clone(), stop.clone())).collect();
        Self { inner: Arc::new(Inner { backbone, shards, tasks, stop }) }
    }

    /// Listens to `topic`, from what comes after `after` on; without it, from now on.
    pub async fn subscribe(&self, topic: Topic, after: Option<Position>) -> Result<Subscription, HubError> {
        if self.listeners() >= LISTENERS {
            return Err(HubError::TooMany { limit: LISTENERS });
        }
        ShardHub::subscribe(self.shard(topic.agent()), topic, after).await
    }

    /// Tells all who listen to a session that someone is typing, or stopped.
    pub async fn typing(&self, session: Address, by: crate::event::Speaker, typing: bool) -> Result<(), nats::Error> {
        self.signal(session, &Signal::Typing { by, typing }).await
    }

    /// Tells the sessions of an agent that the agent does something; at most every few seconds on the wire.
    pub async fn agent_active(&self, agent: AgentId, key: KeyId, listening: bool) -> Result<(), nats::Error> {
        if !self.shard(agent).presence_is_news(agent, listening) {
            return Ok(());
        }
        self.signal(Address::agent(agent), &Signal::Agent { key, listening }).await
    }

    /// Tells what the agent seems to be doing, as far as this process has heard.
    pub fn agent_state(&self, agent: AgentId, owes_reply: bool) -> AgentState {
        self.shard(agent).agent_state(agent, owes_reply)
    }

    /// Tells whether the chatter of a session was typing a moment ago.
    pub fn chatter_types(&self, session: Address) -> bool {
        self.shard(session.agent).types(session, crate::event::Speaker::Chatter)
    }

    /// Tells whether the agent of a session was typing a moment ago.
    pub fn agent_types(&self, session: Address) -> bool {
        self.shard(session.agent).types(session, crate::event::Speaker::Agent)
    }

    /// Tells whether the chatter of a session is connected to this process.
    pub fn chatter_online(&self, session: Address) -> bool {
        self.shard(session.agent).has_viewer(session)
    }

    /// Counts those who listen.
    pub fn listeners(&self) -> usize {
        self.inner.shards.iter().map(|shard| shard.listeners()).sum()
    }

    /// Ends every subscription and all reading.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        for shard in &self.inner.shards {
            shard.close_all();
        }
        self.inner.tasks.wait().await;
    }

    async fn signal(&self, address: Address, signal: &Signal) -> Result<(), nats::Error> {
        let payload = serde_json::to_vec(signal).expect("a signal is plain values");
        self.inner.backbone.ephemeral_publish(&address, payload.into()).await
    }

    fn shard(&self, agent: AgentId) -> &Arc<ShardHub> {
        let Shard(number) = self.inner.backbone.shard_of(agent);
        self.inner.shards.get(usize::from(number)).expect("every agent has a shard")
    }
}

impl Topic {
    /// Returns the agent whose topic it is.
    pub fn agent(&self) -> AgentId {
        match self {
            Self::Session(address) => address.agent,
            Self::Link(agent, _) | Self::Agent(agent) => *agent,
        }
    }
}
