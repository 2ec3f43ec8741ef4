//! Command, decision, append: the only writer of the log.
//!
//! [`Commands`] is the interface. Texts are sealed here, before any rule sees them; every answer is a [`Receipt`] with its
//! position in
//! the log. The [`worker`] sends scheduled commands when they are due.

mod admissions;
mod agent_days;
mod agents;
mod answering;
mod asking;
mod beginning;
mod cache_weight;
pub mod clock;
mod deciding;
mod devices;
mod ending;
mod executor;
mod floods;
mod issuer;
mod joining;
mod links;
mod passcode;
mod random;
mod refusal;
mod restore;
pub mod schedule;
mod seal;
mod sending;
mod shutting_out;
mod spending;
mod state_cache;
mod suspecting;
mod talking;
#[cfg(test)]
mod tests;
mod webhooks;
pub mod worker;

use std::sync::Arc;

use domain::agent::Agent;
use domain::link::Link;
use domain::session::Session;
use domain::{Address, Policy};
use nats::{ApiKeys, Backbone, DataKey, Derived};

pub use agents::{KEYS_SEEN_WITHIN, NewKey, Principal};
pub use answering::Verdict;
pub use asking::Asking;
pub use devices::{HandedOver, Offered};
pub use issuer::Issuer;
pub use joining::{Join, Joined, Known};
pub use links::{End, LinkChanges, NewLink, Plain};
pub use refusal::Refusal;
pub use restore::finish_erasures;
pub use sending::Receipt;
pub use webhooks::NewWebhook;

use agent_days::AgentDays;
use executor::Executor;
use floods::Floods;
use passcode::Passcodes;

/// How much memory cached states may take, in bytes.
const CACHE_BYTES: u64 = 64 << 20;

/// All commands that can be given; cheap to clone.
#[derive(Debug, Clone)]
pub struct Commands {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    backbone: Backbone,
    agents: Executor<Agent>,
    links: Executor<Link>,
    sessions: Executor<Session>,
    api_keys: ApiKeys,
    derived: Derived,
    passcodes: Passcodes,
    agent_days: AgentDays,
    floods: Floods,
    policy: Arc<Policy>,
}

impl Commands {
    /// Takes commands for `backbone` within `policy`; cached states take at most 64 MiB.
    pub fn new(backbone: Backbone, policy: Policy) -> Self {
        let policy = Arc::new(policy);
        let secrets = backbone.secrets();
        let part = CACHE_BYTES / 16;
        let inner = Inner {
            agents: Executor::new(&backbone, Arc::clone(&policy), part),
            links: Executor::new(&backbone, Arc::clone(&policy), part * 3),
            sessions: Executor::new(&backbone, Arc::clone(&policy), part * 12),
            api_keys: ApiKeys::new(secrets),
            derived: Derived::new(secrets),
            passcodes: Passcodes::default(),
            agent_days: AgentDays::default(),
            floods: Floods::default(),
            policy,
            backbone,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Returns the limits in force.
    pub fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    /// Fetches the key that seals the texts of `owner`; `None` once they are erased.
    async fn key(&self, owner: Address) -> Result<Option<DataKey>, Refusal> {
        Ok(self.inner.backbone.keys().get(owner).await?)
    }
}
