//! What is said in sessions.

use std::time::Duration;

use domain::session::{Author, Command, Reader, Rejection, Session, Status};
use domain::{Address, CommandId, Fingerprint};
use nats::{Actor, DataKey, Field, Reserve};

use crate::executor::Order;
use crate::seal::Seal;
use crate::{Commands, Receipt, Refusal, chance};

/// How long a session's state may be old where nothing is decided by it.
pub(crate) const SESSIONS_SEEN_WITHIN: Duration = Duration::from_secs(1);

impl Commands {
    /// Says something; the same id with the same words again gets the first answer. A chatter's word brings back an idle session.
    pub async fn post(&self, session: Address, actor: Actor, message_id: &str, text: &str) -> Result<Receipt, Refusal> {
        let key = self.session_key(session).await?;
        let id = self.inner.derived.command(&session, &spoken(actor, message_id));
        let seal = Seal { key: &key, address: session, id };
        let text = seal.text(Field::Message, text);
        // An agent's own ids are nobody else's business.
        let client_message_id = (actor == Actor::Chatter).then(|| seal.text(Field::ClientMessageId, message_id));
        let order = Order {
            id,
            fingerprint: text.fingerprint,
            actor,
            reserve: Reserve::Ordinary,
            command: Command::Post { from: author(actor), text, kind: None, client_message_id },
        };
        self.say(session, order).await
    }

    /// Carries out what is said; the chatter's word brings back an idle session.
    pub(crate) async fn say(&self, session: Address, order: Order<Command>) -> Result<Receipt, Refusal> {
        let mut outcome = self.inner.sessions.execute(session, order.clone()).await.map_err(Refusal::from);
        if matches!(outcome, Err(Refusal::Session(Rejection::Idle))) {
            self.resume(session).await?;
            outcome = self.inner.sessions.execute(session, order).await.map_err(Refusal::from);
        }
        Ok(self.receipt(session.agent, &outcome?))
    }

    /// Makes the id that an agent's attempt has where it named none.
    pub fn attempt(&self) -> String {
        CommandId::new(chance::bytes()).to_string()
    }

    /// Notes how far someone has read.
    pub async fn mark_read(&self, session: Address, by: Reader, upto: u64) -> Result<Receipt, Refusal> {
        let actor = match by {
            Reader::Chatter => Actor::Chatter,
            Reader::Agent(key) => Actor::Agent(key),
        };
        self.ask_session(session, actor, Command::MarkRead { by, upto }).await
    }

    /// Rates the chat, once; also after its end, until it is erased.
    pub async fn rate(&self, session: Address, rating: u8, feedback: Option<&str>) -> Result<Receipt, Refusal> {
        let key = self.session_key(session).await?;
        let id = self.inner.derived.command(&session, "rate");
        let feedback = Seal { key: &key, address: session, id }.optional(Field::Feedback, feedback);
        let words = feedback.as_ref().map_or([0; 16], |feedback| *feedback.fingerprint.bytes());
        let order = Order {
            id,
            fingerprint: key.fingerprint(&[b"rate", &[rating], &words]),
            actor: Actor::Chatter,
            reserve: Reserve::Ending,
            command: Command::Rate { rating, feedback },
        };
        let outcome = self.inner.sessions.execute(session, order).await?;
        Ok(self.receipt(session.agent, &outcome))
    }

    /// Shows a session as the log has it, at most a second old.
    pub async fn session(&self, session: Address) -> Result<Session, Refusal> {
        Ok(self.inner.sessions.look(session, SESSIONS_SEEN_WITHIN, |root| root.state.clone()).await?)
    }

    /// Fetches the key of a session's words, or says why there is none.
    pub(crate) async fn session_key(&self, session: Address) -> Result<DataKey, Refusal> {
        if let Some(key) = self.key(session).await? {
            return Ok(key);
        }
        let status = self.inner.sessions.look(session, Duration::ZERO, |root| root.state.status).await?;
        Err(Refusal::Session(if status == Status::Unknown { Rejection::Unknown } else { Rejection::Erased }))
    }

    /// Sends a session command that is an attempt of its own.
    pub(crate) async fn ask_session(&self, session: Address, actor: Actor, command: Command) -> Result<Receipt, Refusal> {
        let reserve = match command {
            Command::Rate { .. }
            | Command::ForgetDevice { .. }
            | Command::End { .. }
            | Command::Expire
            | Command::Erase { .. } => Reserve::Ending,
            Command::Start(_)
            | Command::Post { .. }
            | Command::Ask { .. }
            | Command::Answer { .. }
            | Command::MarkRead { .. }
            | Command::GoIdle
            | Command::Resume { .. }
            | Command::Reschedule { .. }
            | Command::OfferHandoff { .. }
            | Command::TakeHandoff { .. } => Reserve::Ordinary,
        };
        let id = CommandId::new(chance::bytes());
        let order = Order { id, fingerprint: Fingerprint::new(*id.bytes()), actor, reserve, command };
        let outcome = self.inner.sessions.execute(session, order).await?;
        Ok(self.receipt(session.agent, &outcome))
    }
}

/// Keeps the ids that a chatter chooses apart from those of every API key.
pub(crate) fn spoken(actor: Actor, message_id: &str) -> String {
    match actor {
        Actor::Chatter => format!("chatter:{message_id}"),
        Actor::Agent(_) | Actor::Operator | Actor::Timer => format!("agent:{message_id}"),
    }
}

pub(crate) fn author(actor: Actor) -> Author {
    match actor {
        Actor::Chatter => Author::Chatter,
        Actor::Agent(key) => Author::Agent(key),
        Actor::Operator | Actor::Timer => Author::System,
    }
}
