//! The sessions that chatters look at through this gateway, and what other gateways have not been told of them yet.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::{Address, AgentId, Target};
use tokio::sync::Notify;

use super::announcement::Viewed;

#[derive(Debug, Default)]
pub(super) struct Viewers {
    viewed: HashMap<AgentId, HashSet<Address>>,
    /// Where someone has come or gone since other gateways were told.
    changed: HashSet<Address>,
    woken: Arc<Notify>,
}

impl Viewers {
    /// Returns what is woken when someone has come or gone.
    pub(super) fn woken(&self) -> Arc<Notify> {
        Arc::clone(&self.woken)
    }

    /// Notes that a chatter looks at a session.
    pub(super) fn come(&mut self, session: Address) {
        if self.viewed.entry(session.agent).or_default().insert(session) {
            self.note(session);
        }
    }

    /// Notes that a session has no viewer any more.
    pub(super) fn leave(&mut self, session: Address) {
        let Some(viewed) = self.viewed.get_mut(&session.agent) else { return };
        if !viewed.remove(&session) {
            return;
        }
        if viewed.is_empty() {
            self.viewed.remove(&session.agent);
        }
        self.note(session);
    }

    /// Tells whether a chatter looks at a session.
    pub(super) fn has(&self, session: &Address) -> bool {
        self.viewed.get(&session.agent).is_some_and(|viewed| viewed.contains(session))
    }

    /// Walks the sessions of an agent that are looked at.
    pub(super) fn of(&self, agent: AgentId) -> impl Iterator<Item = Address> {
        self.viewed.get(&agent).into_iter().flatten().copied()
    }

    /// Lists all sessions that are looked at; then nothing is left to be told.
    pub(super) fn all(&mut self) -> Vec<Viewed> {
        self.changed = HashSet::new();
        self.viewed.values().flatten().filter_map(named).collect()
    }

    /// Lists where someone has come, and where the last has gone, since this was asked last.
    pub(super) fn changes(&mut self) -> (Vec<Viewed>, Vec<Viewed>) {
        let (here, gone): (Vec<_>, Vec<_>) = std::mem::take(&mut self.changed).into_iter().partition(|session| self.has(session));
        (here.iter().filter_map(named).collect(), gone.iter().filter_map(named).collect())
    }

    fn note(&mut self, session: Address) {
        self.changed.insert(session);
        self.woken.notify_one();
    }
}

fn named(address: &Address) -> Option<Viewed> {
    match address.target {
        Target::Session(session) => Some((address.agent, session)),
        Target::Agent | Target::Link(_) => None,
    }
}
