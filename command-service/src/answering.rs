//! Answers of a person's, values or a verdict: what was given before under the same id gets its first answer.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::session::{Choice, Rejection, Session};
use domain::{Fingerprint, QuestionId, Rejected, Root};
use nats::Actor;
use serde_json::Value;

use crate::executor::{Outcome, Request};
use crate::seal::Seal;
use crate::talking::SESSIONS_SEEN_WITHIN;
use crate::{Commands, Receipt, Refusal};

/// A person's verdict on a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What the person chose.
    pub choice: Choice,
    /// The payload that takes the place of the one that was shown.
    pub edited: Option<Value>,
    /// Why, or what the person responds.
    pub reason: Option<String>,
}

/// What a person gives to a question.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Given<'a> {
    /// Values of a form.
    Values(&'a BTreeMap<String, Value>),
    /// A verdict on a decision.
    Verdict(&'a Verdict),
}

impl Commands {
    /// Checks, seals and sends an answer to a question; what was answered before under this id gets its first answer.
    pub(crate) async fn answer_by(
        &self,
        seal: &Seal<'_>,
        question: QuestionId,
        fingerprint: Fingerprint,
        given: Given<'_>,
    ) -> Result<Receipt, Refusal> {
        let (session, id) = (seal.address, seal.id);
        for age in [SESSIONS_SEEN_WITHIN, Duration::ZERO] {
            let look = |root: &Root<Session>| {
                (root.replay(&id, &fingerprint), root.state.questions.get(&question).cloned(), root.state.ended)
            };
            let (replay, known, ended) = self.inner.sessions.look(session, age, look).await?;
            match replay {
                Ok(Some(answer)) => return Ok(self.receipt(session.agent, &Outcome { command: id, answer, replayed: true })),
                Err(Rejected::IdReused | Rejected::Rule(_)) => return Err(Refusal::IdReused),
                Ok(None) => {}
            }
            if let Some((reason, _)) = ended {
                return Err(Refusal::Session(Rejection::Ended { reason }));
            }
            // Another process may have asked the question a moment ago: read the newest state.
            let Some(known) = known else { continue };
            let command = match given {
                Given::Values(values) => self.checked(seal, question, &known, values).await?,
                Given::Verdict(verdict) => self.taken(seal, question, &known, verdict).await?,
            };
            let answered = self.send_spending(session, Request { id, fingerprint, actor: Actor::Chatter, command }).await;
            return self.watch(session, id, false, answered).await;
        }
        Err(Refusal::Session(Rejection::QuestionUnknown { question }))
    }
}
