//! The session: one chatter's chat with the agent, from its start to its erasure.

mod abuse;
mod command;
mod decide;
mod deciding;
mod decision;
mod devices;
mod event;
mod evolve;
mod planned_end;
mod question;
mod questions;
mod spending;
mod standing;
#[cfg(test)]
mod tests;
mod unread;
mod within;

pub use command::{Asked, Command, Start};
pub use decision::{Choice, DecisionTerms, Verdict, Words};
pub use event::{Author, EndReason, Event, MessageKind, Origin, Reader, Settings};
pub use planned_end::PlannedEnd;
pub use question::{Closing, Question, Terms, Wish};
pub use standing::Standing;
pub use unread::EventPosition;

use imbl::{OrdMap, OrdSet, Vector};
use serde::{Deserialize, Serialize};

use crate::abuse::Suspicion;
use crate::budget::{Amounts, Reached, Tally};
use crate::{Aggregate, DeviceId, Fingerprint, HandoffId, LinkId, Millis, Policy, QuestionId, Timestamp};

/// A session's state.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Its status.
    pub status: Status,
    /// Its link and limits, once it has started.
    pub settings: Option<Settings>,
    /// The session's link.
    pub link: Option<LinkId>,
    /// When it started.
    pub started_at: Timestamp,
    /// Why and when it ended.
    pub ended: Option<(EndReason, Timestamp)>,
    /// The chatter's messages so far.
    pub chatter_messages: u32,
    /// The agent's messages and questions so far.
    pub agent_messages: u32,
    /// The chatter's messages of the last minute.
    pub recent_chatter: Vector<Timestamp>,
    /// The agent's messages of the last minute.
    pub recent_agent: Vector<Timestamp>,
    /// Since when the chatter waits for the agent's reply.
    pub owed_since: Option<Timestamp>,
    /// When the last message or answer came.
    pub last_word_at: Timestamp,
    /// The questions asked, newest last by id of asking.
    pub questions: OrdMap<QuestionId, Question>,
    /// Those of them that are not closed.
    pub open_questions: OrdSet<QuestionId>,
    /// The end that the agent told beforehand.
    pub planned_end: Option<PlannedEnd>,
    /// How often an end was told.
    pub planned_ends: u32,
    /// How far each reader has read.
    pub read: OrdMap<Reader, ReadMark>,
    /// Whether the chatter has given a rating.
    pub rated: bool,
    /// The newest hand-off code, until it is used.
    pub handoff: Option<Handoff>,
    /// How many hand-off codes were offered.
    pub handoffs: u32,
    /// The devices that were added, each with the code that it presented.
    pub devices: OrdMap<DeviceId, HandoffId>,
    /// The devices that were forgotten.
    pub forgotten: OrdSet<DeviceId>,
    /// What was spent, by both sides.
    pub spent: Tally,
    /// The clients that are in it, as hashes under the link's key.
    pub clients: OrdSet<Fingerprint>,
    /// The network that the first of them came from, likewise.
    pub network: Option<Fingerprint>,
    /// How often it was reported to the operator.
    pub reports: u32,
    /// How much the chatter is suspected of abuse.
    pub suspicion: Suspicion,
    /// Where the person's newest words are in the log: messages, answers and verdicts.
    pub words: Vector<EventPosition>,
}

/// The status of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It has not started.
    #[default]
    Unknown,
    /// It holds a place of its link.
    Active,
    /// It is silent and holds no place.
    Idle,
    /// The session ended.
    Ended,
    /// Its texts are erased.
    Erased,
}

/// An offered hand-off code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handoff {
    /// The code, as a keyed hash.
    pub code: HandoffId,
    /// Until when it is valid.
    pub expires_at: Timestamp,
    /// How many wrong codes were presented since.
    pub misses: u32,
}

/// A reader's read mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadMark {
    /// The log sequence up to which was read.
    pub upto: u64,
    /// When the mark was moved.
    pub at: Timestamp,
    /// How often this reader's mark has moved.
    pub moves: u32,
}

/// Why a session's rules reject a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such session.
    #[error("there is no such session")]
    Unknown,
    /// The session's id is taken.
    #[error("the session was started before")]
    AlreadyStarted,
    /// The reservation ran out before the session started.
    #[error("the reserved place ran out")]
    TooLate {
        /// When it did.
        start_before: Timestamp,
    },
    /// The session is idle: an admission must be reserved first.
    #[error("the session is idle and holds no place")]
    Idle,
    /// The session ended.
    #[error("the session has ended")]
    Ended {
        /// The reason.
        reason: EndReason,
    },
    /// The texts were erased.
    #[error("the session was erased")]
    Erased,
    /// The text is empty.
    #[error("the text is empty")]
    TextEmpty,
    /// The text is too long.
    #[error("a text has at most {limit} characters, this one has {characters}")]
    TextTooLong {
        /// The given value.
        characters: u32,
        /// The limit.
        limit: u32,
    },
    /// All messages of the session have been written.
    #[error("all {limit} messages have been written")]
    MessageLimit {
        /// The limit.
        limit: u32,
    },
    /// A budget is used up.
    #[error(transparent)]
    BudgetReached(Reached),
    /// The link must grant more first.
    #[error("the link has not granted so much")]
    NeedsGrant {
        /// What the session has spent.
        spent: Tally,
        /// What it is about to spend.
        cost: Amounts,
    },
    /// The session was reported as often as it may be.
    #[error("a chat is reported at most {limit} times")]
    TooManyReports {
        /// The limit.
        limit: u32,
    },
    /// The message costs proof of work, because the chatter is suspected of abuse.
    #[error("what was sent here looks like abuse")]
    ProofRequired {
        /// From when on messages are free again.
        free_at: Timestamp,
    },
    /// The chatter is to be shut out for abuse.
    #[error("what was sent here is taken for abuse")]
    Abuse,
    /// Too many messages within a minute.
    #[error("too many messages within a minute")]
    RateLimited {
        /// When the next one is accepted.
        retry_at: Timestamp,
    },
    /// A question has no fields or too many.
    #[error("a question has 1 to {limit} fields, this one has {fields}")]
    FieldCount {
        /// The given value.
        fields: u8,
        /// The limit.
        limit: u8,
    },
    /// The question's id is taken.
    #[error("the question was asked before")]
    QuestionExists,
    /// A decision leaves the person nothing to choose.
    #[error("a decision allows at least one choice")]
    NothingToChoose,
    /// The decision does not allow this choice.
    #[error("this decision does not allow to {}", choice.as_str())]
    ChoiceNotAllowed {
        /// The given value.
        choice: Choice,
    },
    /// Values were given to a decision, or a verdict to another question.
    #[error("a decision takes a verdict, and any other question values")]
    AnswerMismatch,
    /// Too many questions are open.
    #[error("{limit} questions are open; wait for answers first")]
    TooManyQuestions {
        /// The limit.
        limit: usize,
    },
    /// There is no such question.
    #[error("there is no question {question}")]
    QuestionUnknown {
        /// The command's fingerprint.
        question: QuestionId,
    },
    /// The question takes no more answers.
    #[error("the question is closed")]
    QuestionClosed,
    /// A length of time is too short or too long.
    #[error("this time must be {} to {} seconds, not {}", .least.0 / 1_000, .most.0 / 1_000, .given.0 / 1_000)]
    TimeOutOfRange {
        /// The given value.
        given: Millis,
        /// The shortest.
        least: Millis,
        /// The longest.
        most: Millis,
    },
    /// An end was planned as often as it may be.
    #[error("an end is planned at most {limit} times")]
    TooManyPlannedEnds {
        /// The limit.
        limit: u32,
    },
    /// Read marks come too fast.
    #[error("a read mark a second is enough")]
    ReadTooSoon {
        /// When the next one is accepted.
        retry_at: Timestamp,
    },
    /// A rating is outside 1 to 5.
    #[error("a rating is 1 to 5, not {given}")]
    RatingOutOfRange {
        /// The given value.
        given: u8,
    },
    /// The session was rated before.
    #[error("the session was rated before")]
    AlreadyRated,
    /// Too many hand-off codes were offered.
    #[error("a session is offered to other devices at most {limit} times")]
    TooManyHandoffs {
        /// The limit.
        limit: u32,
    },
    /// The session has as many devices as it may have.
    #[error("a session continues on at most {limit} other devices")]
    TooManyDevices {
        /// The limit.
        limit: u32,
    },
    /// The person has said something that the agent's key has not read.
    #[error("{count} of the person's words are unread")]
    Unread {
        /// How many words; at most 100 are counted.
        count: u32,
        /// The last of them.
        last: EventPosition,
    },
    /// The code is wrong, used, expired, or none was offered: the rejection does not tell which.
    #[error("this code opens nothing")]
    HandoffUnknown,
    /// It is not due yet.
    #[error("this is not due yet")]
    NotDue {
        /// When it is due.
        until: Timestamp,
    },
    /// Only an ended session can be erased.
    #[error("the session is still open; end it first")]
    StillOpen,
}

impl Session {
    /// Returns how many messages the chatter has left.
    pub fn messages_left(&self) -> u32 {
        self.settings.as_ref().map_or(0, |settings| settings.max_messages.saturating_sub(self.chatter_messages))
    }

    /// Tells whether a device was forgotten.
    pub fn has_forgotten(&self, device: &DeviceId) -> bool {
        // A device that was not added by a code is the first one, under any id.
        self.forgotten.contains(device)
            || (!self.devices.contains_key(device) && self.forgotten.iter().any(|gone| !self.devices.contains_key(gone)))
    }

    /// Counts the entries of chatter and agent: messages, questions and answers.
    pub(crate) fn entries(&self) -> u32 {
        let answers = self.questions.values().fold(0_u32, |sum, question| sum.saturating_add(question.answers));
        self.chatter_messages.saturating_add(self.agent_messages).saturating_add(answers)
    }
}

impl Aggregate for Session {
    const TYPE: &'static str = "session";
    const REMEMBERS: Option<usize> = None;

    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: &Command, now: Timestamp, policy: &Policy) -> Result<Vec<Event>, Rejection> {
        self.decide_within(command, spending::Bounds::default(), now, policy)
    }

    fn evolve(&mut self, event: &Event, at: Timestamp) {
        self.evolve(event, at);
    }

    fn recorded(&mut self, sequence: u64, events: &[Event]) {
        self.note_words(sequence, events);
    }

    fn must_remember(event: &Event) -> bool {
        match event {
            Event::Started { .. }
            | Event::MessagePosted { .. }
            | Event::QuestionAsked { .. }
            | Event::QuestionAnswered { .. }
            | Event::DecisionMade { .. }
            | Event::Rated { .. }
            | Event::Reported { .. }
            | Event::EndPlanned { .. }
            | Event::QuestionClosed { why: Closing::Withdrawn | Closing::TimedOut, .. }
            | Event::Flooded { .. }
            | Event::HandoffMissed
            | Event::DeviceAdded { .. } => true,
            Event::WentIdle
            | Event::Resumed
            | Event::MarkedRead { .. }
            | Event::Rescheduled { .. }
            | Event::HandoffOffered { .. }
            | Event::DeviceForgotten { .. }
            | Event::BudgetReached { .. }
            | Event::BudgetSet { .. }
            | Event::QuestionClosed { why: Closing::Answered | Closing::Replaced | Closing::SessionEnded, .. }
            | Event::EndCalledOff { .. }
            | Event::AbuseNoticed { .. }
            | Event::Ended { .. }
            | Event::Erased => false,
        }
    }

    fn is_consequence(event: &Event) -> bool {
        // It follows from the answer before it; where it stands first, it is what was asked for.
        matches!(event, Event::QuestionClosed { .. })
    }

    fn link(&self) -> Option<LinkId> {
        self.link
    }

    fn pruned() -> Vec<Event> {
        vec![Event::Ended { reason: EndReason::Erased }, Event::Erased]
    }

    fn could_change(rejection: &Rejection) -> bool {
        match rejection {
            Rejection::Unknown
            | Rejection::Idle
            | Rejection::RateLimited { .. }
            | Rejection::TooManyQuestions { .. }
            | Rejection::QuestionUnknown { .. }
            | Rejection::ReadTooSoon { .. }
            | Rejection::HandoffUnknown
            | Rejection::Unread { .. }
            | Rejection::NotDue { .. }
            | Rejection::StillOpen => true,
            // The cached state says that the time is up, but another process may have extended it.
            Rejection::Ended { reason } => *reason == EndReason::LinkExpired,
            Rejection::AlreadyStarted
            | Rejection::TooLate { .. }
            | Rejection::Erased
            | Rejection::TextEmpty
            | Rejection::TextTooLong { .. }
            | Rejection::MessageLimit { .. }
            | Rejection::BudgetReached(_)
            | Rejection::NeedsGrant { .. }
            | Rejection::ProofRequired { .. }
            | Rejection::Abuse
            | Rejection::TooManyReports { .. }
            | Rejection::FieldCount { .. }
            | Rejection::QuestionExists
            | Rejection::QuestionClosed
            | Rejection::NothingToChoose
            | Rejection::ChoiceNotAllowed { .. }
            | Rejection::AnswerMismatch
            | Rejection::TimeOutOfRange { .. }
            | Rejection::TooManyPlannedEnds { .. }
            | Rejection::RatingOutOfRange { .. }
            | Rejection::AlreadyRated
            | Rejection::TooManyHandoffs { .. }
            | Rejection::TooManyDevices { .. } => false,
        }
    }
}
