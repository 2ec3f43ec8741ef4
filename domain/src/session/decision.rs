//! A decision: a question over an exact payload, whose outcome is claimed once, by the person's verdict or by silence.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Author, Closing, Event, Question, Rejection, Session};
use crate::{QuestionId, SaltedHash, Sealed};

/// What a person may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// The payload as it stands.
    Approve,
    /// Not this.
    Reject,
    /// Another payload in its place.
    Edit,
    /// None of these, but words.
    Respond,
}

/// What came of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The person approved the payload as it stands.
    Approved,
    /// The person changed the payload, and approved what it is now.
    Edited,
    /// The person said no.
    Rejected,
    /// The person answered in words.
    Responded,
    /// The person said nothing in time, which approves nothing.
    TimedOut,
}

impl Choice {
    /// Returns its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Edit => "edit",
            Self::Respond => "respond",
        }
    }
}

impl From<Choice> for Verdict {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Approve => Self::Approved,
            Choice::Reject => Self::Rejected,
            Choice::Edit => Self::Edited,
            Choice::Respond => Self::Responded,
        }
    }
}

/// What makes a question a decision. The payload itself is in the sealed form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionTerms {
    /// What the person may choose.
    pub allow: BTreeSet<Choice>,
    /// The payload's hash; its salt is sealed.
    pub payload: SaltedHash,
    /// What goes with the outcome if nobody decides, as one sealed document.
    pub if_timed_out: Sealed,
}

/// What a person wrote with a verdict: another payload, a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// Its hash; its salt is sealed.
    pub hash: SaltedHash,
    /// How many characters.
    pub characters: u32,
}

impl Question {
    /// Passes where it takes such an answer: a decision one of its choices, any other question values.
    pub(super) fn takes(&self, choice: Option<Choice>) -> Result<(), Rejection> {
        match (&self.terms.decision, choice) {
            (None, None) => Ok(()),
            (Some(decision), Some(choice)) if decision.allow.contains(&choice) => Ok(()),
            (Some(_), Some(choice)) => Err(Rejection::ChoiceNotAllowed { choice }),
            (None, Some(_)) | (Some(_), None) => Err(Rejection::AnswerMismatch),
        }
    }
}

impl Session {
    /// Decides what comes of a verdict that may be given.
    pub(super) fn decided(
        &self,
        question: QuestionId,
        known: &Question,
        choice: Choice,
        (words, document): (Option<Words>, &Sealed),
    ) -> Result<Vec<Event>, Rejection> {
        let Some(DecisionTerms { payload, .. }) = &known.terms.decision else { return Err(Rejection::AnswerMismatch) };
        let mut events = self.called_off(Author::Chatter);
        let (verdict, payload, document) = (choice.into(), *payload, document.clone());
        events.push(Event::DecisionMade { question, verdict, payload, words, document });
        let why = Closing::Answered;
        events.push(Event::QuestionClosed { question, why, replaced_by: None, values: None, reason: None });
        Ok(events)
    }
}

/// Returns the outcome of a decision that nobody has taken in time.
pub(super) fn untaken(question: QuestionId, decision: &DecisionTerms) -> Event {
    let (payload, document) = (decision.payload, decision.if_timed_out.clone());
    Event::DecisionMade { question, verdict: Verdict::TimedOut, payload, words: None, document }
}
