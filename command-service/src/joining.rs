//! Joining a link: an admission is reserved, then the session starts. A repeat by the same client gets the same session.

use domain::link::{self, Entry, Link, Passcode, TextSetting};
use domain::session::{Command, Origin, Rejection, Session, Settings, Start, Status};
use domain::{Address, AgentId, Fingerprint, LinkId, Millis, Sealed, SessionId};
use nats::{Actor, Field};

use crate::admissions::RESERVED_FOR;
use crate::executor::Request;
use crate::seal::Seal;
use crate::shutting_out::{client_hash, network_hash};
use crate::{Commands, Receipt, Refusal, clock};

/// How long after its start a session is given again to the same client without the session's credential.
const ANSWER_REPEATED_FOR: Millis = Millis::minutes(10);
/// How many successive sessions one client may have on one link.
const RETURNS: u32 = 32;

/// A request to join a link; texts are plain here.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds a passcode and a secret client id")]
pub struct Join {
    /// The tenant.
    pub agent: AgentId,
    /// The link, as the token names it.
    pub link: LinkId,
    /// The token's number: only the newest opens the link.
    pub rotation: u32,
    /// The recipient, as the token names it.
    pub recipient: Option<u8>,
    /// The client's own secret; it is not stored, only the session's id is derived from it.
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
    /// The network that the client comes from; it is not stored, only a hash under the link's key.
    pub network: Option<String>,
}

/// The result of joining.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// A session began.
    Started(SessionId, Receipt),
    /// The client already had this session.
    Existing(SessionId),
}

impl Joined {
    /// Returns the session, new or not.
    pub fn session(&self) -> SessionId {
        match self {
            Self::Started(session, _) | Self::Existing(session) => *session,
        }
    }
}

/// A session that a client had on a link.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its id.
    pub session: SessionId,
    /// Its state.
    pub state: Session,
}

impl Commands {
    /// Finds a client's newest session on a link; `None` once that session has forgotten the client.
    pub async fn known_session(
        &self,
        agent: AgentId,
        link: LinkId,
        recipient: Option<u8>,
        client_id: &str,
    ) -> Result<Option<Known>, Refusal> {
        let newest = self.newest(agent, link, &client(client_id, recipient)).await?.0;
        Ok(newest.filter(|known| !self.is_forgotten(known, client_id)))
    }

    /// Finds a client's newest session on a link, and the ordinal of the next one; each follows one that ended.
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

    fn is_forgotten(&self, known: &Known, client_id: &str) -> bool {
        known.state.has_forgotten(&self.device(known.session, client_id))
    }

    /// Admits a chatter and starts the session; a repeat by the same client returns the same session.
    pub async fn join(&self, join: &Join) -> Result<Joined, Refusal> {
        let link = self.link(join.agent, join.link).await?;
        // Of a pruned link the newest token is not known; an erased link admits by none.
        if link.status == link::Status::Unknown || link.rotation != join.rotation && link.status != link::Status::Erased {
            return Err(Refusal::Link(link::Rejection::Unknown));
        }
        let origin = self.origin(join).await?;
        if origin.is_some_and(|origin| link.has_blocked(&origin.client)) {
            return Err(Refusal::Link(link::Rejection::Blocked));
        }
        let (known, ordinal) = self.newest(join.agent, join.link, &client(&join.client_id, join.recipient)).await?;
        match known {
            // The client was forgotten by that session, so its client id is void.
            Some(known) if self.is_forgotten(&known, &join.client_id) => Err(Refusal::ClientIdUsed),
            Some(known) if !(join.start_new && known.state.ended.is_some()) => self.come_back(join, &link, &known).await,
            Some(known) if join.holds != Some(known.session) && clock::now() >= known.state.started_at + ANSWER_REPEATED_FOR => {
                Err(Refusal::ClientIdUsed)
            }
            Some(_) | None if ordinal >= RETURNS => Err(Refusal::TooManyReturns { limit: RETURNS }),
            Some(known) => {
                if link.admissions.contains_key(&known.session) {
                    // It ended a moment ago: release its admission now instead of waiting for the worker.
                    let (at_link, ended) = (Address::link(join.agent, join.link), Address::session(join.agent, known.session));
                    self.release(at_link, ended).await?;
                }
                Box::pin(self.start(join, &link, ordinal, origin)).await
            }
            None => Box::pin(self.start(join, &link, ordinal, origin)).await,
        }
    }

    /// Returns by what a client can be shut out; none once the link is erased.
    async fn origin(&self, join: &Join) -> Result<Option<Origin>, Refusal> {
        let key = self.key(Address::link(join.agent, join.link)).await?;
        Ok(key.map(|key| Origin {
            client: client_hash(&key, &join.client_id),
            network: join.network.as_ref().map(|network| network_hash(&key, network)),
        }))
    }

    /// Returns a client's existing session if the client holds its credential, or soon after the start.
    async fn come_back(&self, join: &Join, link: &Link, known: &Known) -> Result<Joined, Refusal> {
        if join.holds == Some(known.session) {
            return Ok(Joined::Existing(known.session));
        }
        let recent = clock::now() < known.state.started_at + ANSWER_REPEATED_FOR;
        let needs = link.settings.as_ref().is_some_and(|settings| settings.passcode.is_some());
        if !recent || (needs && self.passcode(join, link).await? != Passcode::Right) {
            return Err(Refusal::ClientIdUsed);
        }
        Ok(Joined::Existing(known.session))
    }

    async fn start(&self, join: &Join, link: &Link, ordinal: u32, origin: Option<Origin>) -> Result<Joined, Refusal> {
        let limit = self.inner.policy.display_name_characters;
        let characters = join.display_name.as_ref().map_or(0, |name| u32::try_from(name.chars().count()).unwrap_or(u32::MAX));
        if characters > limit {
            return Err(Refusal::Session(Rejection::TextTooLong { characters, limit }));
        }
        let session = self.inner.derived.session(join.link, &client(&join.client_id, join.recipient), ordinal);
        self.reserve(join, link, session, origin.map(|origin| origin.client)).await?;

        // Read again after the reservation: the settings in force then are copied.
        let link = self.link(join.agent, join.link).await?;
        let settings = link.settings.as_ref().ok_or(Refusal::Link(link::Rejection::Erased))?;
        // The worker may have released an earlier attempt's admission just now.
        let start_before = link.admissions.get(&session).ok_or(Refusal::Busy)?.start_before;
        let at_link = Address::link(join.agent, join.link);
        let welcome =
            self.open_text(at_link, Field::Setting(TextSetting::WelcomeMessage), settings.welcome_message.as_ref()).await?;

        let address = Address::session(join.agent, session);
        let key = self.new_key(address).await?;
        let id = self.inner.derived.command(&address, "start");
        let seal = Seal { key: &key, address, id };
        let command = Command::Start(Box::new(Start {
            link: join.link,
            settings: copied(settings),
            start_before,
            display_name: seal.optional(Field::DisplayName, join.display_name.as_deref()),
            language: join.language.clone(),
            welcome: seal.optional(Field::Message, welcome.as_deref()),
            question: self.asked(at_link, settings, &seal).await?,
            recipient: join.recipient,
            origin,
        }));
        match self.send_session(address, Request::new(id, Actor::Chatter, command)).await {
            Ok(receipt) => {
                self.keep_key(address, &key).await?;
                Ok(Joined::Started(session, receipt))
            }
            Err(refusal) => {
                self.drop_key_of_erased(address, &refusal).await?;
                Err(refusal)
            }
        }
    }

    /// Reserves an admission for a session that is about to start.
    async fn reserve(&self, join: &Join, link: &Link, session: SessionId, client: Option<Fingerprint>) -> Result<(), Refusal> {
        let (at_link, at_session) = (Address::link(join.agent, join.link), Address::session(join.agent, session));
        let now = clock::now();
        if link.admissions.get(&session).is_some_and(|held| now >= held.start_before) {
            // An earlier attempt did not start in time, and the worker has not released it yet.
            self.release(at_link, at_session).await?;
        }
        let admit = async |passcode| {
            let start_before = clock::now() + RESERVED_FOR;
            let recipient = join.recipient;
            let admit = link::Command::Admit { session, returning: false, start_before, passcode, recipient, client };
            self.send_drawing(at_link, session, Request::once(Actor::Chatter, admit)).await
        };
        // A closed link refuses before a passcode counts: it is hashed only if the link asks for it.
        if join.passcode.is_some() && matches!(link.entry(None, now), Entry::Paused | Entry::Expired | Entry::Revoked) {
            match admit(Passcode::Missing).await {
                Err(Refusal::Link(link::Rejection::PasscodeRequired)) => {}
                decided => return decided,
            }
        }
        admit(self.passcode(join, link).await?).await
    }

    /// Checks the passcode of a request.
    async fn passcode(&self, join: &Join, link: &Link) -> Result<Passcode, Refusal> {
        let verifier = link.settings.as_ref().and_then(|settings| settings.passcode.as_ref());
        self.check_passcode(join.agent, join.link, verifier, join.passcode.as_deref()).await
    }

    /// Compares a passcode with a link's sealed verifier.
    async fn check_passcode(
        &self,
        agent: AgentId,
        link: LinkId,
        verifier: Option<&Sealed>,
        passcode: Option<&str>,
    ) -> Result<Passcode, Refusal> {
        let (Some(_), Some(passcode)) = (verifier, passcode) else { return Ok(Passcode::Missing) };
        let Some(verifier) = self.open_text(Address::link(agent, link), Field::Setting(TextSetting::Passcode), verifier).await?
        else {
            return Err(Refusal::Link(link::Rejection::Erased));
        };
        let is_right = self.inner.passcodes.check(passcode, verifier).await?;
        Ok(if is_right { Passcode::Right } else { Passcode::Wrong })
    }
}

/// Returns the client id that session ids are derived from: a client that joins as several recipients has separate sessions.
fn client(client_id: &str, recipient: Option<u8>) -> String {
    recipient.map_or_else(|| client_id.to_owned(), |recipient| format!("{client_id} as {recipient}"))
}

/// Copies the settings that a session takes from its link.
fn copied(settings: &link::Settings) -> Settings {
    Settings {
        expires_at: settings.expires_at,
        max_messages: settings.max_messages_per_session,
        messages_per_minute: settings.messages_per_minute,
        idle_timeout: settings.idle_timeout,
        keep_after_end: settings.keep_after_end,
        budget: settings.budget.session,
    }
}
