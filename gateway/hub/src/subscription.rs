//! A listener's view: first what it missed, then what comes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use nats::{Error, Position, Recorded, Scope};
use tokio::time::sleep;

use super::entry::Entry;
use super::listener::{Closed, Item, Listener};
use super::presence::Signal;
use super::shard::ShardHub;
use super::topic::Topic;

/// How often missed commits are tried to be read, and the pause between.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);

/// What a listener gets.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// A commit, of which the events after this position are new.
    Entry(Arc<Entry>, Position),
    /// A signal about the session or its agent; for chatters only.
    Signal(Signal),
    /// The agent or one of its keys has changed: whoever listens with a key asks whether it is still good. It comes before all that
    /// waits, and never to a chatter.
    AgentChanged,
    /// The log is another one: cursors mean nothing any more, begin anew.
    Reset,
    /// Cut off: resume with the last cursor.
    Closed,
}

/// A stretch of the log: after one sequence, up to another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Missed {
    pub(super) after: u64,
    pub(super) upto: u64,
}

/// A listener's registration in the hub; dropping it ends it.
#[derive(Debug)]
pub struct Subscription {
    hub: Arc<ShardHub>,
    topic: Topic,
    listener: Arc<Listener>,
    at: Position,
    /// What is still to be read from the log, before the queue is.
    missed: Option<Missed>,
    /// Commits that were read for this listener alone; each is opened when it is delivered.
    backlog: VecDeque<Arc<Entry>>,
    over: Option<Closed>,
}

impl Subscription {
    pub(super) fn new(hub: Arc<ShardHub>, topic: Topic, listener: Arc<Listener>, at: Position, missed: Option<Missed>) -> Self {
        Self { hub, topic, listener, at, missed, backlog: VecDeque::new(), over: None }
    }

    /// Returns the position up to which everything was delivered.
    pub fn at(&self) -> Position {
        self.at
    }

    /// Waits for the next delivery; cancel safe.
    pub async fn next(&mut self) -> Delivery {
        loop {
            if let Some(delivery) = self.next_missed().await {
                return delivery;
            }
            let item = self.listener.next().await;
            if let Some(delivery) = self.take(item) {
                return delivery;
            }
        }
    }

    /// Returns the next of what has to be read from the log; none once that is all delivered. Cancel safe.
    pub async fn next_missed(&mut self) -> Option<Delivery> {
        loop {
            if let Some(over) = self.over {
                return Some(over.into());
            }
            while let Some(entry) = self.backlog.pop_front() {
                if let Some(delivery) = self.advance(entry) {
                    return Some(delivery);
                }
            }
            let missed = self.missed?;
            if self.listener.closed() == Some(Closed::Reset) || self.hub.stop.is_cancelled() {
                self.end(self.listener.closed().unwrap_or(Closed::Resume));
                continue;
            }
            // Boxed: a subscription that only waits should keep no room for this future.
            match Box::pin(self.read(missed)).await {
                Ok(page) => {
                    let is_last = page.len() < self.hub.bounds.page;
                    self.missed = page.last().filter(|_| !is_last).map(|last| Missed { after: last.sequence, ..missed });
                    let entries = page.into_iter().map(|recorded| Arc::new(Entry::new(recorded)));
                    self.backlog = entries.filter(|entry| entry.is_heard_in(self.topic)).collect();
                }
                Err(Error::OtherEpoch { .. }) => self.end(Closed::Reset),
                Err(error) => {
                    tracing::warn!(%error, "missed commits cannot be read; the listener is to resume");
                    self.end(Closed::Resume);
                }
            }
        }
    }

    /// Returns the next delivery if it is there already, without reading the log.
    pub fn try_next(&mut self) -> Option<Delivery> {
        if let Some(over) = self.over {
            return Some(over.into());
        }
        while let Some(entry) = self.backlog.pop_front() {
            if let Some(delivery) = self.advance(entry) {
                return Some(delivery);
            }
        }
        while self.missed.is_none() {
            let item = self.listener.try_next()?;
            if let Some(delivery) = self.take(item) {
                return Some(delivery);
            }
        }
        None
    }

    /// Tells whether nothing has to be read from the log any more.
    pub fn is_caught_up(&self) -> bool {
        self.missed.is_none() && self.backlog.is_empty()
    }

    /// Delivers nothing more.
    pub(super) fn end(&mut self, why: Closed) {
        self.over = Some(why);
    }

    /// Reads a page of what was missed, when it is this listener's turn.
    async fn read(&self, missed: Missed) -> Result<Vec<Recorded>, Error> {
        let _turn = self.hub.scans.acquire().await.expect("the semaphore is never closed");
        let mut tries = TRIES;
        loop {
            tries -= 1;
            match self.try_read(missed).await {
                // A connection that was cut is soon there again.
                Err(Error::Unavailable(why)) if tries > 0 => tracing::debug!(why, "missed commits are read again"),
                read => return read,
            }
            sleep(PAUSE).await;
        }
    }

    async fn try_read(&self, missed: Missed) -> Result<Vec<Recorded>, Error> {
        let scope = match self.topic {
            Topic::Session(address) => Scope::Aggregate(address),
            Topic::Link(agent, _) | Topic::Agent(agent) => Scope::Agent(agent),
        };
        let page = self.hub.backbone.store().scan(scope, missed.after, missed.upto, self.hub.bounds.page).await?;
        // What is the same log afterwards was it all along.
        self.hub.backbone.end(self.hub.shard).await?;
        Ok(page)
    }

    fn take(&mut self, item: Result<Item, Closed>) -> Option<Delivery> {
        match item {
            Ok(Item::Entry(entry)) => self.advance(entry),
            Ok(Item::Signal(signal)) => Some(Delivery::Signal(signal)),
            Ok(Item::AgentChanged) => Some(Delivery::AgentChanged),
            Err(why) => {
                self.end(why);
                Some(why.into())
            }
        }
    }

    /// Moves on to a commit, unless all of it was delivered before.
    fn advance(&mut self, entry: Arc<Entry>) -> Option<Delivery> {
        let last = entry.last_position();
        if last <= self.at {
            return None;
        }
        let after = std::mem::replace(&mut self.at, last);
        Some(Delivery::Entry(entry, after))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.state.lock().leave(self.topic, &self.listener);
    }
}

impl From<Closed> for Delivery {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::Reset => Self::Reset,
            Closed::Resume => Self::Closed,
        }
    }
}
