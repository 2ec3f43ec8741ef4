//! The agent: the tenant, with its API keys.

mod command;
mod decide;
mod event;
mod evolve;
mod grant;
#[cfg(test)]
mod tests;

pub use command::Command;
pub use event::{Event, Webhook};
pub use grant::{Grant, Scope, ScopeError};

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::{Aggregate, KeyId, Millis, Policy, Timestamp};

/// An agent's state.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// The agent's name, once it is registered.
    pub name: Option<String>,
    /// Every key ever issued.
    pub keys: OrdMap<KeyId, Key>,
    /// The agent's webhook.
    pub webhook: Option<Webhook>,
    /// The rotation of the newest signing secret, whether or not it is in use.
    pub webhook_rotation: u32,
}

/// One of an agent's API keys; only its holder knows the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The name with which the key's actions are shown to the agent's team.
    pub name: String,
    /// The keyed hash of the secret.
    #[serde(with = "serde_bytes")]
    pub hash: [u8; 32],
    /// Earlier secrets that are still valid for some time.
    #[serde(default)]
    pub retired: Vec<Retired>,
    /// What it permits.
    #[serde(default)]
    pub grant: Grant,
    /// Whether the key was revoked.
    pub revoked: bool,
}

/// A key's secret that a newer one has replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// The keyed hash of the secret.
    #[serde(with = "serde_bytes")]
    pub hash: [u8; 32],
    /// Until when it is valid.
    pub until: Timestamp,
}

impl Key {
    /// Tells whether it can be used at `now`.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        !self.revoked && self.grant.ended(now).is_none()
    }

    /// Returns the hashes of all secrets that are valid at `now`.
    pub fn hashes(&self, now: Timestamp) -> impl Iterator<Item = &[u8; 32]> {
        let retired = self.retired.iter().filter(move |retired| retired.until > now).map(|retired| &retired.hash);
        [&self.hash].into_iter().chain(retired)
    }
}

/// Why an agent's rules reject a command.
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
        /// The given value.
        characters: usize,
        /// The limit.
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
        /// The limit.
        limit: usize,
    },
    /// The key would permit nothing.
    #[error("a key has at least one scope")]
    NoScopes,
    /// The key has expired, or its new expiry is in the past.
    #[error("a key ends in the future, and one that has ended is not brought back")]
    EndsInThePast,
    /// The earlier secrets would stay valid for too long.
    #[error("an overlap is 0 to {} hours", longest.0 / 3_600_000)]
    OverlapOutOfRange {
        /// The limit.
        longest: Millis,
    },
    /// Too many earlier secrets of the key are still valid.
    #[error("{limit} earlier secrets of this key are still good; rotate without an overlap, or later")]
    TooManySecrets {
        /// The limit.
        limit: usize,
    },
    /// The webhook's address is too long.
    #[error("a webhook's address has at most {limit} bytes, this one has {bytes}")]
    WebhookTooLong {
        /// The given value.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

impl Aggregate for Agent {
    const TYPE: &'static str = "agent";
    const REMEMBERS: Option<usize> = Some(256);

    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: &Command, now: Timestamp, policy: &Policy) -> Result<Vec<Event>, Rejection> {
        self.decide(command, now, policy)
    }

    fn evolve(&mut self, event: &Event, at: Timestamp) {
        self.evolve(event, at);
    }

    fn must_remember(event: &Event) -> bool {
        match event {
            Event::Registered { .. } | Event::KeyIssued { .. } | Event::KeyRotated { .. } | Event::WebhookSet { .. } => true,
            // A revoked key stays revoked.
            Event::KeyRevoked { .. } => false,
        }
    }

    fn could_change(rejection: &Rejection) -> bool {
        match rejection {
            Rejection::Unknown
            | Rejection::KeyUnknown { .. }
            | Rejection::TooManyKeys { .. }
            | Rejection::TooManySecrets { .. }
            | Rejection::EndsInThePast => true,
            Rejection::AlreadyRegistered
            | Rejection::NameLength { .. }
            | Rejection::KeyExists { .. }
            | Rejection::NoScopes
            | Rejection::OverlapOutOfRange { .. }
            | Rejection::WebhookTooLong { .. } => false,
        }
    }
}
