//! A listener's view: first what it missed, then what comes.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::Address;
use nats::{Position, Scope};

use super::listener::{Closed, Item, Listener};
use super::presence::Signal;
use super::shard::ShardHub;
use super::{Entry, Topic};

/// How many missed commits are read at once.
const BACKLOG_PAGE: usize = 200;

/// What a listener gets.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// A commit, of which the events after this place are new.
    Entry(Arc<Entry>, Position),
    /// A signal about a session or an agent.
    Signal(Address, Signal),
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

/// A place in the hub; dropping it leaves.
#[derive(Debug)]
pub struct Subscription {
    hub: Arc<ShardHub>,
    topic: Topic,
    listener: Arc<Listener>,
    at: Position,
    /// Missed commits that are still to be read from the log, before the queue is.
    missed: Option<Missed>,
    backlog: VecDeque<Arc<Entry>>,
    over: Option<Closed>,
}

impl Subscription {
    pub(super) fn new(
        hub: Arc<ShardHub>,
        topic: Topic,
        listener: Arc<Listener>,
        at: Position,
        missed: Option<Missed>,
        backlog: VecDeque<Arc<Entry>>,
    ) -> Self {
        Self { hub, topic, listener, at, missed, backlog, over: None }
    }

    /// Returns the place up to which everything was delivered.
    pub fn at(&self) -> Position {
        self.at
    }

    /// Waits for the next delivery; cancel safe.
    pub async fn next(&mut self) -> Delivery {
        loop {
            if let Some(over) = self.over {
                return over.into();
            }
            if let Some(delivery) = self.from_backlog().await {
                return delivery;
            }
            let item = self.listener.next().await;
            if let Some(delivery) = self.take(item) {
                return delivery;
            }
        }
    }

    /// Returns the next of what was missed when it began; none once that is all delivered. Cancel safe.
    pub async fn next_missed(&mut self) -> Option<Delivery> {
        match self.over {
            Some(over) => Some(over.into()),
            None => self.from_backlog().await,
        }
    }

    /// Returns the next delivery if it is there already, without reading the log.
    pub fn try_next(&mut self) -> Option<Delivery> {
        if self.over.is_some() || !self.is_caught_up() {
            return None;
        }
        loop {
            let item = self.listener.try_next()?;
            if let Some(delivery) = self.take(item) {
                return Some(delivery);
            }
        }
    }

    /// Tells whether everything that was there when it began has been delivered.
    pub fn is_caught_up(&self) -> bool {
        self.missed.is_none() && self.backlog.is_empty()
    }

    /// Delivers what was missed, page by page.
    async fn from_backlog(&mut self) -> Option<Delivery> {
        loop {
            if let Some(entry) = self.backlog.pop_front() {
                if let Some(delivery) = self.advance(entry) {
                    return Some(delivery);
                }
                continue;
            }
            let missed = self.missed?;
            let scope = match self.topic {
                Topic::Session(address) => Scope::Aggregate(address),
                Topic::Link(agent, _) | Topic::Agent(agent) => Scope::Agent(agent),
            };
            match self.hub.scan(scope, missed.after, missed.upto, BACKLOG_PAGE).await {
                Ok(page) => {
                    self.missed = match page.last() {
                        Some(last) if page.len() == BACKLOG_PAGE => Some(Missed { after: last.sequence, ..missed }),
                        Some(_) | None => None,
                    };
                    let topic = self.topic;
                    let entries = page.into_iter().map(|recorded| Arc::new(Entry::new(recorded)));
                    self.backlog.extend(entries.filter(|entry| entry.topics().any(|heard| heard == topic)));
                }
                Err(error) => {
                    tracing::warn!(%error, "missed commits cannot be read; the listener is to resume");
                    self.over = Some(Closed::Resume);
                    return Some(Delivery::Closed);
                }
            }
        }
    }

    fn take(&mut self, item: Result<Item, Closed>) -> Option<Delivery> {
        match item {
            Ok(Item::Entry(entry)) => self.advance(entry),
            Ok(Item::Signal(address, signal)) => Some(Delivery::Signal(address, signal)),
            Err(why) => {
                self.over = Some(why);
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
        self.hub.leave(self.topic, &self.listener);
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
