//! Typed questions and their answers: checked here, by whoever can read the form, and sealed before any rule sees them.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::link::Questions;
use domain::session::{Asked, Command, Question, Rejection, Session};
use domain::{Address, QuestionId, Rejected, Root, Sealed, link};
use forms::{Answer, Form};
use nats::{Actor, Field, Reserve, Text};
use serde_json::Value;

use crate::executor::{Order, Outcome};
use crate::seal::Seal;
use crate::talking::{SESSIONS_SEEN_WITHIN, author, spoken};
use crate::{Commands, Receipt, Refusal};

impl Commands {
    /// Asks a question; the same attempt with the same form again gets the first answer.
    pub async fn ask(
        &self,
        session: Address,
        actor: Actor,
        attempt: &str,
        form: &Form,
    ) -> Result<(QuestionId, Receipt), Refusal> {
        let key = self.session_key(session).await?;
        let id = self.inner.derived.command(&session, &spoken(actor, attempt));
        let question = QuestionId::new(*self.inner.derived.command(&session, &format!("question:{id}")).bytes());
        let sealed = Seal { key: &key, address: session, id }.text(Field::Form, &form.to_document());
        let order = Order {
            id,
            fingerprint: sealed.fingerprint,
            actor,
            reserve: Reserve::Ordinary,
            command: Command::Ask {
                question,
                from: author(actor),
                form: sealed,
                fields: form.count(),
                required: form.required(),
            },
        };
        let outcome = self.inner.sessions.execute(session, order).await?;
        Ok((question, self.receipt(session.agent, &outcome)))
    }

    /// Answers some or all fields of a question. The same id with the same values again gets the first answer, whatever has
    /// become of the question since. Brings back an idle session.
    pub async fn answer(
        &self,
        session: Address,
        answer_id: &str,
        question: QuestionId,
        values: &BTreeMap<String, Value>,
    ) -> Result<Receipt, Refusal> {
        let key = self.session_key(session).await?;
        let id = self.inner.derived.command(&session, &spoken(Actor::Chatter, answer_id));
        let given = serde_json::to_vec(values).expect("values are JSON");
        let fingerprint = key.fingerprint(&[b"answer", question.bytes(), &given]);
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
            // Another process may have asked a moment ago.
            let Some(known) = known else { continue };
            let seal = Seal { key: &key, address: session, id };
            let command = self.checked(&seal, question, &known, values).await?;
            let order = Order { id, fingerprint, actor: Actor::Chatter, reserve: Reserve::Ordinary, command };
            return self.say(session, order).await;
        }
        Err(Refusal::Session(Rejection::QuestionUnknown { question }))
    }

    /// Holds values to the form of their question, and seals them.
    async fn checked(
        &self,
        seal: &Seal<'_>,
        question: QuestionId,
        known: &Question,
        values: &BTreeMap<String, Value>,
    ) -> Result<Command, Refusal> {
        let form = known.form.as_ref().ok_or(Refusal::Session(Rejection::QuestionClosed))?;
        let Some(form) = self.form(seal.address, form).await? else {
            return Err(Refusal::Session(Rejection::Erased));
        };
        let checked = form.check(values).map_err(Refusal::AnswerInvalid)?;
        let (answered, withdrawn) = (checked.answered, checked.withdrawn);
        let values = seal.text(Field::Values, &Answer::new(&form, checked).to_document());
        Ok(Command::Answer { question, values, answered, withdrawn })
    }

    /// Opens the form of a question; none once it is erased.
    async fn form(&self, owner: Address, sealed: &Sealed) -> Result<Option<Form>, Refusal> {
        match self.inner.backbone.opener().vault(owner).await?.open(Field::Form, 0, &sealed.bytes)? {
            Text::Open(document) => Ok(Some(Form::from_document(&document).map_err(|error| Refusal::Form(error.to_string()))?)),
            Text::Erased => Ok(None),
        }
    }

    /// Seals what a link asks everyone. The id is the same in every session, and another for every other form.
    pub(crate) fn questions(&self, seal: &Seal<'_>, form: &Form) -> Questions {
        let sealed = seal.text(Field::Form, &form.to_document());
        let command = self.inner.derived.command(&seal.address, &format!("question:{:?}", sealed.fingerprint.bytes()));
        Questions { question: QuestionId::new(*command.bytes()), form: sealed, fields: form.count(), required: form.required() }
    }

    /// Seals what a link asks for one of its sessions.
    pub(crate) async fn asked(
        &self,
        at_link: Address,
        settings: &link::Settings,
        seal: &Seal<'_>,
    ) -> Result<Option<Asked>, Refusal> {
        let Some(Questions { question, form, fields, required }) = &settings.questions else { return Ok(None) };
        let document = self.words(at_link, Field::Form, Some(form)).await?;
        Ok(document.map(|document| Asked {
            question: *question,
            form: seal.text(Field::Form, &document),
            fields: *fields,
            required: *required,
        }))
    }
}
