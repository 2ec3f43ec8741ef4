//! Typed questions and their answers: checked against the form here, where it can be opened, and sealed before any rule sees
//! them.

use std::collections::BTreeMap;

use domain::link::Questions;
use domain::session::{Asked, Command, Question, Rejection, Wish};
use domain::{Address, Millis, QuestionId, Sealed, link};
use forms::{Answer, Form};
use nats::{Actor, Field, Text};
use serde_json::Value;

use crate::answering::Given;
use crate::executor::Request;
use crate::seal::Seal;
use crate::talking::{author, command_name};
use crate::{Commands, Issuer, Receipt, Refusal};

/// On which terms an agent asks; what silence means is said by the form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asking {
    /// Whether the first complete answer closes the question; otherwise it may be changed until the agent's next word.
    pub is_final: bool,
    /// After how long silence closes it.
    pub answer_within: Option<Millis>,
    /// The question that this one takes the place of.
    pub replaces: Option<QuestionId>,
}

impl Commands {
    /// Asks a question; a repeat of the same attempt with the same form and terms gets the first answer. It is held where the agent has not
    /// read what it says that it has.
    pub async fn ask(
        &self,
        session: Address,
        issuer: impl Into<Issuer>,
        attempt: &str,
        form: &Form,
        asking: Asking,
    ) -> Result<(QuestionId, Receipt), Refusal> {
        let Asking { is_final, answer_within, replaces } = asking;
        let issuer = issuer.into();
        let actor = issuer.actor;
        let key = self.session_key(session).await?;
        let id = self.inner.derived.command(&session, &command_name(actor, attempt));
        let question = QuestionId::new(*self.inner.derived.command(&session, &format!("question:{id}")).bytes());
        let seal = Seal { key: &key, address: session, id };
        let document = form.to_document();
        let within = answer_within.map_or(0, |within| within.0).to_be_bytes();
        let replaced = replaces.map_or([0; 16], |question| *question.bytes());
        let fingerprint = key.fingerprint(&[b"ask", document.as_bytes(), &[u8::from(is_final)], &within, &replaced]);
        let if_silent = form.silence().map(|silence| seal.text(Field::IfSilent, &silence.to_document()));
        let (from, fields, required) = (author(actor), form.count(), form.required());
        let form = seal.text(Field::Form, &document);
        let wish = Wish { is_final, answer_within, if_silent, replaces, decision: None };
        let command = issuer.bind(Command::Ask { question, from, form, fields, required, wish });
        let receipt = self.send_spending(session, Request { id, fingerprint, actor, command }).await?;
        Ok((question, receipt))
    }

    /// Takes a question back; again changes nothing, and gets the first answer. It is held where the agent has not read what it says that it
    /// has.
    pub async fn withdraw_question(
        &self,
        session: Address,
        issuer: impl Into<Issuer>,
        question: QuestionId,
        reason: Option<&str>,
    ) -> Result<Receipt, Refusal> {
        let issuer = issuer.into();
        let actor = issuer.actor;
        let key = self.session_key(session).await?;
        let id = self.inner.derived.command(&session, &format!("withdraw:{question}"));
        let fingerprint = key.fingerprint(&[b"withdraw", question.bytes()]);
        let reason = Seal { key: &key, address: session, id }.optional(Field::Withdrawal, reason);
        let command = issuer.bind(Command::Withdraw { question, reason });
        self.send_session(session, Request { id, fingerprint, actor, command }).await
    }

    /// Answers some or all fields of a question. A repeat with the same id and values gets the first answer, whatever has
    /// happened to the question since. Resumes an idle session.
    pub async fn answer(
        &self,
        session: Address,
        answer_id: &str,
        question: QuestionId,
        values: &BTreeMap<String, Value>,
    ) -> Result<Receipt, Refusal> {
        let key = self.session_key(session).await?;
        let id = self.inner.derived.command(&session, &command_name(Actor::Chatter, answer_id));
        let given = serde_json::to_vec(values).expect("values are JSON");
        let fingerprint = key.fingerprint(&[b"answer", question.bytes(), &given]);
        let seal = Seal { key: &key, address: session, id };
        self.answer_by(&seal, question, fingerprint, Given::Values(values)).await
    }

    /// Checks values against the form of their question, and seals them.
    pub(crate) async fn checked(
        &self,
        seal: &Seal<'_>,
        question: QuestionId,
        known: &Question,
        values: &BTreeMap<String, Value>,
    ) -> Result<Command, Refusal> {
        let form = known.form.as_ref().ok_or(Refusal::Session(Rejection::QuestionClosed))?;
        if known.terms.decision.is_some() {
            return Err(Refusal::Session(Rejection::AnswerMismatch));
        }
        let Some(form) = self.form(seal.address, form).await? else {
            return Err(Refusal::Session(Rejection::Erased));
        };
        let checked = form.check(values).map_err(Refusal::AnswerInvalid)?;
        let (answered, withdrawn) = (checked.answered, checked.withdrawn);
        let values = seal.text(Field::Values, &Answer::new(&form, checked).to_document());
        Ok(Command::Answer { question, values, answered, withdrawn })
    }

    /// Opens the form of a question; `None` once it is erased.
    async fn form(&self, owner: Address, sealed: &Sealed) -> Result<Option<Form>, Refusal> {
        match self.inner.backbone.opener().vault(owner).await?.open(Field::Form, 0, &sealed.bytes)? {
            Text::Open(document) => Ok(Some(Form::from_document(&document).map_err(|error| Refusal::Form(error.to_string()))?)),
            Text::Erased => Ok(None),
        }
    }

    /// Seals the question that a link asks in every session. Its id is derived from the form: the same in all sessions, another
    /// for another form.
    pub(crate) fn questions(&self, seal: &Seal<'_>, form: &Form) -> Questions {
        let sealed = seal.text(Field::Form, &form.to_document());
        let command = self.inner.derived.command(&seal.address, &format!("question:{:?}", sealed.fingerprint.bytes()));
        Questions { question: QuestionId::new(*command.bytes()), form: sealed, fields: form.count(), required: form.required() }
    }

    /// Seals a link's question again under the key of one of its sessions.
    pub(crate) async fn asked(
        &self,
        at_link: Address,
        settings: &link::Settings,
        seal: &Seal<'_>,
    ) -> Result<Option<Asked>, Refusal> {
        let Some(Questions { question, form, fields, required }) = &settings.questions else { return Ok(None) };
        let document = self.open_text(at_link, Field::Form, Some(form)).await?;
        Ok(document.map(|document| Asked {
            question: *question,
            form: seal.text(Field::Form, &document),
            fields: *fields,
            required: *required,
        }))
    }
}
