//! How a decision is taken, by the person or by silence.

use super::decision::{Choice, DecisionTerms, Verdict, Words};
use super::{Author, Closing, Event, Question, Rejection, Session};
use crate::{QuestionId, Sealed};

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
