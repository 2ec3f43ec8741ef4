//! Short-lived signals: who types, and what the agent is doing.

use std::time::{Duration, Instant};

use domain::{Address, AgentId, KeyId, LinkId, Target};
use events::Speaker;
use serde::{Deserialize, Serialize};

use super::announcement::{Active, GatewayId};
use super::recent::Recent;

/// How long someone counts as typing without saying so again.
const TYPES_FOR: Duration = Duration::from_secs(6);
/// How long an agent counts as listening after it said so: its longest wait.
const LISTENS_FOR: Duration = Duration::from_secs(55);
/// How long an agent that owes a reply counts as thinking.
const THINKS_FOR: Duration = Duration::from_mins(2);
/// How long an agent counts as there after its last act.
const ONLINE_FOR: Duration = Duration::from_mins(5);
/// Gateways that are told apart in what one agent does.
const GATEWAYS: usize = 8;
/// How often an agent's acts are told to other processes.
const TOLD_EVERY: Duration = Duration::from_secs(5);

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
        /// Whether it now waits for words there.
        listening: bool,
        /// Through which gateway.
        #[serde(default)]
        gateway: GatewayId,
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
    agents: Recent<Address, LastActivity>,
    typing: Recent<(Address, Speaker), Instant>,
}

/// What was heard of an agent.
#[derive(Debug, Default)]
struct LastActivity {
    /// Through each gateway that it used lately: it may wait at one while it is done at another.
    at_gateways: Vec<Activity>,
    /// When other gateways were last told what it did through this one, and what that was.
    told: Option<(Instant, bool)>,
}

#[derive(Debug, Clone, Copy)]
struct Activity {
    gateway: GatewayId,
    at: Instant,
    listening: bool,
}

impl LastActivity {
    /// Takes in what it did, unless something later is known.
    fn note(&mut self, activity: Activity) {
        let is_known = |known: &Activity| known.gateway == activity.gateway && known.at > activity.at;
        if self.at_gateways.iter().any(is_known) {
            return;
        }
        self.at_gateways.retain(|other| other.gateway != activity.gateway && other.at.elapsed() < ONLINE_FOR);
        if self.at_gateways.len() >= GATEWAYS {
            self.at_gateways.remove(0);
        }
        self.at_gateways.push(activity);
    }

    fn is_fresh(&self) -> bool {
        self.at_gateways.iter().any(|activity| activity.at.elapsed() < ONLINE_FOR)
    }
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
                self.typing.remove(&(address, by));
            }
            Signal::Agent { gateway, listening, .. } => self.of(address).note(Activity { gateway, at: now, listening }),
        }
    }

    /// Notes what an agent does here, on all its links or one; tells whether other processes are to be signalled.
    pub(super) fn is_due(&mut self, address: Address, listening: bool, gateway: GatewayId) -> bool {
        let now = Instant::now();
        let activity = self.of(address);
        activity.note(Activity { gateway, at: now, listening });
        let news = activity.told.is_none_or(|(at, was)| was != listening || now.duration_since(at) >= TOLD_EVERY);
        if news {
            activity.told = Some((now, listening));
        }
        news
    }

    /// Takes in what another gateway knows of its agents.
    pub(super) fn hear_of(&mut self, agents: &[Active], gateway: GatewayId, now: Instant) {
        for Active { agent, link, listening, ago_ms } in agents {
            let address = link.map_or_else(|| Address::agent(*agent), |link| Address::link(*agent, link));
            if let Some(at) = now.checked_sub(Duration::from_millis(*ago_ms)) {
                self.of(address).note(Activity { gateway, at, listening: *listening });
            }
        }
    }

    /// Lists what agents lately did through this gateway.
    pub(super) fn active_here(&self, now: Instant) -> Vec<Active> {
        let here = self.agents.iter().filter_map(|(address, known)| {
            let (at, listening) = known.told?;
            let ago = now.duration_since(at);
            let link = match address.target {
                Target::Agent => None,
                Target::Link(link) => Some(link),
                Target::Session(_) => return None,
            };
            let ago_ms = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
            (ago < ONLINE_FOR).then_some(Active { agent: address.agent, link, listening, ago_ms })
        });
        here.collect()
    }

    fn of(&mut self, address: Address) -> &mut LastActivity {
        self.agents.get_or_default(address, LastActivity::is_fresh)
    }

    pub(super) fn state(&self, agent: AgentId, link: LinkId, owes_reply: bool) -> AgentState {
        let addresses = [Address::agent(agent), Address::link(agent, link)];
        let heard = || addresses.iter().filter_map(|address| self.agents.get(address)).flat_map(|heard| &heard.at_gateways);
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
        self.typing.get(&(session, by)).is_some_and(|at| at.elapsed() < TYPES_FOR)
    }
}
