//! Counts what each agent's links have granted their sessions today, in bytes.
//!
//! It is a count of this process since it started, not of the log: each gateway lets an agent's links write so much, and again after a
//! restart. What an installation must be kept from is a shard that is full within hours, and for that the order of magnitude is enough; a
//! link's and a session's own budgets are decided by the log.

use std::collections::HashMap;

use domain::budget::day;
use domain::{AgentId, Timestamp};
use parking_lot::Mutex;

/// The agents that are counted; what others write on a day that has so many is not.
const MOST: usize = 100_000;

/// Bytes by agent, on the newest day.
#[derive(Debug, Default)]
pub(crate) struct AgentDays {
    newest: Mutex<(i64, HashMap<AgentId, u64>)>,
}

impl AgentDays {
    /// Returns how many bytes an agent's links were granted on the day of `now`.
    pub(crate) fn on(&self, agent: AgentId, now: Timestamp) -> u64 {
        let newest = self.newest.lock();
        if newest.0 == day(now) { newest.1.get(&agent).copied().unwrap_or(0) } else { 0 }
    }

    /// Adds bytes that an agent's link has granted at `at`.
    pub(crate) fn add(&self, agent: AgentId, bytes: u64, at: Timestamp) {
        let mut newest = self.newest.lock();
        if newest.0 < day(at) {
            *newest = (day(at), HashMap::new());
        }
        if newest.0 == day(at) && (newest.1.len() < MOST || newest.1.contains_key(&agent)) {
            let counted = newest.1.entry(agent).or_default();
            *counted = counted.saturating_add(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_day_begins_with_nothing() {
        let (days, agent) = (AgentDays::default(), AgentId::new([1; 16]));
        let tomorrow = Timestamp(86_400_000);
        days.add(agent, 5, Timestamp(0));
        days.add(agent, 6, Timestamp(0));
        assert_eq!((days.on(agent, Timestamp(0)), days.on(agent, tomorrow)), (11, 0));
        days.add(agent, 1, tomorrow);
        // A clock that runs behind counts for the day that is over.
        days.add(agent, 1, Timestamp(0));
        assert_eq!((days.on(agent, tomorrow), days.on(AgentId::new([2; 16]), tomorrow)), (1, 0));
    }
}
