//! Signals that are worth nothing a moment later: who types, and what the agent is doing.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use domain::{Address, AgentId, KeyId, LinkId};
use events::Speaker;
use serde::{Deserialize, Serialize};

/// How long someone counts as typing without saying so again.
const TYPES_FOR: Duration = Duration::from_secs(6);
/// How long an agent counts as listening after it said so: its longest wait.
const LISTENS_FOR: Duration = Duration::from_secs(55);
/// How long an agent that owes a reply counts as thinking.
const THINKS_FOR: Duration = Duration::from_mins(2);
/// How long an agent counts as there after its last act.
const ONLINE_FOR: Duration = Duration::from_mins(5);
/// How often an agent's acts are told to other processes.
const TOLD_EVERY: Duration = Duration::from_secs(5);
/// From how many on what is no longer true is forgotten; then whenever they have doubled.
const REMEMBERED: usize = 1_024;

/// A signal between processes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Someone types in a session, or stopped.
    Typing {
        /// Who.
        by: Speaker,
        /// Whether it began.
        typing: bool,
    },
    /// An agent did something.
    Agent {
        /// With which key.
        key: KeyId,
        /// Whether it now waits for words.
        listening: bool,
    },
}

/// What an agent seems to be doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// It was here a moment ago.
    Online,
    /// It waits for words right now.
    Listening,
    /// It owes a reply, and was here a moment ago.
    Thinking,
    /// Nothing was heard of it lately.
    Away,
}

/// What was heard lately.
#[derive(Debug, Default)]
pub(super) struct Presence {
    /// By where they may be: an agent is on all its links, a key that is limited to one on that one.
    agents: Recent<Address, Heard>,
    typing: Recent<(Address, Speaker), Instant>,
}

/// A map that holds at most twice as much as is fresh, and a little.
#[derive(Debug)]
struct Recent<K, V> {
    map: HashMap<K, V>,
    tidied_at: usize,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { map: HashMap::new(), tidied_at: REMEMBERED }
    }
}

impl<K: Eq + Hash, V> Recent<K, V> {
    fn insert(&mut self, key: K, value: V, is_fresh: impl Fn(&V) -> bool) {
        if self.map.len() >= self.tidied_at {
            self.map.retain(|_, value| is_fresh(value));
            self.map.shrink_to(2 * self.map.len());
            self.tidied_at = REMEMBERED.max(2 * self.map.len());
        }
        self.map.insert(key, value);
    }
}

#[derive(Debug, Clone, Copy)]
struct Heard {
    at: Instant,
    listening: bool,
    told: Option<(Instant, bool)>,
}

impl Presence {
    /// Takes in a signal.
    pub(super) fn hear(&mut self, address: Address, signal: Signal) {
        let now = Instant::now();
        match signal {
            Signal::Typing { by, typing: true } => {
                self.typing.insert((address, by), now, |at| at.elapsed() < TYPES_FOR);
            }
            Signal::Typing { by, typing: false } => {
                self.typing.map.remove(&(address, by));
            }
            Signal::Agent { listening, .. } => {
                let told = self.agents.map.get(&address).and_then(|heard| heard.told);
                self.note(address, Heard { at: now, listening, told });
            }
        }
    }

    /// Takes in what an agent does here, on all its links or one; tells whether other processes should hear of it.
    pub(super) fn is_news(&mut self, place: Address, listening: bool) -> bool {
        let now = Instant::now();
        let told = self.agents.map.get(&place).and_then(|heard| heard.told);
        let news = told.is_none_or(|(at, was)| was != listening || now.duration_since(at) >= TOLD_EVERY);
        self.note(place, Heard { at: now, listening, told: if news { Some((now, listening)) } else { told } });
        news
    }

    fn note(&mut self, place: Address, heard: Heard) {
        self.agents.insert(place, heard, |heard| heard.at.elapsed() < ONLINE_FOR);
    }

    pub(super) fn state(&self, agent: AgentId, link: LinkId, owes_reply: bool) -> AgentState {
        let places = [Address::agent(agent), Address::link(agent, link)];
        let heard = || places.iter().filter_map(|place| self.agents.map.get(place));
        let Some(silent) = heard().map(|heard| heard.at.elapsed()).min() else { return AgentState::Away };
        if heard().any(|heard| heard.listening && heard.at.elapsed() < LISTENS_FOR) {
            // It waits, so it has read all that was said.
            AgentState::Listening
        } else if owes_reply && silent < THINKS_FOR {
            AgentState::Thinking
        } else if silent < ONLINE_FOR {
            AgentState::Online
        } else {
            AgentState::Away
        }
    }

    pub(super) fn types(&self, session: Address, by: Speaker) -> bool {
        self.typing.map.get(&(session, by)).is_some_and(|at| at.elapsed() < TYPES_FOR)
    }
}
