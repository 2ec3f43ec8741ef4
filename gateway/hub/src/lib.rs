//! The hub: one reader of each shard for all who listen here, however many they are.
//!
//! Nothing is missed and nothing comes twice: *dispatch and move the horizon* and *register and read the horizon* are each
//! one short critical section on one lock. What lies between a listener's cursor and the horizon is read from the ring, or
//! from a server proven to have reached the horizon; what comes after it is already in the listener's queue.

mod announcement;
mod bounds;
mod entry;
mod error;
mod exchange;
mod frames;
mod listener;
mod other_gateways;
mod presence;
mod random;
mod recent;
mod ring;
mod shard;
mod state;
mod subscribe;
mod subscription;
mod tail;
#[cfg(test)]
mod tests;
mod topic;
mod viewers;

use std::sync::Arc;
use std::time::Instant;

use domain::{Address, AgentId, KeyId, LinkId};
use events::Speaker;
use nats::{Backbone, Position, Shard};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use announcement::GatewayId;
pub use entry::{Entry, EntryError};
pub use error::HubError;
pub use presence::{AgentState, Signal};
pub use subscription::{Delivery, Subscription};
pub use topic::Topic;

use bounds::Bounds;
use listener::{Closed, Role};
use shard::ShardHub;

/// The hub; cheap to clone.
#[derive(Debug, Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    backbone: Backbone,
    bounds: Bounds,
    shards: Vec<Arc<ShardHub>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Hub {
    /// Makes a hub; it reads nothing of the log until someone listens, but hears from the beginning who is there.
    pub fn new(backbone: Backbone) -> Self {
        Self::within(Bounds::default(), backbone)
    }

    fn within(bounds: Bounds, backbone: Backbone) -> Self {
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let gateway = GatewayId(random::number());
        let hub_of = |shard| ShardHub::new(backbone.clone(), gateway, shard, bounds, tasks.clone(), stop.clone());
        let shards: Vec<_> = backbone.shards().map(hub_of).collect();
        shards.iter().for_each(exchange::start);
        Self { inner: Arc::new(Inner { backbone, bounds, shards, tasks, stop }) }
    }

    /// Listens to `topic`, from what comes after `after` on; without it, from now on.
    pub async fn subscribe(&self, topic: Topic, after: Option<Position>) -> Result<Subscription, HubError> {
        self.listen(topic, Role::Reader, after).await
    }

    /// Listens to a session as its chatter, who then counts as online, and gets signals too.
    pub async fn view(&self, session: Address, after: Position) -> Result<Subscription, HubError> {
        self.listen(Topic::Session(session), Role::Viewer, Some(after)).await
    }

    async fn listen(&self, topic: Topic, role: Role, after: Option<Position>) -> Result<Subscription, HubError> {
        let limit = self.inner.bounds.listeners;
        if self.listeners() >= limit {
            return Err(HubError::TooMany { limit });
        }
        subscribe::subscribe(self.shard(topic.agent()), topic, role, after).await
    }

    /// Tells all who listen to a session that someone is typing, or stopped.
    pub async fn typing(&self, session: Address, by: Speaker, typing: bool) -> Result<(), nats::Error> {
        self.signal(session, &Signal::Typing { by, typing }).await
    }

    /// Tells the sessions of an agent, or of the only `link` that its key may use, that the agent does something; at most every few
    /// seconds on the wire.
    pub async fn agent_active(
        &self,
        agent: AgentId,
        link: Option<LinkId>,
        key: KeyId,
        listening: bool,
    ) -> Result<(), nats::Error> {
        let address = link.map_or_else(|| Address::agent(agent), |link| Address::link(agent, link));
        let gateway = self.shard(agent).gateway;
        if !self.shard(agent).state.lock().presence.is_due(address, listening, gateway) {
            return Ok(());
        }
        self.signal(address, &Signal::Agent { key, listening, gateway }).await
    }

    /// Tells what the agent seems to be doing on a link, through this gateway or another.
    pub fn agent_state(&self, agent: AgentId, link: LinkId, owes_reply: bool) -> AgentState {
        self.shard(agent).state.lock().presence.state(agent, link, owes_reply)
    }

    /// Tells whether the chatter of a session was typing a moment ago.
    pub fn chatter_types(&self, session: Address) -> bool {
        self.types(session, Speaker::Chatter)
    }

    /// Returns what is woken when the chatter of some session in an agent's shard has stopped typing without having said
    /// anything.
    pub fn typing_ended(&self, agent: AgentId) -> Arc<Notify> {
        Arc::clone(&self.shard(agent).state.lock().typing_ended)
    }

    /// Tells whether the agent of a session was typing a moment ago.
    pub fn agent_types(&self, session: Address) -> bool {
        self.types(session, Speaker::Agent)
    }

    /// Tells whether the chatter of a session is connected, to this gateway or another.
    pub fn chatter_online(&self, session: Address) -> bool {
        self.shard(session.agent).state.lock().has_viewer(session, Instant::now())
    }

    /// Counts those who listen.
    pub fn listeners(&self) -> usize {
        self.inner.shards.iter().map(|shard| shard.state.lock().listeners()).sum()
    }

    /// Ends every subscription and all reading.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        for shard in &self.inner.shards {
            shard.state.lock().close(Closed::Resume);
        }
        self.inner.tasks.wait().await;
    }

    fn types(&self, session: Address, by: Speaker) -> bool {
        self.shard(session.agent).state.lock().presence.types(session, by)
    }

    async fn signal(&self, address: Address, signal: &Signal) -> Result<(), nats::Error> {
        if !self.inner.backbone.is_connected() {
            // It would be sent when it is out of date, and delay the caller.
            return Ok(());
        }
        let payload = serde_json::to_vec(signal).expect("a signal is plain values");
        self.inner.backbone.ephemeral_publish(&address, payload.into()).await
    }

    fn shard(&self, agent: AgentId) -> &Arc<ShardHub> {
        let Shard(number) = self.inner.backbone.shard_of(agent);
        self.inner.shards.get(usize::from(number)).expect("every agent has a shard")
    }
}
