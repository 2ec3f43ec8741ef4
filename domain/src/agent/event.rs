//! The events of an agent. The names and fields are a storage format.

use serde::{Deserialize, Serialize};

use super::Grant;
use crate::aggregate::domain_event;
use crate::{KeyId, Timestamp};

/// An agent's event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The agent was registered.
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
        /// What it permits.
        #[serde(default, skip_serializing_if = "Grant::is_whole")]
        grant: Grant,
    },
    /// A key was given a new secret; its id, name and grant are unchanged.
    #[serde(rename = "agent.key_rotated")]
    KeyRotated {
        /// The key's id.
        key: KeyId,
        /// The keyed hash of the new secret.
        #[serde(with = "serde_bytes")]
        hash: [u8; 32],
        /// Until when its earlier secrets are valid.
        until: Timestamp,
        /// The key's expiry from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
    },
    /// A key was revoked.
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

/// A webhook: the address that events are posted to. Its signing secret is derived, never stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// The address to call.
    pub url: String,
    /// Whether the calls carry texts: an operator's explicit choice.
    pub with_text: bool,
    /// Counts the rotations of the signing secret.
    pub rotation: u32,
}

domain_event!(Event);
