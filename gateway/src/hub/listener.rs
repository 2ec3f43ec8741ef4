//! One listener's queue: bounded, and small while it is empty.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Entry;
use super::presence::Signal;
use domain::Address;

/// How much may wait for one listener; who is slower is cut off, and resumes with its cursor.
const QUEUE: usize = 256;

/// What waits for a listener.
#[derive(Debug, Clone)]
pub(super) enum Item {
    /// A commit.
    Entry(Arc<Entry>),
    /// A signal that is worth nothing a moment later.
    Signal(Address, Signal),
}

/// Why a listener gets nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    /// Its cursors mean nothing any more.
    Reset,
    /// It was too slow, or the server stops: it resumes with its cursor.
    Resume,
}

#[derive(Debug, Default)]
pub(super) struct Listener {
    queue: Mutex<Queue>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Item>,
    closed: Option<Closed>,
}

impl Listener {
    /// Hands something to the listener; what does not fit closes it, signals are dropped instead.
    pub(super) fn push(&self, item: Item) {
        {
            let mut queue = self.queue.lock();
            if queue.closed.is_some() {
                return;
            }
            if queue.items.len() < QUEUE {
                queue.items.push_back(item);
            } else if matches!(item, Item::Entry(_)) {
                queue.items.clear();
                queue.closed = Some(Closed::Resume);
            }
        }
        self.wake.notify_one();
    }

    pub(super) fn close(&self, why: Closed) {
        self.queue.lock().closed.get_or_insert(why);
        self.wake.notify_one();
    }

    /// Drops what waits of an erased session.
    pub(super) fn forget(&self, session: Address) {
        self.queue.lock().items.retain(|item| match item {
            Item::Entry(entry) => entry.address() != session || entry.erases(),
            Item::Signal(address, _) => *address != session,
        });
    }

    /// Takes what waits, if anything does.
    pub(super) fn try_next(&self) -> Option<Result<Item, Closed>> {
        let mut queue = self.queue.lock();
        match queue.items.pop_front() {
            Some(item) => Some(Ok(item)),
            None => queue.closed.map(Err),
        }
    }

    /// Waits for the next; cancel safe.
    pub(super) async fn next(&self) -> Result<Item, Closed> {
        loop {
            let woken = self.wake.notified();
            if let Some(next) = self.try_next() {
                return next;
            }
            woken.await;
        }
    }
}
