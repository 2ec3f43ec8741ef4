//! One listener's queue: bounded, and small while it is empty.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::Address;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::bounds::Bounds;
use super::entry::{Entry, Fate};
use super::presence::Signal;

/// Signals that may wait: they are worth nothing a moment later, and must not take the room of what is.
const SIGNALS: usize = 16;
/// The room that an empty queue keeps; more is given back.
const ROOM: usize = 8;

/// What waits for a listener.
#[derive(Debug, Clone)]
pub(super) enum Item {
    /// A commit.
    Entry(Arc<Entry>),
    /// A signal.
    Signal(Signal),
    /// The agent or its keys have changed.
    AgentChanged,
}

/// Why a listener gets nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    /// Its cursors mean nothing any more.
    Reset,
    /// It was too slow, or the server stops: it resumes with its cursor.
    Resume,
}

/// The kind of listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A session's chatter, who counts as online and gets signals.
    Viewer,
    /// Anybody else.
    Reader,
}

#[derive(Debug)]
pub(super) struct Listener {
    role: Role,
    queue: Mutex<Queue>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Item>,
    /// Stored bytes of the commits among them.
    bytes: usize,
    /// Whether it is to be told that the agent has changed, before all that waits.
    agent_changed: bool,
    closed: Option<Closed>,
}

impl Listener {
    pub(super) fn new(role: Role) -> Self {
        Self { role, queue: Mutex::default(), wake: Notify::new() }
    }

    pub(super) fn is_viewer(&self) -> bool {
        self.role == Role::Viewer
    }

    /// Returns why it gets nothing more, if so.
    pub(super) fn closed(&self) -> Option<Closed> {
        self.queue.lock().closed
    }

    /// Hands a commit to the listener; one that does not fit closes it.
    pub(super) fn push(&self, entry: &Arc<Entry>, bounds: &Bounds) {
        {
            let mut queue = self.queue.lock();
            if queue.closed.is_some() {
                return;
            }
            if queue.items.len() < bounds.queue && queue.bytes < bounds.queue_bytes {
                queue.bytes += entry.size();
                queue.items.push_back(Item::Entry(Arc::clone(entry)));
            } else {
                *queue = Queue { closed: Some(Closed::Resume), ..Queue::default() };
            }
        }
        self.wake.notify_one();
    }

    /// Hands a signal to the listener; one that does not fit is dropped.
    pub(super) fn signal(&self, signal: Signal) {
        {
            let mut queue = self.queue.lock();
            if queue.closed.is_some() || queue.items.len() >= SIGNALS {
                return;
            }
            queue.items.push_back(Item::Signal(signal));
        }
        self.wake.notify_one();
    }

    /// Tells the listener that the agent or its keys have changed; that takes no room in the queue.
    pub(super) fn agent_changed(&self) {
        self.queue.lock().agent_changed = true;
        self.wake.notify_one();
    }

    /// Lets the listener have what waits, and nothing after it.
    pub(super) fn close(&self, why: Closed) {
        self.queue.lock().closed.get_or_insert(why);
        self.wake.notify_one();
    }

    /// Drops what was opened of a session's waiting commits.
    pub(super) fn forget(&self, session: Address, fate: Fate) {
        for item in &self.queue.lock().items {
            match item {
                Item::Entry(entry) if entry.address() == session => entry.forget(fate),
                Item::Entry(_) | Item::Signal(_) | Item::AgentChanged => {}
            }
        }
    }

    /// Takes what waits, if anything does.
    pub(super) fn try_next(&self) -> Option<Result<Item, Closed>> {
        let mut queue = self.queue.lock();
        if std::mem::take(&mut queue.agent_changed) {
            return Some(Ok(Item::AgentChanged));
        }
        let Some(item) = queue.items.pop_front() else { return queue.closed.map(Err) };
        if let Item::Entry(entry) = &item {
            queue.bytes -= entry.size();
        }
        if queue.items.is_empty() && queue.items.capacity() > ROOM {
            queue.items = VecDeque::new();
        }
        Some(Ok(item))
    }

    /// Returns for how many items room is kept.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.queue.lock().items.capacity()
    }

    /// Waits for the next; cancel safe.
    pub(super) async fn next(&self) -> Result<Item, Closed> {
        loop {
            // A push between the look and the wait leaves its permit here.
            let woken = self.wake.notified();
            if let Some(next) = self.try_next() {
                return next;
            }
            woken.await;
        }
    }
}
