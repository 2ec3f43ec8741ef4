//! What chatters and agents do in sessions: seal the words, then decide.

use std::time::Duration;

use domain::link::{self, Passcode};
use domain::session::{Author, Command, EndReason, Reader, Rejection, Session, Settings, Start, Status};
use domain::{Address, AgentId, CommandId, Fingerprint, LinkId, Millis, SessionId};
use nats::{Actor, DataKey, Field, Reserve, Text};

use crate::executor::Order;
use crate::links::Seal;
use crate::{Commands, Receipt, Refusal, chance, clock};

/// How long a place is reserved for a session to start or come back.
const RESERVED_FOR: Millis = Millis::seconds(30);
/// How long after a start its answer may be asked for again without the session's credential.
const ANSWER_REPEATED_FOR: Millis = Millis::minutes(10);
/// How long a session's state may be old where nothing is decided by it.
const SESSIONS_SEEN_WITHIN: Duration = Duration::from_secs(1);
/// How many sessions one client may have on one link, one after the other.
const RETURNS: u32 = 32;

/// A chatter at the door; texts are plain here.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds a passcode and a secret client id")]
pub struct Join {
    /// The tenant.
    pub agent: AgentId,
    /// The link, as the token names it.
    pub link: LinkId,
    /// The token's number: only the newest opens the link.
    pub rotation: u32,
    /// The client's own secret; kept only as a keyed hash within the session's id.
    pub client_id: String,
    /// The name the chatter chose.
    pub display_name: Option<String>,
    /// The passcode as typed.
    pub passcode: Option<String>,
    /// The chatter's language (BCP 47).
    pub language: Option<String>,
    /// Whether a new session is wanted after one that ended.
    pub start_new: bool,
    /// The session whose credential the client holds.
    pub holds: Option<SessionId>,
}

/// What became of a chatter at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// A session began.
    Started(SessionId, Receipt),
    /// The client has a session already.
    Back(SessionId),
}

impl Joined {
    /// Returns the session, new or not.
    pub fn session(&self) -> SessionId {
        match self {
            Self::Started(session, _) | Self::Back(session) => *session,
        }
    }
}

/// A session that a client had on a link.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its id.
    pub session: SessionId,
    /// What is known of it.
    pub state: Session,
}

impl Commands {
    /// Finds the newest session that a client has had on a link.
    pub async fn known_session(&self, agent: AgentId, link: LinkId, client_id: &str) -> Result<Option<Known>, Refusal> {
        Ok(self.newest(agent, link, client_id).await?.0)
    }

    /// Walks a client's sessions on a link, each following one that ended; returns the newest and the next one's number.
    async fn newest(&self, agent: AgentId, link: LinkId, client_id: &str) -> Result<(Option<Known>, u32), Refusal> {
        let mut newest = None;
        for ordinal in 0..RETURNS {
            let session = self.inner.derived.session(link, client_id, ordinal);
            let state = self.session(Address::session(agent, session)).await?;
            match state.status {
                Status::Unknown => return Ok((newest, ordinal)),
                Status::Active | Status::Idle => return Ok((Some(Known { session, state }), ordinal + 1)),
                Status::Ended | Status::Erased => newest = Some(Known { session, state }),
            }
        }
        Ok((newest, RETURNS))
    }

    /// Lets a chatter in: a place is reserved, then the session starts. The same client again gets the same session.
    pub async fn join(&self, join: &Join) -> Result<Joined, Refusal> {
        let link = self.link(join.agent, join.link).await?;
        if link.status == link::Status::Unknown || link.rotation != join.rotation {
            return Err(Refusal::Link(link::Rejection::Unknown));
        }
        let (known, ordinal) = self.newest(join.agent, join.link, &join.client_id).await?;
        match known {
            Some(known) if !(join.start_new && known.state.ended.is_some()) => self.come_back(join, &link, &known).await,
            Some(known) if join.holds != Some(known.session) && clock::now() >= known.state.started_at + ANSWER_REPEATED_FOR => {
                Err(Refusal::ClientIdUsed)
            }
            Some(_) | None if ordinal >= RETURNS => Err(Refusal::TooManyReturns { limit: RETURNS }),
            Some(_) | None => self.start(join, &link, ordinal).await,
        }
    }

    /// Gives a client its session again if it shows the credential, or soon after the start.
    async fn come_back(&self, join: &Join, link: &link::Link, known: &Known) -> Result<Joined, Refusal> {
        if join.holds == Some(known.session) {
            return Ok(Joined::Back(known.session));
        }
        let recent = clock::now() < known.state.started_at + ANSWER_REPEATED_FOR;
        let needs = link.settings.as_ref().is_some_and(|settings| settings.passcode.is_some());
        if !recent || (needs && self.passcode(join, link).await? != Passcode::Right) {
            return Err(Refusal::ClientIdUsed);
        }
        Ok(Joined::Back(known.session))
    }

    async fn start(&self, join: &Join, link: &link::Link, ordinal: u32) -> Result<Joined, Refusal> {
        let limit = self.inner.policy.display_name_characters;
        let characters = join.display_name.as_ref().map_or(0, |name| u32::try_from(name.chars().count()).unwrap_or(u32::MAX));
        if characters > limit {
            return Err(Refusal::Session(Rejection::TextTooLong { characters, limit }));
        }
        let session = self.inner.derived.session(join.link, &join.client_id, ordinal);
        let (at_link, at_session) = (Address::link(join.agent, join.link), Address::session(join.agent, session));
        let start_before = clock::now() + RESERVED_FOR;
        let passcode = self.passcode(join, link).await?;
        let admit = link::Command::Admit { session, returning: false, start_before, passcode };
        self.ask_link(at_link, Actor::Chatter, CommandId::new(chance::bytes()), admit).await?;

        // What was copied is what is in force now that the place is reserved.
        let link = self.link(join.agent, join.link).await?;
        let settings = link.settings.as_ref().ok_or(Refusal::Link(link::Rejection::Erased))?;
        // A place reserved by an earlier try is given back when that one runs out.
        let start_before = link.admissions.get(&session).ok_or(Refusal::Busy)?.start_before;
        let welcome = match &settings.welcome_message {
            None => None,
            Some(sealed) => match self.inner.backbone.opener().vault(at_link).await?.open(Field::WelcomeMessage, 0, &sealed.bytes)? {
                Text::Open(text) => Some(text),
                Text::Erased => None,
            },
        };
        let key = self.inner.backbone.keys().create(at_session).await?;
        let id = self.inner.derived.command(&at_session, "start");
        let seal = Seal { key: &key, address: at_session, id };
        let command = Command::Start(Box::new(Start {
            link: join.link,
            settings: Settings {
                expires_at: settings.expires_at,
                max_messages: settings.max_messages_per_session,
                messages_per_minute: settings.messages_per_minute,
                idle_timeout: settings.idle_timeout,
                keep_after_end: settings.keep_after_end,
            },
            start_before,
            display_name: seal.optional(Field::DisplayName, join.display_name.as_deref()),
            language: join.language.clone(),
            welcome: seal.optional(Field::Message, welcome.as_deref()),
        }));
        let order = Order { id, fingerprint: Fingerprint::new(*id.bytes()), actor: Actor::Chatter, reserve: Reserve::Ordinary, command };
        let outcome = self.inner.sessions.execute(at_session, order).await?;
        Ok(Joined::Started(session, self.receipt(join.agent, &id, &outcome)))
    }

    /// Finds out about a passcode.
    async fn passcode(&self, join: &Join, link: &link::Link) -> Result<Passcode, Refusal> {
        let verifier = link.settings.as_ref().and_then(|settings| settings.passcode.as_ref());
        self.check_passcode(join.agent, join.link, verifier, join.passcode.as_deref()).await
    }

    /// Compares a passcode with a link's sealed verifier.
    pub async fn check_passcode(
        &self,
        agent: AgentId,
        link: LinkId,
        verifier: Option<&domain::Sealed>,
        passcode: Option<&str>,
    ) -> Result<Passcode, Refusal> {
        let (Some(sealed), Some(passcode)) = (verifier, passcode) else { return Ok(Passcode::Missing) };
        let vault = self.inner.backbone.opener().vault(Address::link(agent, link)).await?;
        match vault.open(Field::Passcode, 0, &sealed.bytes)? {
            Text::Erased => Err(Refusal::Link(link::Rejection::Erased)),
            Text::Open(verifier) => {
                let right = self.inner.passcodes.check(passcode, verifier).await?;
                Ok(if right { Passcode::Right } else { Passcode::Wrong })
            }
        }
    }

    /// Says something; the same id with the same words again gets the first answer. A chatter's word brings back an idle session.
    pub async fn post(&self, session: Address, actor: Actor, message_id: &str, text: &str) -> Result<Receipt, Refusal> {
        let key = self.session_key(session).await?;
        let id = self.inner.derived.command(&session, &spoken(actor, message_id));
        let sealed = key.seal(&session, id, Field::Message, 0, text);
        let order = Order {
            id,
            fingerprint: sealed.fingerprint,
            actor,
            reserve: Reserve::Ordinary,
            command: Command::Post { from: author(actor), text: sealed, kind: None },
        };
        let mut outcome = self.inner.sessions.execute(session, order.clone()).await.map_err(Refusal::from);
        if matches!(outcome, Err(Refusal::Session(Rejection::Idle))) {
            self.resume(session).await?;
            outcome = self.inner.sessions.execute(session, order).await.map_err(Refusal::from);
        }
        Ok(self.receipt(session.agent, &id, &outcome?))
    }

    /// Makes the id that an agent's attempt has where it named none.
    pub fn attempt(&self) -> String {
        CommandId::new(chance::bytes()).to_string()
    }

    /// Reserves a place again, and brings the session back from idling.
    async fn resume(&self, session: Address) -> Result<(), Refusal> {
        let state = self.session(session).await?;
        let (Some(link), domain::Target::Session(id)) = (state.link, session.target) else {
            return Err(Refusal::Session(Rejection::Unknown));
        };
        let start_before = clock::now() + RESERVED_FOR;
        let admit = link::Command::Admit { session: id, returning: true, start_before, passcode: Passcode::Missing };
        self.ask_link(Address::link(session.agent, link), Actor::Chatter, CommandId::new(chance::bytes()), admit).await?;
        self.ask_session(session, Actor::Chatter, Command::Resume { start_before }).await?;
        Ok(())
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
        Ok(self.receipt(session.agent, &id, &outcome))
    }

    /// Ends the chat; ending it again changes nothing.
    pub async fn end(&self, session: Address, actor: Actor, reason: EndReason, farewell: Option<&str>) -> Result<Receipt, Refusal> {
        let id = CommandId::new(chance::bytes());
        let farewell = match farewell {
            None => None,
            Some(text) => {
                let key = self.session_key(session).await?;
                Seal { key: &key, address: session, id }.optional(Field::Message, Some(text))
            }
        };
        let order = Order {
            id,
            fingerprint: Fingerprint::new(*id.bytes()),
            actor,
            reserve: Reserve::Ending,
            command: Command::End { reason, farewell },
        };
        let outcome = self.inner.sessions.execute(session, order).await?;
        Ok(self.receipt(session.agent, &id, &outcome))
    }

    /// Ends the chat if need be, destroys the key of its words, and only then notes that they are gone. A repeat finishes what is left.
    pub async fn erase(&self, session: Address, actor: Actor) -> Result<Receipt, Refusal> {
        self.ask_session(session, actor, Command::End { reason: EndReason::Erased, farewell: None }).await?;
        self.inner.backbone.keys().destroy(session).await?;
        self.ask_session(session, actor, Command::Erase { requested: true }).await
    }

    /// As [`Self::erase`], once it is due.
    pub(crate) async fn erase_when_due(&self, session: Address) -> Result<Receipt, Refusal> {
        let state = self.inner.sessions.look(session, Duration::ZERO, |root| root.state.clone()).await?;
        match (state.status, state.erase_at()) {
            (Status::Erased, _) => {}
            (Status::Ended, Some(until)) if clock::now() < until => return Err(Refusal::Session(Rejection::NotDue { until })),
            (Status::Ended, _) => {}
            (Status::Unknown | Status::Active | Status::Idle, _) => return Err(Refusal::Session(Rejection::StillOpen)),
        }
        self.inner.backbone.keys().destroy(session).await?;
        self.ask_session(session, Actor::Timer, Command::Erase { requested: false }).await
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

    /// Sends a session command that is harmless when decided twice.
    pub(crate) async fn ask_session(&self, session: Address, actor: Actor, command: Command) -> Result<Receipt, Refusal> {
        let id = CommandId::new(chance::bytes());
        let order = Order { id, fingerprint: Fingerprint::new(*id.bytes()), actor, reserve: Reserve::Ending, command };
        let outcome = self.inner.sessions.execute(session, order).await?;
        Ok(self.receipt(session.agent, &id, &outcome))
    }
}

/// Keeps the ids that a chatter chooses apart from those of every API key.
fn spoken(actor: Actor, message_id: &str) -> String {
    match actor {
        Actor::Chatter => format!("chatter:{message_id}"),
        Actor::Agent(_) | Actor::Operator | Actor::Timer => format!("agent:{message_id}"),
    }
}

fn author(actor: Actor) -> Author {
    match actor {
        Actor::Chatter => Author::Chatter,
        Actor::Agent(key) => Author::Agent(key),
        Actor::Operator | Actor::Timer => Author::System,
    }
}

impl Commands {
    /// Ends a session as its revoked link asked, with the agent's last words to it.
    pub(crate) async fn end_with_link(&self, session: Address) -> Result<Receipt, Refusal> {
        let state = self.session(session).await?;
        let link_id = state.link.ok_or(Refusal::Session(Rejection::Unknown))?;
        let at_link = Address::link(session.agent, link_id);
        let farewell = match self.link(session.agent, link_id).await?.revocation.and_then(|revocation| revocation.farewell) {
            None => None,
            Some(sealed) => match self.inner.backbone.opener().vault(at_link).await?.open(Field::Farewell, 0, &sealed.bytes)? {
                Text::Open(text) => Some(text),
                Text::Erased => None,
            },
        };
        self.end(session, Actor::Timer, EndReason::LinkRevoked, farewell.as_deref()).await
    }
}
