//! What this gateway has given to keys: up to where results told each of them what happened, and how often it was held in a row.
//!
//! What was given counts as read where a key speaks without `after`, and is marked where it is given again. It is forgotten after a long
//! pause, at a restart, and by a gateway that did not give it: then a key is held once, or given something twice, and loses nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::session::EventPosition;
use domain::{AgentId, KeyId, SessionId};
use moka::ops::compute::Op;
use moka::sync::Cache;
use parking_lot::Mutex;

/// How many keys are remembered in how many sessions.
const REMEMBERED: u64 = 100_000;
/// For how long after it was last used.
const FOR: Duration = Duration::from_hours(24);

/// A key that reads a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Reading {
    pub(super) agent: AgentId,
    pub(super) key: KeyId,
    pub(super) session: SessionId,
}

/// What was given to whom.
#[derive(Debug)]
pub(super) struct Given {
    known: Cache<Reading, Entry>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Entry {
    /// The last event that was given.
    upto: Option<EventPosition>,
    /// How often in a row what the key wanted to say was held.
    holds: u32,
}

impl Default for Given {
    fn default() -> Self {
        Self { known: Cache::builder().max_capacity(REMEMBERED).time_to_idle(FOR).build() }
    }
}

impl Given {
    /// Notes that a result holds what happened up to an event.
    pub(super) fn give(&self, reading: Reading, upto: EventPosition) {
        self.change(reading, |entry| Entry { upto: entry.upto.max(Some(upto)), ..entry });
    }

    /// Returns the last event that a key was given, as far as is remembered.
    pub(super) fn upto(&self, reading: Reading) -> Option<EventPosition> {
        self.known.get(&reading)?.upto
    }

    /// Notes that a key was held; returns how often in a row it was.
    pub(super) fn held(&self, reading: Reading) -> u32 {
        self.change(reading, |entry| Entry { holds: entry.holds.saturating_add(1), ..entry }).holds
    }

    /// Notes that a key has spoken.
    pub(super) fn spoke(&self, reading: Reading) {
        self.known.entry(reading).and_compute_with(|entry| match entry {
            Some(entry) => Op::Put(Entry { holds: 0, ..entry.into_value() }),
            None => Op::Nop,
        });
    }

    fn change(&self, reading: Reading, change: impl FnOnce(Entry) -> Entry) -> Entry {
        let entry = self.known.entry(reading);
        entry.and_upsert_with(|entry| change(entry.map(moka::Entry::into_value).unwrap_or_default())).into_value()
    }
}

/// What an answer holds that is not out yet: it counts as given once it goes out, and not to the other calls of a list that it answers.
#[derive(Debug, Clone, Default)]
pub(super) struct Outgoing(Arc<Mutex<HashMap<Reading, EventPosition>>>);

impl Outgoing {
    /// Adds that it holds what happened up to an event.
    pub(super) fn add(&self, reading: Reading, upto: EventPosition) {
        let mut held = self.0.lock();
        let held = held.entry(reading).or_insert(upto);
        *held = upto.max(*held);
    }

    /// Notes that it goes out.
    pub(super) fn goes_out(&self, given: &Given) {
        for (reading, upto) in self.0.lock().drain() {
            given.give(reading, upto);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READING: Reading = Reading { agent: AgentId::new([1; 16]), key: KeyId::new([2; 16]), session: SessionId::new([3; 16]) };

    fn at(sequence: u64, index: u16) -> EventPosition {
        EventPosition { sequence, index }
    }

    #[test]
    fn what_was_given_never_moves_back() {
        let given = Given::default();
        assert_eq!(given.upto(READING), None);
        given.give(READING, at(7, 0));
        given.give(READING, at(3, 9));
        assert_eq!(given.upto(READING), Some(at(7, 0)));
        given.give(READING, at(7, 1));
        assert_eq!(given.upto(READING), Some(at(7, 1)));
        assert_eq!(given.upto(Reading { key: KeyId::new([9; 16]), ..READING }), None);
    }

    #[test]
    fn what_an_answer_holds_is_given_when_it_goes_out() {
        let (given, outgoing) = (Given::default(), Outgoing::default());
        let same = outgoing.clone();
        outgoing.add(READING, at(7, 0));
        same.add(READING, at(3, 0));
        assert_eq!(given.upto(READING), None);
        outgoing.goes_out(&given);
        assert_eq!(given.upto(READING), Some(at(7, 0)));
    }

    #[test]
    fn holds_are_counted_until_a_key_speaks() {
        let given = Given::default();
        assert_eq!((given.held(READING), given.held(READING)), (1, 2));
        given.give(READING, at(7, 0));
        assert_eq!(given.held(READING), 3);
        given.spoke(READING);
        assert_eq!((given.held(READING), given.upto(READING)), (1, Some(at(7, 0))));
    }
}
