//! Messages that are refused on top of others that wait. Who sends one after another, as the page does, has one that waits on each device;
//! a repeat of one that was refused is the same message, however often the network loses the answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::abuse::THRESHOLDS;
use domain::{CommandId, SessionId};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use parking_lot::Mutex;

/// Sessions that are looked at; the longest untouched are forgotten first.
const SESSIONS: u64 = 16_384;
/// Messages of one session that may wait at once without a sign.
const MAY_WAIT: usize = THRESHOLDS.may_wait as usize;
/// Messages that are told apart; whoever has more of them sends new ones.
const TOLD_APART: usize = 64;
/// How long a refused message waits.
const WAITS: Duration = Duration::from_mins(THRESHOLDS.waits as u64);

/// What was refused of each session, in this process.
#[derive(Debug)]
pub(crate) struct Floods {
    sessions: Cache<SessionId, Arc<Mutex<Waiting>>>,
}

#[derive(Debug, Default)]
struct Waiting {
    messages: Vec<(CommandId, Instant)>,
    on_top: u32,
}

impl Default for Floods {
    fn default() -> Self {
        let sessions = Cache::builder().max_capacity(SESSIONS).time_to_idle(WAITS).eviction_policy(EvictionPolicy::lru());
        Self { sessions: sessions.build() }
    }
}

impl Floods {
    /// Notes that a message was refused; returns how many that makes on top of others, each time it is a sign.
    pub(crate) fn note_refused(&self, session: SessionId, message: CommandId, at: Instant) -> Option<u32> {
        let waiting = self.sessions.get_with(session, Arc::default);
        let mut waiting = waiting.lock();
        waiting.messages.retain(|(_, since)| at.duration_since(*since) < WAITS);
        if waiting.messages.is_empty() {
            waiting.on_top = 0;
        }
        if waiting.messages.iter().any(|(known, _)| *known == message) {
            return None;
        }
        let is_on_top = waiting.messages.len() >= MAY_WAIT;
        if waiting.messages.len() < TOLD_APART {
            waiting.messages.push((message, at));
        }
        waiting.on_top += u32::from(is_on_top);
        (waiting.on_top >= THRESHOLDS.flood_step).then(|| std::mem::take(&mut waiting.on_top))
    }

    /// Notes that a message waits no more.
    pub(crate) fn note_accepted(&self, session: SessionId, message: CommandId) {
        if let Some(waiting) = self.sessions.get(&session) {
            waiting.lock().messages.retain(|(known, _)| *known != message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: SessionId = SessionId::new([1; 16]);

    fn message(n: u8) -> CommandId {
        CommandId::new([n; 16])
    }

    #[test]
    fn what_waits_its_turn_is_no_flood_however_often_it_is_sent() {
        let (floods, now) = (Floods::default(), Instant::now());
        // An offline page with much to say: one at a time, each refused some times before it is taken. And a few devices at once.
        for n in 0..200 {
            for _ in 0..5 {
                assert_eq!(floods.note_refused(SESSION, message(n), now), None);
            }
            floods.note_accepted(SESSION, message(n));
        }
        for n in 0..u8::try_from(MAY_WAIT).unwrap() {
            assert_eq!(floods.note_refused(SESSION, message(n), now), None);
        }
        // What was given up a minute ago waits no more.
        let later = now + WAITS;
        for n in 100..108 {
            assert_eq!(floods.note_refused(SESSION, message(n), later), None);
        }
    }

    #[test]
    fn ten_on_top_of_others_are_a_sign() {
        let (floods, now) = (Floods::default(), Instant::now());
        let signs: Vec<_> = (0..200).filter_map(|n| floods.note_refused(SESSION, message(n), now)).collect();
        assert_eq!(signs, [10; 19]);
        assert!(floods.sessions.get(&SESSION).unwrap().lock().messages.len() <= TOLD_APART);
    }
}
