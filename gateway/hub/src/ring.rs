//! The last commits of a shard, for listeners that come back soon.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::Address;
use nats::Position;

use super::bounds::Bounds;
use super::entry::{Entry, Fate};
use super::topic::Topic;

/// Every commit that was dispatched after one sequence, as far as they fit.
#[derive(Debug, Default)]
pub(super) struct Ring {
    /// What comes after this sequence is here; this one itself is not.
    after: u64,
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
}

impl Ring {
    /// Forgets all; what comes next follows `after`.
    pub(super) fn begin(&mut self, after: u64) {
        *self = Self { after, ..Self::default() };
    }

    /// Takes the next commit in; the oldest go.
    pub(super) fn push(&mut self, entry: Arc<Entry>, bounds: &Bounds) {
        self.bytes += entry.size();
        self.entries.push_back(entry);
        while self.entries.len() > bounds.ring || self.bytes > bounds.ring_bytes {
            let Some(oldest) = self.entries.pop_front() else { return };
            self.bytes -= oldest.size();
            self.after = oldest.sequence();
        }
    }

    /// Finds the commits of a topic after a position; none where some may be missing, or where they are more than a queue should begin with.
    pub(super) fn since(&self, after: Position, topic: Topic, bounds: &Bounds) -> Option<Vec<Arc<Entry>>> {
        // The commit at the position itself may hold later events.
        if after.sequence <= self.after {
            return None;
        }
        let first = self.entries.partition_point(|entry| entry.sequence() < after.sequence);
        let missed = self.entries.range(first..).filter(|entry| entry.is_heard_in(topic) && entry.last_position() > after);
        let missed: Vec<_> = missed.take(bounds.queue / 2 + 1).cloned().collect();
        let bytes: usize = missed.iter().map(|entry| entry.size()).sum();
        (missed.len() <= bounds.queue / 2 && bytes <= bounds.queue_bytes / 2).then_some(missed)
    }

    /// Drops what was opened of a session's commits.
    pub(super) fn forget(&self, session: Address, fate: Fate) {
        self.entries.iter().filter(|entry| entry.address() == session).for_each(|entry| entry.forget(fate));
    }
}
