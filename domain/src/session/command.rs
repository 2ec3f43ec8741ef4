//! The commands to a session.

use super::question::Wish;
use super::{Author, Choice, EndReason, EventPosition, MessageKind, Origin, Reader, Settings, Words};
use crate::abuse::Signs;
use crate::budget::{Limits, Tally};
use crate::{DeviceId, Fingerprint, HandoffId, LinkId, Millis, QuestionId, Sealed, Timestamp};

/// A command to a session.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Starts the chat on a reserved admission.
    Start(Box<Start>),
    /// Posts a message.
    Post {
        /// The author.
        from: Author,
        /// The text.
        text: Sealed,
        /// Its kind, if it is not an ordinary message.
        kind: Option<MessageKind>,
        /// The id under which the chatter's client sends it.
        client_message_id: Option<Sealed>,
        /// What can be told of it without its words.
        signs: Option<Signs>,
        /// Whether proof of work was done for it.
        is_paid: bool,
    },
    /// Asks typed questions.
    Ask {
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
        /// The terms.
        wish: Wish,
    },
    /// Answers some or all fields of a question; the values were checked against the form before they were sealed.
    Answer {
        /// The question's id.
        question: QuestionId,
        /// The values, as one sealed document.
        values: Sealed,
        /// The fields that are answered, a bit each.
        answered: u8,
        /// The fields whose answer is withdrawn, a bit each.
        withdrawn: u8,
    },
    /// Takes a decision, as the person says; what goes with it was checked before it was sealed.
    Decide {
        /// The question's id.
        question: QuestionId,
        /// What the person chose.
        choice: Choice,
        /// What the person wrote.
        words: Option<Words>,
        /// What goes with it, as one sealed document.
        document: Sealed,
    },
    /// Takes a question back.
    Withdraw {
        /// The question's id.
        question: QuestionId,
        /// Why, for the person.
        reason: Option<Sealed>,
    },
    /// Closes the questions whose time is up.
    TimeOutQuestions,
    /// Moves a reader's read mark.
    MarkRead {
        /// The reader.
        by: Reader,
        /// The last event read.
        upto: EventPosition,
    },
    /// Makes the session idle after a long silence, so that its admission can be released.
    GoIdle,
    /// Resumes an idle session on an admission reserved again.
    Resume {
        /// Until when the reserved admission may be used.
        start_before: Timestamp,
    },
    /// Moves the session's end to the link's new end.
    Reschedule {
        /// The new end.
        expires_at: Timestamp,
    },
    /// Rates the chat, once.
    Rate {
        /// 1 to 5.
        rating: u8,
        /// The comment with it.
        feedback: Option<Sealed>,
    },
    /// Offers the session to another device by a hand-off code.
    OfferHandoff {
        /// The code, as a keyed hash.
        code: HandoffId,
    },
    /// Presents a hand-off code on another device.
    TakeHandoff {
        /// The code, as a keyed hash.
        code: HandoffId,
        /// The device.
        device: DeviceId,
        /// The client, as a hash under the link's key.
        client: Option<Fingerprint>,
    },
    /// Forgets a device.
    ForgetDevice {
        /// The device.
        device: DeviceId,
    },
    /// Reports the chat to the operator.
    Report {
        /// What is wrong with it.
        reason: Sealed,
    },
    /// Notes that messages were refused on top of others that wait.
    NoteFlood {
        /// How many.
        messages: u32,
    },
    /// Sets the session's own budget to the link's new one.
    SetBudget {
        /// The most of each measure.
        budget: Limits,
    },
    /// Carries out a command that spends, within what the link has granted the session.
    Spend {
        /// What the link has granted, at the most; of what it does not limit, more than anybody spends.
        granted: Tally,
        /// The command.
        command: Box<Command>,
    },
    /// Carries out an agent's command, unless the person has said something that the agent's key has not read.
    IfRead {
        /// The last event that it has.
        read: EventPosition,
        /// The command.
        command: Box<Command>,
    },
    /// Ends the chat.
    End {
        /// The reason.
        reason: EndReason,
        /// The agent's closing message.
        farewell: Option<Sealed>,
    },
    /// Says when the chat ends; any word of the person's calls it off.
    PlanEnd {
        /// After how long.
        within: Millis,
        /// The agent's closing message.
        farewell: Option<Sealed>,
    },
    /// Ends the chat as it was planned.
    EndAsPlanned,
    /// Ends the session because its time is up.
    Expire,
    /// Records the erasure, after the key of the texts was destroyed.
    Erase {
        /// Whether it was requested; otherwise it is rejected until it is due.
        requested: bool,
    },
}

/// The content of a new session.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// The session's link.
    pub link: LinkId,
    /// The limits, copied from the link.
    pub settings: Settings,
    /// Until when the reserved admission may be used.
    pub start_before: Timestamp,
    /// The name the chatter chose.
    pub display_name: Option<Sealed>,
    /// The chatter's language (BCP 47); anything else is dropped, because it is stored unsealed.
    pub language: Option<String>,
    /// The first message, from the link.
    pub welcome: Option<Sealed>,
    /// The link's own question.
    pub question: Option<Asked>,
    /// Which of the link's recipients it is.
    pub recipient: Option<u8>,
    /// By which it can be shut out.
    pub origin: Option<Origin>,
}

/// The question with which every session of a link starts.
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
