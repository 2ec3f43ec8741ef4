//! Read your writes: the highest sequence in the log that this process has written for each agent.

use std::collections::HashMap;

use command_service::Receipt;
use domain::AgentId;
use parking_lot::Mutex;
use query_service::Freshness;

/// How many agents are kept; forgetting one is safe, for then the shard's end is taken from the leader.
const AGENTS: usize = 65_536;

/// The highest sequence written for each agent: an agent lives in one shard, so one number says it all.
#[derive(Debug, Default)]
pub(crate) struct ReadYourWrites {
    highest: Mutex<HashMap<AgentId, u64>>,
}

impl ReadYourWrites {
    /// Notes where a command's answer stands.
    pub(crate) fn note(&self, agent: AgentId, receipt: &Receipt) {
        let mut highest = self.highest.lock();
        if highest.len() >= AGENTS && !highest.contains_key(&agent) {
            highest.clear();
        }
        let known = highest.entry(agent).or_default();
        *known = (*known).max(receipt.position.sequence);
    }

    /// Returns how fresh an answer to this agent or its chatters must be.
    pub(crate) fn freshness(&self, agent: AgentId) -> Freshness {
        Freshness { at_least: self.highest.lock().get(&agent).copied() }
    }
}

#[cfg(test)]
mod tests {
    use domain::{CommandId, Timestamp};
    use nats::{EventId, Position, Shard};

    use super::*;

    fn receipt(sequence: u64) -> Receipt {
        let position = Position { shard: Shard(0), sequence, index: 0 };
        Receipt { position, event: EventId::of(&CommandId::new([0; 16]), 0), at: Timestamp(0), replayed: false }
    }

    #[test]
    fn the_highest_place_counts_whatever_comes_after_it() {
        let (written, agent) = (ReadYourWrites::default(), AgentId::new([1; 16]));
        assert_eq!(written.freshness(agent).at_least, None);
        written.note(agent, &receipt(7));
        written.note(agent, &receipt(3));
        assert_eq!(written.freshness(agent).at_least, Some(7));
        assert_eq!(written.freshness(AgentId::new([2; 16])).at_least, None);
    }
}
