//! The events of a session. The names and fields are a storage format.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::decision::{Verdict, Words};
use super::question::{Closing, Terms};
use crate::abuse::{Level, Reason, Signs};
use crate::aggregate::domain_event;
use crate::budget::{Limits, Reached};
use crate::{DeviceId, Fingerprint, HandoffId, KeyId, LinkId, Millis, QuestionId, SaltedHash, Sealed, Timestamp};

/// A session's event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The chat started.
    #[serde(rename = "session.started")]
    Started {
        /// The session's link.
        link: LinkId,
        /// The limits.
        settings: Settings,
        /// The name the chatter chose.
        display_name: Option<Sealed>,
        /// The chatter's language (BCP 47).
        language: Option<String>,
        /// Which of the link's recipients it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recipient: Option<u8>,
        /// By which it can be shut out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<Origin>,
    },
    /// A message was posted.
    #[serde(rename = "session.message_posted")]
    MessagePosted {
        /// The author.
        from: Author,
        /// The text.
        text: Sealed,
        /// Its kind, if it is not an ordinary message.
        kind: Option<MessageKind>,
        /// The id under which the chatter's client sent it, so that the client recognizes its own message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client_message_id: Option<Sealed>,
        /// What can be told of it without its words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signs: Option<Signs>,
    },
    /// The agent asked typed questions.
    #[serde(rename = "session.question_asked")]
    QuestionAsked {
        /// The question's id.
        question: QuestionId,
        /// The author.
        from: Author,
        /// The intro and the fields, as one sealed document.
        form: Sealed,
        /// How many fields there are.
        fields: u8,
        /// The fields that must be answered, a bit each.
        required: u8,
        /// On which terms it is asked.
        #[serde(default, skip_serializing_if = "Terms::is_default")]
        terms: Terms,
    },
    /// The chatter answered some or all fields.
    #[serde(rename = "session.question_answered")]
    QuestionAnswered {
        /// The question's id.
        question: QuestionId,
        /// The values, as one sealed document.
        values: Sealed,
        /// The fields that are answered, a bit each.
        answered: u8,
        /// The fields whose answer is withdrawn, a bit each.
        #[serde(default)]
        withdrawn: u8,
        /// The required fields that have no answer after this one, a bit each.
        #[serde(default)]
        missing: u8,
    },
    /// A decision was made, by the person or by silence; its question is closed in the same commit.
    #[serde(rename = "session.decision_made")]
    DecisionMade {
        /// The question's id.
        question: QuestionId,
        /// What came of it.
        verdict: Verdict,
        /// The hash of the payload that was shown.
        payload: SaltedHash,
        /// What the person wrote with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        words: Option<Words>,
        /// What goes with it, with the salts, as one sealed document.
        document: Sealed,
    },
    /// A question was closed: it takes no answer any more.
    #[serde(rename = "session.question_closed")]
    QuestionClosed {
        /// The question's id.
        question: QuestionId,
        /// Why.
        why: Closing,
        /// The question that took its place.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaced_by: Option<QuestionId>,
        /// The values that the person's silence means, as they were told beforehand.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        values: Option<Sealed>,
        /// Why the agent took it back, in its words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Sealed>,
    },
    /// A read mark was moved.
    #[serde(rename = "session.marked_read")]
    MarkedRead {
        /// The reader.
        by: Reader,
        /// The log sequence of the last event read.
        upto: u64,
    },
    /// The session became idle after a long silence.
    #[serde(rename = "session.went_idle")]
    WentIdle,
    /// The chatter resumed the session.
    #[serde(rename = "session.resumed")]
    Resumed,
    /// The end was moved.
    #[serde(rename = "session.rescheduled")]
    Rescheduled {
        /// The new end.
        expires_at: Timestamp,
    },
    /// The chatter rated the chat.
    #[serde(rename = "session.rated")]
    Rated {
        /// 1 to 5.
        rating: u8,
        /// The comment with it.
        feedback: Option<Sealed>,
    },
    /// A hand-off code was offered.
    #[serde(rename = "session.handoff_offered")]
    HandoffOffered {
        /// The code, as a keyed hash.
        code: HandoffId,
        /// Until when it is valid.
        expires_at: Timestamp,
    },
    /// A wrong hand-off code was presented.
    #[serde(rename = "session.handoff_missed")]
    HandoffMissed,
    /// The right hand-off code was presented, and is used up.
    #[serde(rename = "session.device_added")]
    DeviceAdded {
        /// The device.
        device: DeviceId,
        /// The client, as a hash under the link's key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<Fingerprint>,
    },
    /// A device was forgotten.
    #[serde(rename = "session.device_forgotten")]
    DeviceForgotten {
        /// The device.
        device: DeviceId,
    },
    /// A share of a budget was spent.
    #[serde(rename = "session.budget_reached")]
    BudgetReached {
        /// The limit, and what was spent of it.
        reached: Reached,
        /// The share.
        at_percent: u8,
    },
    /// The session's own budget was changed.
    #[serde(rename = "session.budget_set")]
    BudgetSet {
        /// The most of each measure.
        budget: Limits,
    },
    /// The person reported the chat to the operator.
    #[serde(rename = "session.reported")]
    Reported {
        /// What is wrong with it.
        reason: Sealed,
    },
    /// The agent said when it ends.
    #[serde(rename = "session.end_planned")]
    EndPlanned {
        /// When.
        at: Timestamp,
        /// The agent's closing message, which is said then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        farewell: Option<Sealed>,
    },
    /// The planned end was called off.
    #[serde(rename = "session.end_called_off")]
    EndCalledOff {
        /// Whose word did it.
        by: Author,
    },
    /// Messages were refused on top of others that waited.
    #[serde(rename = "session.flooded")]
    Flooded {
        /// How many.
        messages: u32,
    },
    /// The chatter is suspected of abuse, more than before.
    #[serde(rename = "session.abuse_noticed")]
    AbuseNoticed {
        /// What is done about it.
        level: Level,
        /// Why.
        reasons: BTreeSet<Reason>,
    },
    /// The session ended.
    #[serde(rename = "session.ended")]
    Ended {
        /// The reason.
        reason: EndReason,
    },
    /// The texts were erased.
    #[serde(rename = "session.erased")]
    Erased,
}

/// What a chatter comes from, as hashes under the link's key: nothing once that is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The client.
    pub client: Fingerprint,
    /// The network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Fingerprint>,
}

/// The author of a message or question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The person.
    Chatter,
    /// The agent, by one of its keys.
    Agent(KeyId),
    /// Tempchat itself, with a text of the agent's, such as the welcome message.
    System,
}

/// A reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reader {
    /// The person.
    Chatter,
    /// The agent, by one of its keys.
    Agent(KeyId),
}

/// The kind of a message that is not an ordinary one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// The welcome message.
    Welcome,
    /// The agent's closing message.
    Farewell,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The chatter ended it.
    ChatterLeft,
    /// The agent ended it.
    AgentEnded,
    /// The link's time was up.
    LinkExpired,
    /// The link was revoked.
    LinkRevoked,
    /// All messages were used up, and silence followed.
    MessageLimit,
    /// The agent blocked it.
    Blocked,
    /// Its erasure was requested.
    Erased,
}

impl Event {
    /// Tells whether the chat is another after it, and agents hear of it: neither read marks, devices nor reports change what is there to see.
    pub fn changes_the_chat(&self) -> bool {
        match self {
            Self::MarkedRead { .. }
            | Self::HandoffOffered { .. }
            | Self::HandoffMissed
            | Self::DeviceAdded { .. }
            | Self::DeviceForgotten { .. }
            | Self::BudgetSet { .. }
            | Self::Flooded { .. }
            | Self::Reported { .. } => false,
            Self::Started { .. }
            | Self::MessagePosted { .. }
            | Self::QuestionAsked { .. }
            | Self::QuestionAnswered { .. }
            | Self::DecisionMade { .. }
            | Self::QuestionClosed { .. }
            | Self::WentIdle
            | Self::Resumed
            | Self::Rescheduled { .. }
            | Self::Rated { .. }
            | Self::BudgetReached { .. }
            | Self::EndPlanned { .. }
            | Self::EndCalledOff { .. }
            | Self::AbuseNoticed { .. }
            | Self::Ended { .. }
            | Self::Erased => true,
        }
    }
}

/// The limits that a session copies from its link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// How many messages the chatter may post.
    pub max_messages: u32,
    /// How many of them within a minute.
    pub messages_per_minute: u32,
    /// After how long a silence the session becomes idle.
    pub idle_timeout: Millis,
    /// How long texts are retained after the end.
    pub keep_after_end: Millis,
    /// The session's own budget.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub budget: Limits,
}

domain_event!(Event);
