//! What may have happened to an agent. The names and fields are a storage format.

use serde::{Deserialize, Serialize};

use crate::KeyId;
use crate::aggregate::domain_event;

/// An agent's event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The agent was made known.
    #[serde(rename = "agent.registered")]
    Registered {
        /// Its name.
        name: String,
    },
    /// A key was issued.
    #[serde(rename = "agent.key_issued")]
    KeyIssued {
        /// The key's id.
        key: KeyId,
        /// The name under which it acts.
        name: String,
        /// The keyed hash of its secret.
        #[serde(with = "serde_bytes")]
        hash: [u8; 32],
    },
    /// A key was taken back.
    #[serde(rename = "agent.key_revoked")]
    KeyRevoked {
        /// The key's id.
        key: KeyId,
    },
    /// The webhook was set or removed.
    #[serde(rename = "agent.webhook_set")]
    WebhookSet {
        /// The webhook.
        webhook: Option<Webhook>,
    },
}

/// Where an agent is told of events. Its signing secret is derived, never stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// The address to call.
    pub url: String,
    /// Whether the calls carry words: an operator's explicit choice.
    pub with_text: bool,
    /// Counts the rotations of the signing secret.
    pub rotation: u32,
}

domain_event!(Event);
