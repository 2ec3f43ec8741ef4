//! An AI agent: the tenant, a team of keys.

mod command;
mod decide;
mod event;
mod evolve;
#[cfg(test)]
mod tests;

pub use command::Command;
pub use event::{Event, Webhook};

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::{Aggregate, KeyId, Policy, Timestamp};

/// What is known of an agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// The agent's name, once it is registered.
    pub name: Option<String>,
    /// Every key ever issued.
    pub keys: OrdMap<KeyId, Key>,
    /// Where the agent is told of events.
    pub webhook: Option<Webhook>,
    /// The rotation of the newest signing secret, whether or not it is in use.
    pub webhook_rotation: u32,
}

/// One of an agent's API keys; its secret is known to its holder only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The name under which the key's acts are shown to its team.
    pub name: String,
    /// The keyed hash of the secret.
    #[serde(with = "serde_bytes")]
    pub hash: [u8; 32],
    /// Whether the key was taken back.
    pub revoked: bool,
}

/// Why an agent says no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such agent.
    #[error("there is no such agent")]
    Unknown,
    /// The agent's id is taken.
    #[error("the agent is registered already")]
    AlreadyRegistered,
    /// A name is empty or too long.
    #[error("a name has 1 to {limit} characters, this one has {characters}")]
    NameLength {
        /// What was given.
        characters: usize,
        /// What is allowed.
        limit: usize,
    },
    /// There is no such key.
    #[error("there is no key {key}")]
    KeyUnknown {
        /// The key asked for.
        key: KeyId,
    },
    /// The key's id is taken.
    #[error("key {key} was issued already")]
    KeyExists {
        /// The key asked for.
        key: KeyId,
    },
    /// Too many keys are valid at once.
    #[error("an agent holds at most {limit} valid keys; revoke one first")]
    TooManyKeys {
        /// What is allowed.
        limit: usize,
    },
    /// The webhook's address is too long.
    #[error("a webhook's address has at most {limit} bytes, this one has {bytes}")]
    WebhookTooLong {
        /// What was given.
        bytes: usize,
        /// What is allowed.
        limit: usize,
    },
}

impl Aggregate for Agent {
    const TYPE: &'static str = "agent";
    const REMEMBERS: Option<usize> = Some(256);

    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: &Command, _now: Timestamp, policy: &Policy) -> Result<Vec<Event>, Rejection> {
        self.decide(command, policy)
    }

    fn evolve(&mut self, event: &Event, _at: Timestamp) {
        self.evolve(event);
    }

    fn must_remember(event: &Event) -> bool {
        match event {
            Event::Registered { .. } | Event::KeyIssued { .. } | Event::WebhookSet { .. } => true,
            // A revoked key stays revoked.
            Event::KeyRevoked { .. } => false,
        }
    }

    fn could_change(rejection: &Rejection) -> bool {
        match rejection {
            Rejection::Unknown | Rejection::KeyUnknown { .. } | Rejection::TooManyKeys { .. } => true,
            Rejection::AlreadyRegistered
            | Rejection::NameLength { .. }
            | Rejection::KeyExists { .. }
            | Rejection::WebhookTooLong { .. } => false,
        }
    }
}
