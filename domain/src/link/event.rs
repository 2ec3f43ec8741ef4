//! What may have happened to a link. The names and fields are a storage format.

use serde::{Deserialize, Serialize};

use crate::agent::Webhook;
use crate::aggregate::domain_event;
use crate::{Millis, QuestionId, Sealed, SessionId, Timestamp};

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
    },
    /// A place was given back.
    #[serde(rename = "link.released")]
    Released {
        /// By this session.
        session: SessionId,
        /// Whether it never started, and is not counted any more.
        unused: bool,
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

/// A link's settings. Free text is sealed under the link's data key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// What the chat is about, shown before joining.
    pub title: Sealed,
    /// The agent's note to itself.
    pub purpose: Option<Sealed>,
    /// Shown before joining, where no passcode hides it.
    pub description: Option<Sealed>,
    /// The first message of every session.
    pub welcome_message: Option<Sealed>,
    /// The name under which the agent appears.
    pub agent_name: Option<Sealed>,
    /// The passcode's verifier.
    pub passcode: Option<Sealed>,
    /// The end, of the link and of its sessions.
    pub expires_at: Timestamp,
    /// Places.
    pub max_sessions_at_once: u32,
    /// Sessions in all; `None` is without limit.
    pub max_sessions_total: Option<u32>,
    /// Messages of one chatter in one session.
    pub max_messages_per_session: u32,
    /// Messages of one chatter within a minute.
    pub messages_per_minute: u32,
    /// How long a silent session keeps its place.
    pub idle_timeout: Millis,
    /// How long words are kept after the end.
    pub keep_after_end: Millis,
    /// The page's language (BCP 47), where the agent chose one.
    pub language: Option<String>,
    /// Origins that may show the link in a frame.
    pub allowed_origins: Vec<String>,
    /// What every session begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub questions: Option<Questions>,
    /// Whom it is for: each has a token of one's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipients: Option<Recipients>,
}

/// What a link asks everyone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Questions {
    /// The question's id, the same in every session; other fields are another question.
    pub question: QuestionId,
    /// The fields, as one sealed document.
    pub form: Sealed,
    /// How many fields there are.
    pub fields: u8,
    /// The fields that must be answered, a bit each.
    pub required: u8,
}

/// For whom a link is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipients {
    /// The labels by which the agent knows them, as one sealed document.
    pub labels: Sealed,
    /// How many there are.
    pub count: u8,
}

impl Settings {
    /// Counts the recipients.
    pub(super) fn recipient_count(&self) -> u8 {
        self.recipients.as_ref().map_or(0, |recipients| recipients.count)
    }
}

domain_event!(Event);
