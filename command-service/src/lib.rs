//! Command, decision, append: the only writer of the log.
//!
//! [`Commands`] is what may be asked. Texts are sealed here, before any rule sees them; every answer is a
//! [`Receipt`] that says where in the log it stands. The [`worker`] sends what falls due.

mod agents;
mod asking;
mod chance;
pub mod clock;
mod devices;
mod ending;
mod executor;
mod joining;
mod links;
mod passcode;
mod places;
mod refusal;
mod restore;
mod seal;
mod talking;
mod warm;
mod webhooks;
mod weight;
pub mod worker;

use std::sync::Arc;

use domain::agent::Agent;
use domain::link::Link;
use domain::session::Session;
use domain::{Address, AgentId, Policy, Timestamp};
use nats::{ApiKeys, Backbone, DataKey, Derived, EventId, Position};

pub use agents::{NewKey, Principal};
pub use devices::{HandedOver, Offered};
pub use joining::{Join, Joined, Known};
pub use links::{End, LinkChanges, NewLink, Plain};
pub use refusal::Refusal;
pub use restore::finish_erasures;
pub use webhooks::NewWebhook;

use executor::{Executor, Outcome};
use passcode::Passcodes;

/// How much memory warm states may take, in bytes.
const WARM_BYTES: u64 = 64 << 20;

/// All that may be asked; cheap to clone.
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
    policy: Arc<Policy>,
}

/// Where in the log a command's answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The event that was asked for; where it was so already, the last one of the aggregate.
    pub position: Position,
    /// Its id.
    pub event: EventId,
    /// When it was recorded.
    pub at: Timestamp,
    /// Whether the very same command had been carried out before.
    pub replayed: bool,
}

impl Commands {
    /// Takes commands for `backbone` within `policy`; warm states take at most 64 MiB.
    pub fn new(backbone: Backbone, policy: Policy) -> Self {
        let policy = Arc::new(policy);
        let store = backbone.store();
        let secrets = backbone.secrets();
        let part = WARM_BYTES / 16;
        let inner = Inner {
            agents: Executor::new(store.clone(), Arc::clone(&policy), part),
            links: Executor::new(store.clone(), Arc::clone(&policy), part * 3),
            sessions: Executor::new(store, Arc::clone(&policy), part * 12),
            api_keys: ApiKeys::new(secrets),
            derived: Derived::new(secrets),
            passcodes: Passcodes::default(),
            policy,
            backbone,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The limits in force.
    pub fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    /// Says where the answer to a command stands.
    fn receipt(&self, agent: AgentId, outcome: &Outcome) -> Receipt {
        let index = outcome.answer.events.saturating_sub(1);
        Receipt {
            position: Position { shard: self.inner.backbone.shard_of(agent), sequence: outcome.answer.sequence, index },
            event: EventId::of(&outcome.command, index),
            at: outcome.answer.at,
            replayed: outcome.replayed,
        }
    }

    /// Fetches the key that seals the texts of `owner`; none once they are erased.
    async fn key(&self, owner: Address) -> Result<Option<DataKey>, Refusal> {
        Ok(self.inner.backbone.keys().get(owner).await?)
    }
}
