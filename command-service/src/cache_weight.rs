//! Estimates the memory of cached states from what can grow in them, so that the cache stays within its budget.

use domain::agent::{Agent, Retired};
use domain::link::Link;
use domain::session::{EventPosition, Question, Session};
use domain::{Fingerprint, Memory, Sealed};

/// An aggregate's own structures, its entry in the cache, and the first node of each of its maps, in bytes (measured).
pub(crate) const AGGREGATE: usize = 3_072;
/// An entry of a persistent map, with its share of the nodes, in bytes (measured: 108 to 132).
const ENTRY: usize = 112;

/// A state that a cache holds.
pub(crate) trait CacheWeight {
    /// Estimates its memory, in bytes.
    fn bytes(&self) -> usize;
}

impl CacheWeight for Memory {
    fn bytes(&self) -> usize {
        self.len() * ENTRY
    }
}

impl CacheWeight for Agent {
    fn bytes(&self) -> usize {
        AGGREGATE + self.keys.values().map(|key| ENTRY + key.name.len() + key.retired.len() * size_of::<Retired>()).sum::<usize>()
    }
}

impl CacheWeight for Link {
    fn bytes(&self) -> usize {
        let settings = self.settings.as_ref().map_or(0, |settings| {
            let texts = settings.texts().map(sealed).sum::<usize>();
            let questions = settings.questions.as_ref().map_or(0, |questions| sealed(&questions.form));
            let recipients = settings.recipients.as_ref().map_or(0, |recipients| sealed(&recipients.labels));
            texts + questions + recipients + settings.allowed_origins.iter().map(String::len).sum::<usize>()
        });
        let farewell = self.revocation.as_ref().and_then(|revocation| revocation.farewell.as_ref()).map_or(0, sealed);
        let shut_out = (self.blocked.len() + self.blocked_networks.len()) * size_of::<Fingerprint>();
        AGGREGATE + settings + farewell + shut_out + (self.admissions.len() + self.came.len() + self.granted.len()) * ENTRY
    }
}

impl CacheWeight for Session {
    fn bytes(&self) -> usize {
        let moments = (self.recent_chatter.len() + self.recent_agent.len()) * size_of::<i64>();
        let texts =
            |question: &Question| [&question.form, &question.terms.if_silent].into_iter().flatten().map(sealed).sum::<usize>();
        let forms = self.questions.values().map(texts).sum::<usize>();
        let farewell = self.planned_end.as_ref().and_then(|planned| planned.farewell.as_ref()).map_or(0, sealed);
        let entries = self.questions.len() + self.open_questions.len() + self.read.len();
        let entries = entries + self.devices.len() + self.forgotten.len() + self.clients.len();
        let suspicion = self.suspicion.len() * size_of::<(u32, i64)>();
        let words = self.words.len() * size_of::<EventPosition>();
        AGGREGATE + moments + words + forms + farewell + suspicion + entries * ENTRY
    }
}

fn sealed(text: &Sealed) -> usize {
    size_of::<Sealed>() + text.bytes.len()
}
