//! What may have happened to a link. The names and fields are a storage format.

use serde::{Deserialize, Serialize};

use super::Settings;
use crate::abuse::Reason;
use crate::agent::Webhook;
use crate::aggregate::domain_event;
use crate::budget::{Amounts, Reached, Tally};
use crate::{Fingerprint, Sealed, SessionId, Timestamp};

/// A link's event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The link was opened.
    #[serde(rename = "link.opened")]
    Opened {
        /// All settings.
        settings: Box<Settings>,
    },
    /// Settings were changed.
    #[serde(rename = "link.updated")]
    Updated {
        /// All settings, as they are now.
        settings: Box<Settings>,
    },
    /// No newcomers for now.
    #[serde(rename = "link.paused")]
    Paused,
    /// Newcomers again.
    #[serde(rename = "link.resumed")]
    Resumed,
    /// The token was replaced.
    #[serde(rename = "link.token_rotated")]
    TokenRotated {
        /// The number of the token that opens the link now.
        rotation: u32,
    },
    /// The agent took the link back.
    #[serde(rename = "link.revoked")]
    Revoked {
        /// Whether the open sessions are to end too.
        end_sessions: bool,
        /// What the open sessions are told.
        farewell: Option<Sealed>,
    },
    /// The time is nearly up.
    #[serde(rename = "link.expiring")]
    Expiring {
        /// When it will be.
        expires_at: Timestamp,
    },
    /// The time was up.
    #[serde(rename = "link.expired")]
    Expired,
    /// A place was reserved.
    #[serde(rename = "link.admitted")]
    Admitted {
        /// For this session.
        session: SessionId,
        /// Whether it came back from idling.
        returning: bool,
        /// Until when it may start.
        start_before: Timestamp,
        /// Which of the recipients it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recipient: Option<u8>,
        /// The bytes of the day's that the session may write at first.
        #[serde(default, skip_serializing_if = "is_zero")]
        bytes: u64,
    },
    /// A session was granted some of the link's budgets.
    #[serde(rename = "link.budget_drawn")]
    BudgetDrawn {
        /// The session.
        session: SessionId,
        /// What it was granted.
        drawn: Amounts,
    },
    /// A share of a budget was spent, or granted to sessions.
    #[serde(rename = "link.budget_reached")]
    BudgetReached {
        /// The limit, and what was spent of it.
        reached: Reached,
        /// The share.
        at_percent: u8,
    },
    /// The clients of a session were shut out.
    #[serde(rename = "link.blocked")]
    Blocked {
        /// The session.
        session: SessionId,
        /// Its clients, as hashes under the link's key.
        clients: Vec<Fingerprint>,
        /// The network they came from, likewise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        network: Option<Fingerprint>,
    },
    /// What strangers do to the link was noticed.
    #[serde(rename = "link.abuse_noticed")]
    AbuseNoticed {
        /// What they do.
        reason: Reason,
    },
    /// A place was given back.
    #[serde(rename = "link.released")]
    Released {
        /// By this session.
        session: SessionId,
        /// Whether it never started, and is not counted any more.
        unused: bool,
        /// What the session has spent in the end; what it was granted beyond that is free again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        spent: Option<Tally>,
    },
    /// The link's words are gone.
    #[serde(rename = "link.erased")]
    Erased,
    /// The link's own webhook was set or removed.
    #[serde(rename = "link.webhook_set")]
    WebhookSet {
        /// The webhook.
        webhook: Option<Webhook>,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(bytes: &u64) -> bool {
    *bytes == 0
}

domain_event!(Event);
