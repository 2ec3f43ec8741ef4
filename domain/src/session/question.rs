//! A question: on which terms it is asked, how far it is answered, why it is closed.

use std::ops::Not;

use serde::{Deserialize, Serialize};

use super::decision::DecisionTerms;
use crate::{Millis, QuestionId, Sealed, Timestamp};

/// On which terms a question is asked. The default is what every question had that was asked before there were terms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Whether the first complete answer closes it; otherwise it may be changed until the agent's next word.
    #[serde(rename = "final", default, skip_serializing_if = "Not::not")]
    pub is_final: bool,
    /// When silence closes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_by: Option<Timestamp>,
    /// The values that silence means, as one sealed document; a word of the person's makes them void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_silent: Option<Sealed>,
    /// What makes it a decision, where it is one: it takes a verdict then, and no values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionTerms>,
}

impl Terms {
    /// Tells whether they are those of old.
    pub fn is_default(&self) -> bool {
        !self.is_final && self.answer_by.is_none() && self.if_silent.is_none() && self.decision.is_none()
    }
}

/// The terms that an agent wishes for its question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// Whether the first complete answer closes it.
    pub is_final: bool,
    /// After how long silence closes it.
    pub answer_within: Option<Millis>,
    /// The values that silence means then; without a deadline it means nothing.
    pub if_silent: Option<Sealed>,
    /// The question that this one takes the place of.
    pub replaces: Option<QuestionId>,
    /// What makes it a decision.
    pub decision: Option<DecisionTerms>,
}

/// Why a question was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closing {
    /// It was answered completely, and its answer stands.
    Answered,
    /// Another took its place.
    Replaced,
    /// The agent took it back.
    Withdrawn,
    /// Its time was up.
    TimedOut,
    /// The session ended.
    SessionEnded,
}

/// A question that the agent asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The sealed form; retained as long as answers have to be checked against it.
    pub form: Option<Sealed>,
    /// How many fields it has.
    pub fields: u8,
    /// The fields that must be answered, a bit each.
    pub required: u8,
    /// The fields that are answered, a bit each.
    pub answered: u8,
    /// How many answers it got, including changed ones.
    pub answers: u32,
    /// On which terms it was asked; what silence would mean is gone once the person has written anything.
    pub terms: Terms,
    /// Why it takes no more answers.
    pub closed: Option<Closing>,
}

impl Question {
    /// Makes a question of its masks (fields, required, answered) and of how often it was answered.
    pub fn of_masks([fields, required, answered]: [u8; 3], answers: u32) -> Self {
        Self { form: None, fields, required, answered, answers, terms: Terms::default(), closed: None }
    }

    /// Tells whether every required field is answered.
    pub fn is_complete(&self) -> bool {
        self.missing(self.answered) == 0 && self.answers > 0
    }

    /// Tells whether it takes an answer at `now`; a deadline is checked against the clock, even if its timer never runs.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.closed.is_none() && !self.is_overdue(now)
    }

    /// Returns the fields that are answered after another answer.
    pub(crate) fn answered_after(&self, answered: u8, withdrawn: u8) -> u8 {
        (self.answered & !withdrawn) | answered
    }

    /// Returns the required fields that are not among `answered`.
    pub(crate) fn missing(&self, answered: u8) -> u8 {
        let asked = 1_u8.checked_shl(u32::from(self.fields)).map_or(u8::MAX, |next| next - 1);
        self.required & !answered & asked
    }

    pub(super) fn is_overdue(&self, now: Timestamp) -> bool {
        self.terms.answer_by.is_some_and(|by| now >= by)
    }
}
