//! What one lock holds of a shard: dispatching and registering meet here, each in one short critical section.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant as Clock;

use domain::{Address, AgentId, Target};
use events::Speaker;
use nats::{Position, Unknown};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::announcement::{Announcement, News};
use super::bounds::Bounds;
use super::entry::Entry;
use super::listener::{Closed, Listener};
use super::other_gateways::OtherGateways;
use super::presence::{Presence, Signal};
use super::ring::Ring;
use super::topic::Topic;
use super::viewers::Viewers;

/// One reading of a shard, from a beginning to an end; never two at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TailId(u64);

#[derive(Debug)]
pub(super) struct State {
    bounds: Bounds,
    /// The task that reads the shard; what a former one does is ignored.
    tail: Option<TailId>,
    tails: u64,
    /// Everything up to here was dispatched, or was there before the reading began.
    horizon: u64,
    ring: Ring,
    topics: HashMap<Topic, Vec<Arc<Listener>>>,
    pub(super) viewers: Viewers,
    other_gateways: OtherGateways,
    listeners: usize,
    /// Since when nobody listens, if nobody does.
    left_at: Instant,
    pub(super) presence: Presence,
    /// Woken when a chatter has stopped typing without having said anything.
    pub(super) typing_ended: Arc<Notify>,
}

/// What a new listener has to know.
#[derive(Debug)]
pub(super) struct Registered {
    /// Everything after this comes by the queue.
    pub(super) horizon: u64,
    /// Whether what was missed is in the queue already.
    pub(super) has_missed: bool,
}

impl State {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            tail: None,
            tails: 0,
            horizon: 0,
            ring: Ring::default(),
            topics: HashMap::new(),
            viewers: Viewers::default(),
            other_gateways: OtherGateways::default(),
            listeners: 0,
            left_at: Instant::now(),
            presence: Presence::default(),
            typing_ended: Arc::default(),
        }
    }

    /// Begins a reading after `end`, unless there is one.
    pub(super) fn begin(&mut self, end: u64) -> Option<TailId> {
        if self.tail.is_some() {
            return None;
        }
        self.tails += 1;
        self.tail = Some(TailId(self.tails));
        self.horizon = end;
        self.ring.begin(end);
        self.left_at = Instant::now();
        self.tail
    }

    /// Ends a reading, and with it all subscriptions; does nothing where it is over already.
    pub(super) fn end(&mut self, tail: TailId, why: Closed) {
        if self.tail == Some(tail) {
            self.close(why);
        }
    }

    /// Ends a reading if nobody has listened for a while.
    pub(super) fn end_deserted(&mut self, tail: TailId) -> bool {
        let deserted = self.listeners == 0 && self.left_at.elapsed() >= self.bounds.lingers;
        if deserted {
            self.end(tail, Closed::Resume);
        }
        deserted
    }

    /// Ends whatever reading there is, and all subscriptions.
    pub(super) fn close(&mut self, why: Closed) {
        self.tail = None;
        self.ring.begin(self.horizon);
        for listener in self.topics.values().flatten() {
            listener.close(why);
        }
    }

    /// Registers a listener, if the shard is being read: from here on everything reaches its queue.
    pub(super) fn register(&mut self, topic: Topic, listener: &Arc<Listener>, after: Option<Position>) -> Option<Registered> {
        self.tail?;
        let listeners = self.topics.entry(topic).or_default();
        if listener.is_viewer() {
            make_room(listeners, self.bounds.viewers);
        }
        listeners.push(Arc::clone(listener));
        self.listeners += 1;
        if listener.is_viewer()
            && let Topic::Session(address) = topic
        {
            self.viewers.come(address);
        }
        let missed = after.and_then(|after| self.ring.since(after, topic, &self.bounds));
        let has_missed = missed.is_some();
        missed.iter().flatten().for_each(|entry| listener.push(entry, &self.bounds));
        Some(Registered { horizon: self.horizon, has_missed })
    }

    /// Takes a listener out.
    pub(super) fn leave(&mut self, topic: Topic, listener: &Arc<Listener>) {
        let Some(listeners) = self.topics.get_mut(&topic) else { return };
        let before = listeners.len();
        listeners.retain(|other| !Arc::ptr_eq(other, listener));
        self.listeners -= before - listeners.len();
        if let Topic::Session(address) = topic
            && !listeners.iter().any(|other| other.is_viewer())
        {
            self.viewers.leave(address);
        }
        if listeners.is_empty() {
            self.topics.remove(&topic);
        }
        if self.listeners == 0 {
            self.left_at = Instant::now();
        }
    }

    /// Hands a reading's next commits to all who listen, and moves the horizon.
    pub(super) fn dispatch(&mut self, tail: TailId, entries: Vec<Arc<Entry>>) {
        if self.tail != Some(tail) {
            return;
        }
        for entry in entries {
            self.horizon = entry.sequence();
            if let Some(owed) = entry.leaves_reply_owed() {
                // A sent message ends its sender's typing signal.
                let by = if owed { Speaker::Chatter } else { Speaker::Agent };
                self.presence.hear(entry.address(), Signal::Typing { by, typing: false });
            }
            let fate = entry.fate();
            if let Some(fate) = fate {
                self.ring.forget(entry.address(), fate);
            }
            if entry.address().target == Target::Agent {
                self.agent_changed(entry.address().agent);
            }
            for topic in entry.topics() {
                for listener in self.topics.get(&topic).into_iter().flatten() {
                    if let Some(fate) = fate {
                        listener.forget(entry.address(), fate);
                    }
                    listener.push(&entry, &self.bounds);
                }
            }
            self.ring.push(entry, &self.bounds);
        }
    }

    /// Tells all who listen with keys of an agent, to whatever of it, that these may have changed. It happens seldom: all topics are
    /// walked through.
    fn agent_changed(&self, agent: AgentId) {
        for (_, listeners) in self.topics.iter().filter(|(topic, _)| topic.agent() == agent) {
            listeners.iter().filter(|listener| !listener.is_viewer()).for_each(|listener| listener.agent_changed());
        }
    }

    /// Moves the horizon over a commit that only a newer program can read; listeners that it may concern are cut off before it.
    pub(super) fn pass_over(&mut self, tail: TailId, unknown: &Unknown) {
        if self.tail != Some(tail) {
            return;
        }
        self.horizon = unknown.sequence;
        self.ring.begin(unknown.sequence);
        let may_hear = |topic: &Topic| match topic {
            Topic::Session(address) => *address == unknown.address,
            // The link of a session's commit is in its body.
            Topic::Link(agent, _) | Topic::Agent(agent) => *agent == unknown.address.agent,
        };
        for (_, listeners) in self.topics.iter().filter(|(topic, _)| may_hear(topic)) {
            for listener in listeners {
                listener.close(Closed::Resume);
            }
        }
    }

    /// Notes a signal, and hands it to the chatters that it concerns.
    pub(super) fn signal(&mut self, address: Address, signal: Signal) {
        self.presence.hear(address, signal);
        if matches!(signal, Signal::Typing { by: Speaker::Chatter, typing: false }) {
            self.typing_ended.notify_waiters();
        }
        let viewers = |session| self.topics.get(&Topic::Session(session)).into_iter().flatten().filter(|other| other.is_viewer());
        match signal {
            // A chatter does not receive their own typing signal.
            Signal::Typing { by: Speaker::Chatter, .. } => {}
            Signal::Typing { by: Speaker::Agent | Speaker::System, .. } => {
                viewers(address).for_each(|viewer| viewer.signal(signal));
            }
            Signal::Agent { .. } => {
                self.viewers.of(address.agent).flat_map(viewers).for_each(|viewer| viewer.signal(signal));
            }
        }
    }

    pub(super) fn listeners(&self) -> usize {
        self.listeners
    }

    /// Tells whether a chatter looks at a session, here or at another gateway.
    pub(super) fn has_viewer(&self, session: Address, now: Clock) -> bool {
        self.viewers.has(&session) || self.other_gateways.have_viewer(session, now)
    }

    /// Takes in what another gateway tells; tells whether it is to be told all in return.
    pub(super) fn hear(&mut self, Announcement { gateway, news }: Announcement) -> bool {
        let now = Clock::now();
        let is_new = self.other_gateways.meet(gateway, now);
        match news {
            News::Asks => return true,
            News::Leaves => {
                self.other_gateways.forget(gateway);
                return false;
            }
            News::Tells { viewed, left, agents } => {
                self.other_gateways.hear(gateway, &viewed, &left, now);
                self.presence.hear_of(&agents, gateway, now);
            }
        }
        // What changed before it was known has not been told.
        is_new
    }

    /// Says all that is to be told to other gateways; where there are none, that this one is there.
    pub(super) fn all_news(&mut self) -> Vec<News> {
        let (now, viewed) = (Clock::now(), self.viewers.all());
        if !self.other_gateways.are_there(now) {
            return News::all(&[], &[], &[]);
        }
        News::all(&viewed, &[], &self.presence.active_here(now))
    }

    /// Says who has come or gone since other gateways were told last.
    pub(super) fn changed_news(&mut self) -> Vec<News> {
        let (viewed, left) = self.viewers.changes();
        let is_news = !(viewed.is_empty() && left.is_empty()) && self.other_gateways.are_there(Clock::now());
        if is_news { News::all(&viewed, &left, &[]) } else { Vec::new() }
    }
}

/// Makes room for one more among `most` viewers: the oldest goes.
fn make_room(listeners: &[Arc<Listener>], most: usize) {
    let mut viewers = listeners.iter().filter(|other| other.is_viewer() && other.closed().is_none());
    if viewers.clone().count() >= most
        && let Some(oldest) = viewers.next()
    {
        oldest.close(Closed::Resume);
    }
}
