//! What agents do with links.

use std::time::Duration;

use domain::link::{Changes, Command, Link, MoreRecipients, Recipients, Rejection, Settings, Status};
use domain::{Address, AgentId, CommandId, LinkId, Millis, Sealed, Timestamp};
use forms::Form;
use nats::{Actor, DataKey, Field};
use serde::Serialize;

use crate::executor::Request;
use crate::seal::Seal;
use crate::{Commands, Receipt, Refusal, clock, random};

/// How long a link's state may be old where nothing is decided by it.
const LINKS_SEEN_WITHIN: Duration = Duration::from_secs(1);

/// A link to be opened; texts are plain here.
#[derive(Clone, Serialize)]
#[expect(missing_debug_implementations, reason = "holds a passcode and words")]
#[expect(missing_docs, reason = "the fields are the contract's, in its own words; see `domain::link::Settings`")]
pub struct NewLink {
    pub title: String,
    pub purpose: Option<String>,
    pub description: Option<String>,
    pub welcome_message: Option<String>,
    pub agent_name: Option<String>,
    pub passcode: Option<String>,
    pub lifetime: Millis,
    pub max_sessions_at_once: u32,
    pub max_sessions_total: Option<u32>,
    pub max_messages_per_session: u32,
    pub messages_per_minute: u32,
    pub idle_timeout: Millis,
    pub keep_after_end: Millis,
    pub language: Option<String>,
    pub allowed_origins: Vec<String>,
    pub questions: Option<Form>,
    /// The labels by which the agent knows them; each has a token of one's own.
    pub recipients: Vec<String>,
}

/// Settings to change; `None` leaves one as it is, `Some(None)` removes it.
#[derive(Clone, Default)]
#[expect(missing_debug_implementations, reason = "as NewLink")]
#[expect(missing_docs, reason = "as NewLink")]
pub struct LinkChanges {
    pub title: Option<String>,
    pub purpose: Option<Option<String>>,
    pub description: Option<Option<String>>,
    pub welcome_message: Option<Option<String>>,
    pub agent_name: Option<Option<String>>,
    pub passcode: Option<Option<String>>,
    pub expires_at: Option<Timestamp>,
    pub max_sessions_at_once: Option<u32>,
    pub max_sessions_total: Option<Option<u32>>,
    pub max_messages_per_session: Option<u32>,
    pub messages_per_minute: Option<u32>,
    pub idle_timeout: Option<Millis>,
    pub keep_after_end: Option<Millis>,
    pub language: Option<Option<String>>,
    pub allowed_origins: Option<Vec<String>>,
    pub questions: Option<Option<Form>>,
    /// Labels of recipients; those that are there already stay as they are, so that a repeat adds nobody.
    pub add_recipients: Vec<String>,
}

impl Commands {
    /// Opens a link; the same `idempotency_key` again gives the same link.
    pub async fn create_link(
        &self,
        agent: AgentId,
        actor: Actor,
        new: NewLink,
        idempotency_key: Option<&str>,
    ) -> Result<(LinkId, Receipt), Refusal> {
        let link = match idempotency_key {
            Some(key) => self.inner.derived.link(agent, key),
            None => LinkId::new(random::bytes()),
        };
        let address = Address::link(agent, link);
        if idempotency_key.is_some() && self.link(agent, link).await?.status == Status::Erased {
            return Err(Refusal::Link(Rejection::Erased));
        }
        let key = self.inner.backbone.keys().create(address).await?;
        let id = self.inner.derived.command(&address, "open");
        let asked = serde_json::to_vec(&new).expect("plain values are JSON");
        let fingerprint = key.fingerprint(&[b"open", &asked]);
        let settings = self.settings(Seal { key: &key, address, id }, new).await?;
        let request = Request { id, fingerprint, actor, command: Command::Open(Box::new(settings)) };
        let refusal = match self.send_link(address, request).await {
            Ok(receipt) => return Ok((link, receipt)),
            Err(refusal) => refusal,
        };
        let is_rejected = matches!(refusal, Refusal::Link(_) | Refusal::IdReused);
        let is_unused = if idempotency_key.is_none() {
            // A random id is this call's alone; unless the outcome is unknown, the link was not opened.
            is_rejected || matches!(refusal, Refusal::LogFull | Refusal::Busy)
        } else {
            // Another attempt with the same idempotency key may be opening it, so only an erased link is known to be unused.
            is_rejected && self.inner.links.look(address, Duration::ZERO, |root| root.state.status == Status::Erased).await?
        };
        if is_unused {
            self.inner.backbone.keys().destroy(address).await?;
        }
        Err(refusal)
    }

    async fn settings(&self, seal: Seal<'_>, new: NewLink) -> Result<Settings, Refusal> {
        Ok(Settings {
            title: seal.text(Field::Title, &new.title),
            purpose: seal.optional(Field::Purpose, new.purpose.as_deref()),
            description: seal.optional(Field::Description, new.description.as_deref()),
            welcome_message: seal.optional(Field::WelcomeMessage, new.welcome_message.as_deref()),
            agent_name: seal.optional(Field::AgentName, new.agent_name.as_deref()),
            passcode: self.verifier(&seal, new.passcode.as_deref()).await?,
            expires_at: clock::now() + new.lifetime,
            max_sessions_at_once: new.max_sessions_at_once,
            max_sessions_total: new.max_sessions_total,
            max_messages_per_session: new.max_messages_per_session,
            messages_per_minute: new.messages_per_minute,
            idle_timeout: new.idle_timeout,
            keep_after_end: new.keep_after_end,
            language: new.language,
            allowed_origins: new.allowed_origins,
            questions: new.questions.as_ref().map(|form| self.questions(&seal, form)),
            recipients: recipients(&seal, &new.recipients),
        })
    }

    async fn verifier(&self, seal: &Seal<'_>, passcode: Option<&str>) -> Result<Option<Sealed>, Refusal> {
        match passcode.filter(|passcode| !passcode.is_empty()) {
            None => Ok(None),
            Some(passcode) => Ok(Some(seal.text(Field::Passcode, &self.inner.passcodes.verifier(passcode).await?))),
        }
    }

    /// Changes a link's settings.
    pub async fn update_link(
        &self,
        agent: AgentId,
        actor: Actor,
        link: LinkId,
        changes: LinkChanges,
    ) -> Result<Receipt, Refusal> {
        // Whoever loses has been overtaken by one recipient more, of whom a link has only so many.
        for _ in 0..=self.policy().recipients {
            match self.try_to_update_link(agent, actor, link, changes.clone()).await {
                // Somebody else came first: the labels are put together with theirs.
                Err(Refusal::Link(Rejection::RecipientsChanged { .. })) => {}
                done => return done,
            }
        }
        Err(Refusal::Busy)
    }

    async fn try_to_update_link(
        &self,
        agent: AgentId,
        actor: Actor,
        link: LinkId,
        changes: LinkChanges,
    ) -> Result<Receipt, Refusal> {
        let address = Address::link(agent, link);
        let key = self.link_key(address).await?;
        let id = CommandId::new(random::bytes());
        let seal = Seal { key: &key, address, id };
        let optional = |field, change: &Option<Option<String>>| change.as_ref().map(|text| seal.optional(field, text.as_deref()));
        let passcode = match &changes.passcode {
            None => None,
            Some(passcode) => Some(self.verifier(&seal, passcode.as_deref()).await?),
        };
        let changes = Changes {
            title: changes.title.as_ref().map(|title| seal.text(Field::Title, title)),
            purpose: optional(Field::Purpose, &changes.purpose),
            description: optional(Field::Description, &changes.description),
            welcome_message: optional(Field::WelcomeMessage, &changes.welcome_message),
            agent_name: optional(Field::AgentName, &changes.agent_name),
            passcode,
            expires_at: changes.expires_at,
            max_sessions_at_once: changes.max_sessions_at_once,
            max_sessions_total: changes.max_sessions_total,
            max_messages_per_session: changes.max_messages_per_session,
            messages_per_minute: changes.messages_per_minute,
            idle_timeout: changes.idle_timeout,
            keep_after_end: changes.keep_after_end,
            language: changes.language,
            allowed_origins: changes.allowed_origins,
            questions: changes.questions.map(|form| form.map(|form| self.questions(&seal, &form))),
            more_recipients: self.more_recipients(&seal, &changes.add_recipients).await?,
        };
        self.ask_link(address, actor, id, Command::Update(Box::new(changes))).await
    }

    /// Stops or lets in newcomers.
    pub async fn pause_link(&self, agent: AgentId, actor: Actor, link: LinkId, paused: bool) -> Result<Receipt, Refusal> {
        let command = if paused { Command::Pause } else { Command::Resume };
        self.ask_link(Address::link(agent, link), actor, CommandId::new(random::bytes()), command).await
    }

    /// Makes a new token: the old one opens nothing any more.
    pub async fn rotate_token(&self, agent: AgentId, actor: Actor, link: LinkId) -> Result<Receipt, Refusal> {
        self.ask_link(Address::link(agent, link), actor, CommandId::new(random::bytes()), Command::RotateToken).await
    }

    /// Closes a link to newcomers for good; its open sessions end too if `end_sessions`, each by a decision of its own.
    pub async fn revoke_link(
        &self,
        agent: AgentId,
        actor: Actor,
        link: LinkId,
        end_sessions: bool,
        farewell: Option<&str>,
    ) -> Result<Receipt, Refusal> {
        let address = Address::link(agent, link);
        let key = self.link_key(address).await?;
        let id = CommandId::new(random::bytes());
        let farewell = Seal { key: &key, address, id }.optional(Field::Farewell, farewell);
        self.ask_link(address, actor, id, Command::Revoke { end_sessions, farewell }).await
    }

    /// Reads the labels of a link's recipients; none where there are none, or none any more.
    pub async fn recipients(&self, agent: AgentId, link: LinkId) -> Result<Vec<String>, Refusal> {
        let recipients = self.link(agent, link).await?.settings.and_then(|settings| settings.recipients);
        self.labels(Address::link(agent, link), recipients.as_ref()).await
    }

    async fn labels(&self, link: Address, recipients: Option<&Recipients>) -> Result<Vec<String>, Refusal> {
        let document = self.open_text(link, Field::Recipients, recipients.map(|recipients| &recipients.labels)).await?;
        let labels = document.map_or(Ok(vec![]), |document| serde_json::from_str(&document));
        labels.map_err(|error| Refusal::Form(error.to_string()))
    }

    /// Seals the labels of those there are with the new ones; none where nobody is new.
    async fn more_recipients(&self, seal: &Seal<'_>, added: &[String]) -> Result<Option<MoreRecipients>, Refusal> {
        if added.is_empty() {
            return Ok(None);
        }
        let recipients = |link: &Link| link.settings.as_ref().and_then(|settings| settings.recipients.clone());
        let known = self.inner.links.look(seal.address, Duration::ZERO, |root| recipients(&root.state)).await?;
        let mut labels = self.labels(seal.address, known.as_ref()).await?;
        let before = known.map_or(0, |recipients| recipients.count);
        if labels.len() != usize::from(before) {
            // Erased while we looked.
            return Err(Refusal::Link(Rejection::Erased));
        }
        for label in added {
            if !labels.contains(label) {
                labels.push(label.clone());
            }
        }
        let added = u8::try_from(labels.len() - usize::from(before)).unwrap_or(u8::MAX);
        Ok((added > 0).then(|| MoreRecipients { before, added, labels: seal.text(Field::Recipients, &document(&labels)) }))
    }

    /// Shows a link as the log has it, at most a second old.
    pub async fn link(&self, agent: AgentId, link: LinkId) -> Result<Link, Refusal> {
        Ok(self.inner.links.look(Address::link(agent, link), LINKS_SEEN_WITHIN, |root| root.state.clone()).await?)
    }

    /// Fetches the key of a link's words, or says why there is none.
    async fn link_key(&self, address: Address) -> Result<DataKey, Refusal> {
        if let Some(key) = self.key(address).await? {
            return Ok(key);
        }
        let status = self.inner.links.look(address, Duration::ZERO, |root| root.state.status).await?;
        Err(Refusal::Link(if status == Status::Unknown { Rejection::Unknown } else { Rejection::Erased }))
    }
}

/// Seals the labels of recipients; a token names each by its place among them.
fn recipients(seal: &Seal<'_>, labels: &[String]) -> Option<Recipients> {
    let count = u8::try_from(labels.len()).unwrap_or(u8::MAX);
    (count > 0).then(|| Recipients { labels: seal.text(Field::Recipients, &document(labels)), count })
}

fn document(labels: &[String]) -> String {
    serde_json::to_string(labels).expect("a list of texts is JSON")
}
