//! What one may ask of an agent.

use super::{Grant, Webhook};
use crate::{KeyId, Millis, Timestamp};

/// A command to an agent.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Makes the agent known.
    Register {
        /// Shown to chatters where a link gives no other name.
        name: String,
    },
    /// Gives the agent one more key.
    IssueKey {
        /// The new key's id.
        key: KeyId,
        /// The name under which the key acts.
        name: String,
        /// The keyed hash of its secret.
        hash: [u8; 32],
        /// What it may do.
        grant: Grant,
    },
    /// Gives a key a new secret.
    RotateKey {
        /// The key.
        key: KeyId,
        /// The keyed hash of the new secret.
        hash: [u8; 32],
        /// How long its secrets so far are still good; not at all where this is 0.
        overlap: Millis,
        /// The key's new end; `None` leaves it as it is.
        expires_at: Option<Timestamp>,
    },
    /// Takes a key back, for good.
    RevokeKey {
        /// The key.
        key: KeyId,
    },
    /// Says where the agent is told of events, or nowhere.
    SetWebhook {
        /// The webhook.
        webhook: Option<Webhook>,
    },
}
