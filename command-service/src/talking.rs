//! Messages, read marks and ratings in sessions.

use std::time::Duration;

use domain::session::{Author, Command, EventPosition, Reader, Rejection, Session, Status};
use domain::{Address, CommandId, KeyId, Root};
use nats::{Actor, DataKey, Field};

use crate::executor::Request;
use crate::seal::Seal;
use crate::suspecting::signs;
use crate::{Commands, Issuer, Receipt, Refusal, random};

/// How old a session's state may be where no decision depends on it.
pub(crate) const SESSIONS_SEEN_WITHIN: Duration = Duration::from_secs(1);

impl Commands {
    /// Posts a message; a repeat with the same id and text gets the first answer. A chatter's message resumes an idle session.
    /// An agent's is held where it has not read what it says that it has.
    pub async fn post(
        &self,
        session: Address,
        issuer: impl Into<Issuer>,
        message_id: &str,
        text: &str,
    ) -> Result<Receipt, Refusal> {
        self.post_paid(session, issuer, message_id, text, false).await
    }

    /// Posts a message for which proof of work was done, or not.
    pub async fn post_paid(
        &self,
        session: Address,
        issuer: impl Into<Issuer>,
        message_id: &str,
        text: &str,
        is_paid: bool,
    ) -> Result<Receipt, Refusal> {
        let issuer = issuer.into();
        let actor = issuer.actor;
        let key = self.session_key(session).await?;
        let id = self.inner.derived.command(&session, &command_name(actor, message_id));
        let seal = Seal { key: &key, address: session, id };
        let signs = if actor == Actor::Chatter { signs(&key, text) } else { None };
        let text = seal.text(Field::Message, text);
        // Only a chatter's ids are stored: an agent's are not shown to anyone.
        let client_message_id = (actor == Actor::Chatter).then(|| seal.text(Field::ClientMessageId, message_id));
        let fingerprint = text.fingerprint;
        let command = issuer.bind(Command::Post { from: author(actor), text, kind: None, client_message_id, signs, is_paid });
        let posted = self.send_spending(session, Request { id, fingerprint, actor, command }).await;
        if actor == Actor::Chatter { self.watch(session, id, signs.is_some(), posted).await } else { posted }
    }

    /// Makes the id of an agent's attempt that has none.
    pub fn attempt(&self) -> String {
        CommandId::new(random::bytes()).to_string()
    }

    /// Returns up to where a key has read a session: what it has acknowledged, or was given since. To be asked when its call arrives: what
    /// another of its calls acknowledges later, this one did not know.
    pub async fn read_by(&self, session: Address, key: KeyId, given: Option<EventPosition>) -> Result<EventPosition, Refusal> {
        let view = |root: &Root<Session>| {
            let read = root.state.read_by(key, given);
            (read, root.state.is_read(read))
        };
        let (read, is_all) = self.inner.sessions.look(session, SESSIONS_SEEN_WITHIN, view).await?;
        if is_all {
            return Ok(read);
        }
        // Another process may have written its mark a moment ago.
        let (read, _) = self.inner.sessions.look(session, Duration::ZERO, view).await?;
        Ok(read)
    }

    /// Records how far a reader has read.
    pub async fn mark_read(&self, session: Address, by: Reader, upto: impl Into<EventPosition>) -> Result<Receipt, Refusal> {
        let actor = match by {
            Reader::Chatter => Actor::Chatter,
            Reader::Agent(key) => Actor::Agent(key),
        };
        self.ask_session(session, actor, Command::MarkRead { by, upto: upto.into() }).await
    }

    /// Rates the chat, once; also after its end, until it is erased.
    pub async fn rate(&self, session: Address, rating: u8, feedback: Option<&str>) -> Result<Receipt, Refusal> {
        let key = self.session_key(session).await?;
        let id = self.inner.derived.command(&session, "rate");
        let feedback = Seal { key: &key, address: session, id }.optional(Field::Feedback, feedback);
        let comment = feedback.as_ref().map_or([0; 16], |feedback| *feedback.fingerprint.bytes());
        let fingerprint = key.fingerprint(&[b"rate", &[rating], &comment]);
        let command = Command::Rate { rating, feedback };
        self.send_session(session, Request { id, fingerprint, actor: Actor::Chatter, command }).await
    }

    /// Reports the chat to the operator; the same reason again is the same report. Also after its end, until it is erased.
    pub async fn report(&self, session: Address, reason: &str) -> Result<Receipt, Refusal> {
        let key = self.session_key(session).await?;
        let fingerprint = key.fingerprint(&[b"report", reason.as_bytes()]);
        let id = self.inner.derived.command(&session, &format!("report:{fingerprint}"));
        let reason = Seal { key: &key, address: session, id }.text(Field::Report, reason);
        self.send_session(session, Request { id, fingerprint, actor: Actor::Chatter, command: Command::Report { reason } }).await
    }

    /// Returns a session's state, at most a second old.
    pub async fn session(&self, session: Address) -> Result<Session, Refusal> {
        Ok(self.inner.sessions.look(session, SESSIONS_SEEN_WITHIN, |root| root.state.clone()).await?)
    }

    /// Fetches the key of a session's texts, or the reason why it has none.
    pub(crate) async fn session_key(&self, session: Address) -> Result<DataKey, Refusal> {
        if let Some(key) = self.key(session).await? {
            return Ok(key);
        }
        let status = self.inner.sessions.look(session, Duration::ZERO, |root| root.state.status).await?;
        Err(Refusal::Session(if status == Status::Unknown { Rejection::Unknown } else { Rejection::Erased }))
    }
}

/// Returns the text that a command id is derived from: a chatter's message id never gives the same as an agent's.
pub(crate) fn command_name(actor: Actor, message_id: &str) -> String {
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
