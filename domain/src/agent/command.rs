//! What one may ask of an agent.

use super::Webhook;
use crate::KeyId;

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
