//! The ids of links and sessions of which nothing is left in the log.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use domain::{Address, AgentId, Millis, Target, Timestamp};
use parking_lot::Mutex;

use crate::log::pruning::record::Pruning;

/// What the pruning records of one shard name, as far as they were read: at most some 50 bytes for each link and session.
#[derive(Debug, Default)]
pub(crate) struct PrunedIds {
    known: Mutex<Known>,
    /// Held while records are read, so that each is read once.
    pub(crate) reading: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    /// The sequence of the last record read.
    upto: u64,
    /// How many records were read.
    records: u64,
    /// When they were known to be all.
    complete_at: Option<Instant>,
    /// When each link and session was pruned, in minutes since 1970-01-01T00:00:00Z.
    ids: HashMap<[u8; 16], u32>,
    /// The last sequence of each agent that is gone.
    newest: HashMap<AgentId, u64>,
}

impl PrunedIds {
    /// Returns the sequence of the last record read, and how many were.
    pub(crate) fn read(&self) -> (u64, u64) {
        let known = self.known.lock();
        (known.upto, known.records)
    }

    /// Notes that all records had been read at `at`.
    pub(crate) fn complete(&self, at: Instant) {
        self.known.lock().complete_at = Some(at);
    }

    /// Tells whether all records were known no longer than `age` ago.
    pub(crate) fn is_complete(&self, age: Duration) -> bool {
        self.known.lock().complete_at.is_some_and(|at| at.elapsed() < age)
    }

    /// Takes in the next record; one that was read already changes nothing.
    pub(crate) fn add(&self, sequence: u64, pruning: &Pruning) {
        let mut known = self.known.lock();
        let Known { upto, records, ids, newest, .. } = &mut *known;
        if sequence <= *upto {
            return;
        }
        *upto = sequence;
        *records += 1;
        // Rounded up: a time before the erasure would be wrong.
        let at = u32::try_from((pruning.at() + Millis::MINUTE).0 / Millis::MINUTE.0).unwrap_or_default();
        for link in pruning.links() {
            let newest = newest.entry(link.agent).or_default();
            if let Some(whole) = &link.whole {
                ids.insert(*link.link.bytes(), at);
                *newest = (*newest).max(whole.commits.last().unwrap_or_default());
            }
            for session in &link.sessions {
                ids.insert(*session.session.bytes(), at);
                *newest = (*newest).max(session.commits.last().unwrap_or_default());
            }
        }
    }

    /// Returns when an aggregate was pruned, to the next full minute.
    pub(crate) fn pruned_at(&self, address: Address) -> Option<Timestamp> {
        let id = match address.target {
            Target::Agent => return None,
            Target::Link(link) => *link.bytes(),
            Target::Session(session) => *session.bytes(),
        };
        let minutes = self.known.lock().ids.get(&id).copied()?;
        Some(Timestamp(0) + Millis::minutes(i64::from(minutes)))
    }

    /// Returns the last of an agent's sequences that is gone; 0 for none.
    pub(crate) fn newest(&self, agent: AgentId) -> u64 {
        self.known.lock().newest.get(&agent).copied().unwrap_or_default()
    }
}
