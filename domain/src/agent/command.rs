//! The commands to an agent.

use super::{Grant, Webhook};
use crate::{KeyId, Millis, Timestamp};

/// A command to an agent.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Registers the agent.
    Register {
        /// Shown to chatters where a link gives no other name.
        name: String,
    },
    /// Issues another key to the agent.
    IssueKey {
        /// The new key's id.
        key: KeyId,
        /// The name under which the key acts.
        name: String,
        /// The keyed hash of its secret.
        hash: [u8; 32],
        /// What it permits.
        grant: Grant,
    },
    /// Gives a key a new secret.
    RotateKey {
        /// The key.
        key: KeyId,
        /// The keyed hash of the new secret.
        hash: [u8; 32],
        /// How long its earlier secrets stay valid; 0 ends them at once.
        overlap: Millis,
        /// The key's new expiry; `None` leaves it unchanged.
        expires_at: Option<Timestamp>,
    },
    /// Revokes a key for good.
    RevokeKey {
        /// The key.
        key: KeyId,
    },
    /// Sets or removes the agent's webhook.
    SetWebhook {
        /// The webhook.
        webhook: Option<Webhook>,
    },
}
