//! What may have happened in a session. The names and fields are a storage format.

use serde::{Deserialize, Serialize};

use crate::aggregate::domain_event;
use crate::{DeviceId, HandoffId, KeyId, LinkId, Millis, QuestionId, Sealed, Timestamp};

/// A session's event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The chat began.
    #[serde(rename = "session.started")]
    Started {
        /// The link it came through.
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
    },
    /// Someone said something.
    #[serde(rename = "session.message_posted")]
    MessagePosted {
        /// Who.
        from: Author,
        /// The words.
        text: Sealed,
        /// What it is beyond an ordinary message.
        kind: Option<MessageKind>,
        /// The id under which the chatter's client sent it, so that the client knows its own words again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client_message_id: Option<Sealed>,
    },
    /// The agent asked typed questions.
    #[serde(rename = "session.question_asked")]
    QuestionAsked {
        /// The question's id.
        question: QuestionId,
        /// Who asked.
        from: Author,
        /// The intro and the fields, as one sealed document.
        form: Sealed,
        /// How many fields there are.
        fields: u8,
        /// The fields that must be answered, a bit each.
        required: u8,
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
        /// The fields whose answer is taken back, a bit each.
        #[serde(default)]
        withdrawn: u8,
        /// The required fields that have no answer after this one, a bit each.
        #[serde(default)]
        missing: u8,
    },
    /// Someone has read.
    #[serde(rename = "session.marked_read")]
    MarkedRead {
        /// Who.
        by: Reader,
        /// The log sequence of the last event read.
        upto: u64,
    },
    /// A long silence gave the place back.
    #[serde(rename = "session.went_idle")]
    WentIdle,
    /// The chatter came back.
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
        /// A line to go with it.
        feedback: Option<Sealed>,
    },
    /// A code was offered that lets in one more device.
    #[serde(rename = "session.handoff_offered")]
    HandoffOffered {
        /// The code, as a keyed hash.
        code: HandoffId,
        /// Until when it is good.
        expires_at: Timestamp,
    },
    /// A wrong code was brought.
    #[serde(rename = "session.handoff_missed")]
    HandoffMissed,
    /// The right code was brought; it is used up.
    #[serde(rename = "session.device_added")]
    DeviceAdded {
        /// The device.
        device: DeviceId,
    },
    /// A device was shut out.
    #[serde(rename = "session.device_forgotten")]
    DeviceForgotten {
        /// The device.
        device: DeviceId,
    },
    /// Nothing can be said any more.
    #[serde(rename = "session.ended")]
    Ended {
        /// Why.
        reason: EndReason,
    },
    /// The words are gone.
    #[serde(rename = "session.erased")]
    Erased,
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The person.
    Chatter,
    /// The agent, by one of its keys.
    Agent(KeyId),
    /// Tempchat itself, in the agent's words: a welcome.
    System,
}

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reader {
    /// The person.
    Chatter,
    /// The agent, by one of its keys.
    Agent(KeyId),
}

/// What a message is beyond an ordinary one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// The first words of a session.
    Welcome,
    /// The agent's last words.
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
    /// The time was up.
    LinkExpired,
    /// The agent took the link back.
    LinkRevoked,
    /// Every message was written, and silence followed.
    MessageLimit,
    /// The agent wants no more of it.
    Blocked,
    /// Someone asked for the words to go.
    Erased,
}

impl Event {
    /// Tells whether the chat is another after it: neither read marks nor devices change what is there to see.
    pub fn changes_the_chat(&self) -> bool {
        match self {
            Self::MarkedRead { .. }
            | Self::HandoffOffered { .. }
            | Self::HandoffMissed
            | Self::DeviceAdded { .. }
            | Self::DeviceForgotten { .. } => false,
            Self::Started { .. }
            | Self::MessagePosted { .. }
            | Self::QuestionAsked { .. }
            | Self::QuestionAnswered { .. }
            | Self::WentIdle
            | Self::Resumed
            | Self::Rescheduled { .. }
            | Self::Rated { .. }
            | Self::Ended { .. }
            | Self::Erased => true,
        }
    }
}

/// The limits that a session copies from its link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The end.
    pub expires_at: Timestamp,
    /// Messages of the chatter.
    pub max_messages: u32,
    /// Messages of the chatter within a minute.
    pub messages_per_minute: u32,
    /// How long a silent session keeps its place.
    pub idle_timeout: Millis,
    /// How long words are kept after the end.
    pub keep_after_end: Millis,
}

domain_event!(Event);
