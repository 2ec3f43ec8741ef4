//! Waits and streams under way: bounded for each key, counted for each agent.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use domain::{AgentId, KeyId};
use parking_lot::Mutex;

use crate::problem::{Code, Problem};

/// How many waits one key may have at once: each is a listener of the hub.
const PER_KEY: usize = 50;

/// Counts the waits of this process.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    keys: HashMap<KeyId, usize>,
    agents: HashMap<AgentId, usize>,
}

/// One wait; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Wait {
    waits: Arc<Waits>,
    agent: AgentId,
    key: KeyId,
}

impl Waits {
    /// Begins a wait, unless the key has too many.
    pub(crate) fn begin(self: &Arc<Self>, agent: AgentId, key: KeyId) -> Result<Wait, Problem> {
        let mut counts = self.counts.lock();
        let of_key = counts.keys.entry(key).or_default();
        if *of_key >= PER_KEY {
            let told = format!("{PER_KEY} waits and streams of this key are under way, which is all it may have at once.");
            return Err(Problem::with_detail(Code::TooManyStreams, told));
        }
        *of_key += 1;
        *counts.agents.entry(agent).or_default() += 1;
        Ok(Wait { waits: Arc::clone(self), agent, key })
    }

    /// Tells whether any of an agent's keys waits here.
    pub(crate) fn any(&self, agent: AgentId) -> bool {
        self.counts.lock().agents.contains_key(&agent)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut counts = self.waits.counts.lock();
        one_less(&mut counts.keys, &self.key);
        one_less(&mut counts.agents, &self.agent);
    }
}

fn one_less<K: Hash + Eq>(counts: &mut HashMap<K, usize>, of: &K) {
    if let Some(count) = counts.get_mut(of) {
        *count -= 1;
        if *count == 0 {
            counts.remove(of);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_so_many_waits_and_gets_each_place_back() {
        let (waits, agent, key) = (Arc::<Waits>::default(), AgentId::new([1; 16]), KeyId::new([2; 16]));
        let mut held: Vec<_> = (0..PER_KEY).map(|_| waits.begin(agent, key).unwrap()).collect();
        assert_eq!(waits.begin(agent, key).unwrap_err().code, Code::TooManyStreams);
        waits.begin(agent, KeyId::new([3; 16])).unwrap();
        held.pop();
        waits.begin(agent, key).unwrap();
        drop(held);
        assert!(!waits.any(agent));
    }
}
