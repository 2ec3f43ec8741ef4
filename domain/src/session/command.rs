//! What one may ask of a session.

use super::{Author, EndReason, MessageKind, Reader, Settings};
use crate::{DeviceId, HandoffId, LinkId, QuestionId, Sealed, Timestamp};

/// A command to a session.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Begins the chat in a reserved place.
    Start(Box<Start>),
    /// Says something.
    Post {
        /// Who says it.
        from: Author,
        /// The words.
        text: Sealed,
        /// What it is beyond an ordinary message.
        kind: Option<MessageKind>,
        /// The id under which the chatter's client sends it.
        client_message_id: Option<Sealed>,
    },
    /// Asks typed questions.
    Ask {
        /// The question's id.
        question: QuestionId,
        /// Who asks.
        from: Author,
        /// The intro and the fields, as one sealed document.
        form: Sealed,
        /// How many fields there are.
        fields: u8,
        /// The fields that must be answered, a bit each.
        required: u8,
    },
    /// Answers some or all fields of a question; whoever can read the form has checked the values.
    Answer {
        /// The question's id.
        question: QuestionId,
        /// The values, as one sealed document.
        values: Sealed,
        /// The fields that are answered, a bit each.
        answered: u8,
        /// The fields whose answer is taken back, a bit each.
        withdrawn: u8,
    },
    /// Notes how far someone has read.
    MarkRead {
        /// Who.
        by: Reader,
        /// The log sequence of the last event read.
        upto: u64,
    },
    /// Gives the place back after a long silence.
    GoIdle,
    /// Comes back from idling, in a place reserved again.
    Resume {
        /// Until when the reserved place may be used.
        start_before: Timestamp,
    },
    /// Moves the end, as the link's end moved.
    Reschedule {
        /// The new end.
        expires_at: Timestamp,
    },
    /// Rates the chat, once.
    Rate {
        /// 1 to 5.
        rating: u8,
        /// A line to go with it.
        feedback: Option<Sealed>,
    },
    /// Offers the session to whoever brings a code.
    OfferHandoff {
        /// The code, as a keyed hash.
        code: HandoffId,
    },
    /// Brings a code on another device.
    TakeHandoff {
        /// The code, as a keyed hash.
        code: HandoffId,
        /// The device.
        device: DeviceId,
    },
    /// Shuts out a device.
    ForgetDevice {
        /// The device.
        device: DeviceId,
    },
    /// Ends the chat.
    End {
        /// Why.
        reason: EndReason,
        /// The agent's last words.
        farewell: Option<Sealed>,
    },
    /// Notes that the time is up.
    Expire,
    /// Notes that the words are gone: their key was destroyed before.
    Erase {
        /// Whether someone asked for it; else it waits until it is due.
        requested: bool,
    },
}

/// All that a new session knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// The link it comes through.
    pub link: LinkId,
    /// The limits, copied from the link.
    pub settings: Settings,
    /// Until when the reserved place may be used.
    pub start_before: Timestamp,
    /// The name the chatter chose.
    pub display_name: Option<Sealed>,
    /// The chatter's language (BCP 47); what is no such tag is left out, for it is not sealed.
    pub language: Option<String>,
    /// The first message, from the link.
    pub welcome: Option<Sealed>,
    /// What the link asks everyone.
    pub question: Option<Asked>,
    /// Which of the link's recipients it is.
    pub recipient: Option<u8>,
}

/// A question that every session of a link begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The question's id.
    pub question: QuestionId,
    /// The intro and the fields, as one sealed document.
    pub form: Sealed,
    /// How many fields there are.
    pub fields: u8,
    /// The fields that must be answered, a bit each.
    pub required: u8,
}
