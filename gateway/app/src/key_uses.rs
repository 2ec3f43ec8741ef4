//! Which keys are in use: noted once an hour and key, beside the requests. What does not fit, or cannot be written, is left out:
//! the key's next use after that notes it.

use std::collections::{HashMap, HashSet};

use domain::{AgentId, KeyId, Timestamp};
use parking_lot::Mutex;
use query_service::{KeyUse, Queries};

/// How fine a use is told.
const HOUR: i64 = 3_600_000;
/// How many keys are remembered; beyond that all are forgotten, and noted once more.
const KEYS: usize = 65_536;
/// How many uses may wait to be written.
const WAITING: usize = 1_024;

/// The uses of this process.
#[derive(Debug, Default)]
pub struct KeyUses {
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    /// The hour in which they were noted.
    hour: i64,
    known: HashSet<KeyId>,
    waiting: HashMap<KeyId, AgentId>,
}

impl KeyUses {
    /// Notes that a key is in use.
    pub fn note(&self, agent: AgentId, key: KeyId) {
        self.notes.lock().note(agent, key, command_service::clock::now().0 / HOUR);
    }

    /// Writes what is new; called now and then.
    pub async fn write(&self, queries: &Queries) {
        let uses = self.notes.lock().take();
        if uses.is_empty() {
            return;
        }
        if let Err(error) = queries.note_key_uses(&uses).await {
            tracing::debug!(%error, "the uses of keys could not be noted");
            let mut notes = self.notes.lock();
            for used in uses {
                notes.known.remove(&used.key);
            }
        }
    }
}

impl Notes {
    fn note(&mut self, agent: AgentId, key: KeyId, hour: i64) {
        if hour != self.hour || self.known.len() >= KEYS {
            self.known.clear();
            self.hour = hour;
        }
        if self.waiting.len() < WAITING && self.known.insert(key) {
            self.waiting.insert(key, agent);
        }
    }

    fn take(&mut self) -> Vec<KeyUse> {
        let at = Timestamp(self.hour * HOUR);
        self.waiting.drain().map(|(key, agent)| KeyUse { agent, key, at }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGENT: AgentId = AgentId::new([1; 16]);

    fn key(n: u16) -> KeyId {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&n.to_be_bytes());
        KeyId::new(id)
    }

    #[test]
    fn a_key_is_noted_once_an_hour() {
        let mut notes = Notes::default();
        notes.note(AGENT, key(1), 7);
        notes.note(AGENT, key(1), 7);
        assert_eq!(notes.take(), [KeyUse { agent: AGENT, key: key(1), at: Timestamp(7 * HOUR) }]);
        notes.note(AGENT, key(1), 7);
        assert_eq!(notes.take(), []);
        notes.note(AGENT, key(1), 8);
        assert_eq!(notes.take().len(), 1);
    }

    #[test]
    fn what_does_not_fit_is_noted_the_next_time() {
        let mut notes = Notes::default();
        (0..2_000).for_each(|n| notes.note(AGENT, key(n), 7));
        assert_eq!(notes.take().len(), WAITING);
        notes.note(AGENT, key(1_999), 7);
        assert_eq!(notes.take().len(), 1);
    }
}
