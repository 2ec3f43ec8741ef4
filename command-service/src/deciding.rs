//! Decisions: what is decided about is sealed and hashed before any rule sees it, and so is what the person writes with the verdict.

use domain::session::{Choice, Command, DecisionTerms, Question, Rejection, Wish, Words};
use domain::{Address, Millis, QuestionId, SaltedHash};
use forms::{Decision, FieldError, Outcome, salted};
use nats::{Actor, Field, Text};

use crate::answering::{Given, Verdict};
use crate::executor::Request;
use crate::seal::Seal;
use crate::talking::{author, command_name};
use crate::{Commands, Issuer, Receipt, Refusal, random};

impl Commands {
    /// Requests a decision; a repeat of the same attempt with the same payload and terms gets the first answer. It is held where the agent has
    /// not read what it says that it has.
    pub async fn request_decision(
        &self,
        session: Address,
        issuer: impl Into<Issuer>,
        attempt: &str,
        (decision, allow): (&Decision, &[Choice]),
        answer_within: Option<Millis>,
    ) -> Result<(QuestionId, Receipt), Refusal> {
        let issuer = issuer.into();
        let actor = issuer.actor;
        let key = self.session_key(session).await?;
        let id = self.inner.derived.command(&session, &command_name(actor, attempt));
        let question = QuestionId::new(*self.inner.derived.command(&session, &format!("question:{id}")).bytes());
        let seal = Seal { key: &key, address: session, id };
        let document = decision.to_document();
        let allowed: Vec<_> = allow.iter().map(|choice| choice.as_str()).collect();
        let within = answer_within.map_or(0, |within| within.0).to_be_bytes();
        let allowed = allowed.join(" ");
        let fingerprint = key.fingerprint(&[b"decision", document.as_bytes(), allowed.as_bytes(), &within]);
        let salt = random::bytes();
        let if_timed_out = seal.text(Field::Outcome, &Outcome::new(decision, &salt).to_document());
        let payload = SaltedHash(salted(&salt, decision.payload()));
        let decision = Some(DecisionTerms { allow: allow.iter().copied().collect(), payload, if_timed_out });
        let wish = Wish { is_final: true, answer_within, if_silent: None, replaces: None, decision };
        let form = seal.text(Field::Decision, &document);
        let command = issuer.bind(Command::Ask { question, from: author(actor), form, fields: 0, required: 0, wish });
        let receipt = self.send_spending(session, Request { id, fingerprint, actor, command }).await?;
        Ok((question, receipt))
    }

    /// Takes a decision as the person says. A repeat with the same id and content gets the first answer, whatever has happened to the decision
    /// since. Resumes an idle session.
    pub async fn decide(
        &self,
        session: Address,
        answer_id: &str,
        question: QuestionId,
        verdict: &Verdict,
    ) -> Result<Receipt, Refusal> {
        let key = self.session_key(session).await?;
        let id = self.inner.derived.command(&session, &command_name(Actor::Chatter, answer_id));
        let given = serde_json::to_vec(&(verdict.choice, &verdict.edited, &verdict.reason)).expect("a verdict is JSON");
        let fingerprint = key.fingerprint(&[b"decide", question.bytes(), &given]);
        let seal = Seal { key: &key, address: session, id };
        self.answer_by(&seal, question, fingerprint, Given::Verdict(verdict)).await
    }

    /// Checks a verdict against its decision, and seals what goes with it.
    pub(crate) async fn taken(
        &self,
        seal: &Seal<'_>,
        question: QuestionId,
        known: &Question,
        verdict: &Verdict,
    ) -> Result<Command, Refusal> {
        let form = known.form.as_ref().ok_or(Refusal::Session(Rejection::QuestionClosed))?;
        let Some(DecisionTerms { if_timed_out, .. }) = &known.terms.decision else {
            return Err(Refusal::Session(Rejection::AnswerMismatch));
        };
        let vault = self.inner.backbone.opener().vault(seal.address).await?;
        let opened = [(Field::Decision, form), (Field::Outcome, if_timed_out)];
        let [decision, outcome] = opened.map(|(field, sealed)| vault.open(field, 0, &sealed.bytes));
        let (Text::Open(decision), Text::Open(outcome)) = (decision?, outcome?) else {
            return Err(Refusal::Session(Rejection::Erased));
        };
        let broken = |error: serde_json::Error| Refusal::Form(error.to_string());
        let decision = Decision::from_document(&decision).map_err(broken)?;
        let outcome = Outcome::from_document(&outcome).map_err(broken)?;
        let (outcome, words) = with_words(&decision, outcome, verdict).map_err(|error| Refusal::AnswerInvalid(vec![error]))?;
        let document = seal.text(Field::Outcome, &outcome.to_document());
        Ok(Command::Decide { question, choice: verdict.choice, words, document })
    }
}

/// Checks what the person wrote: another payload where it is edited, a reason where it is rejected, words where it is responded to, and
/// nothing beside an approval, which nobody would read.
fn with_words(decision: &Decision, outcome: Outcome, verdict: &Verdict) -> Result<(Outcome, Option<Words>), FieldError> {
    let Verdict { choice, edited, reason } = verdict;
    let surplus = |key: &str| Err(FieldError::new(key, "not_wanted", format!("{} goes without {key}.", choice.as_str())));
    let missing = |key: &str| Err(FieldError::new(key, "missing", format!("{} needs {key}.", choice.as_str())));
    let (outcome, words) = match (choice, edited, reason) {
        (Choice::Approve | Choice::Reject | Choice::Respond, Some(_), _) => return surplus("edited"),
        (Choice::Approve | Choice::Edit, _, Some(_)) => return surplus("reason"),
        (Choice::Edit, None, None) => return missing("edited"),
        (Choice::Respond, None, None) => return missing("reason"),
        (Choice::Approve | Choice::Reject, None, None) => return Ok((outcome, None)),
        (Choice::Edit, Some(edited), None) => {
            let (edited, words) = decision.edited(edited.clone())?;
            (Outcome { edited: Some(edited), ..outcome }, words)
        }
        (Choice::Reject | Choice::Respond, None, Some(reason)) => {
            let reason = Decision::reason(reason)?;
            (Outcome { reason: Some(reason.clone()), ..outcome }, reason)
        }
    };
    let salt = random::bytes();
    let hash = SaltedHash(salted(&salt, &words));
    let characters = u32::try_from(words.chars().count()).unwrap_or(u32::MAX);
    Ok((outcome.with_words(&salt), Some(Words { hash, characters })))
}
