//! Waits and streams under way: bounded for each key, counted for each agent.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use command_service::Principal;
use domain::{AgentId, KeyId, LinkId};
use parking_lot::Mutex;
use problem::{Code, Problem};

/// How many waits one key may have at once: each is a listener of the hub.
const PER_KEY: usize = 50;

/// Counts the waits of this process.
#[derive(Debug, Default)]
pub struct Waits {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    keys: HashMap<KeyId, usize>,
    scopes: HashMap<EventScope, usize>,
}

/// The events that a wait may get: all of an agent's, or those of one link.
type EventScope = (AgentId, Option<LinkId>);

const fn event_scope(principal: &Principal) -> EventScope {
    (principal.agent, principal.grant.link)
}

/// One wait; dropping it ends it.
#[derive(Debug)]
pub struct WaitPermit {
    waits: Arc<Waits>,
    scope: EventScope,
    key: KeyId,
}

impl Waits {
    /// Begins a wait, unless the key has too many.
    pub fn begin(self: &Arc<Self>, principal: &Principal) -> Result<WaitPermit, Problem> {
        let (key, scope) = (principal.key, event_scope(principal));
        let mut counts = self.counts.lock();
        let of_key = counts.keys.entry(key).or_default();
        if *of_key >= PER_KEY {
            let told = format!("{PER_KEY} waits and streams of this key are under way, which is all it may have at once.");
            return Err(Problem::with_detail(Code::TooManyStreams, told));
        }
        *of_key += 1;
        *counts.scopes.entry(scope).or_default() += 1;
        Ok(WaitPermit { waits: Arc::clone(self), scope, key })
    }

    /// Tells whether any key waits here that may get the same events as this one.
    pub fn any(&self, principal: &Principal) -> bool {
        self.counts.lock().scopes.contains_key(&event_scope(principal))
    }
}

impl Drop for WaitPermit {
    fn drop(&mut self) {
        let mut counts = self.waits.counts.lock();
        one_less(&mut counts.keys, &self.key);
        one_less(&mut counts.scopes, &self.scope);
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
    use domain::agent::Grant;

    use super::*;

    fn principal(key: u8, link: Option<LinkId>) -> Principal {
        let (agent, key, grant) = (AgentId::new([1; 16]), KeyId::new([key; 16]), Grant { link, ..Grant::default() });
        Principal { agent, agent_name: String::new(), key, key_name: String::new(), grant }
    }

    #[test]
    fn who_hears_one_link_waits_for_no_other() {
        let waits = Arc::<Waits>::default();
        let (whole, limited) = (principal(2, None), principal(3, Some(LinkId::new([4; 16]))));
        let _held = waits.begin(&limited).unwrap();
        assert_eq!((waits.any(&limited), waits.any(&whole)), (true, false));
    }

    #[test]
    fn a_key_has_so_many_waits_and_gets_each_place_back() {
        let (waits, key) = (Arc::<Waits>::default(), principal(2, None));
        let mut held: Vec<_> = (0..PER_KEY).map(|_| waits.begin(&key).unwrap()).collect();
        assert_eq!(waits.begin(&key).unwrap_err().code, Code::TooManyStreams);
        waits.begin(&principal(3, None)).unwrap();
        held.pop();
        waits.begin(&key).unwrap();
        drop(held);
        assert!(!waits.any(&key));
    }
}
