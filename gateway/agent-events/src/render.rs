//! Stored events rendered for one agent: texts opened and sanitized, with the names of keys and recipients.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use app::App;
use command_service::Principal;
use domain::session::Event as SessionEvent;
use domain::{Address, KeyId, LinkId, SessionId, Target};
use events::{Audience, Data, DecidedBy, Event, present};
use nats::{Actor, AnyEvent, Fact, Vault};
use problem::Problem;
use query_service::{Chatter, Freshness, Vaults};
use text::clean;

use super::recipients::Recipients;

/// Renders stored events of one agent; it holds data keys, so it lives no longer than one answer.
pub struct Renderer<'a> {
    app: &'a App,
    principal: &'a Principal,
    vaults: HashMap<Address, Vault>,
    names: HashMap<KeyId, Option<String>>,
    recipients: Recipients<'a>,
    chatters: HashMap<SessionId, Chatter>,
}

impl<'a> Renderer<'a> {
    /// Makes a renderer for the bearer of one of the agent's keys.
    pub fn new(app: &'a App, principal: &'a Principal) -> Self {
        Self::with(app, principal, Vaults::default())
    }

    /// As [`Self::new`], with the vaults that came with a page of rows.
    pub fn with(app: &'a App, principal: &'a Principal, vaults: Vaults) -> Self {
        let recipients = Recipients::new(app, principal);
        Self { app, principal, vaults: vaults.into_iter().collect(), names: HashMap::new(), recipients, chatters: HashMap::new() }
    }

    /// Fetches by the rows, all at once, what opens these events and is not there yet. What the rows are too far behind to tell is left
    /// for [`Self::render`] to ask the log.
    pub async fn prepare(&mut self, facts: impl IntoIterator<Item = &Fact>) -> Result<(), Problem> {
        let (mut sessions, mut links, mut reached) = (BTreeSet::<SessionId>::new(), BTreeSet::new(), 0);
        for fact in facts {
            reached = reached.max(fact.position.sequence);
            if let Target::Session(session) = fact.address.target {
                sessions.extend((!self.vaults.contains_key(&fact.address)).then_some(session));
            }
            links.extend(recipient_of(&fact.event).and(fact.link));
        }
        let fresh = self.app.freshness_from(self.principal.agent, reached);
        if !sessions.is_empty() {
            let sessions: Vec<_> = sessions.into_iter().collect();
            let answer = self.app.queries().vaults(App::viewer(self.principal), &sessions, fresh).await?;
            if answer.stale {
                // Another look at rows that are behind would only wait again.
                return Ok(());
            }
            self.vaults.extend(answer.value);
        }
        self.recipients.read(links, fresh).await
    }

    /// Renders one stored event, if agents are told about it.
    pub async fn render(&mut self, fact: &Fact) -> Result<Option<Event>, Problem> {
        let vault = self.vault(fact.address).await?;
        let Some(mut event) = present(fact, &vault, self.app.cursors(), Audience::Agent)? else { return Ok(None) };
        if matches!(event.data, Data::Message { text: None, .. }) {
            // Messages of an erased session have no text any more: they are left out.
            return Ok(None);
        }
        if let (Data::SessionStarted { recipient, .. }, Some(number)) = (&mut event.data, recipient_of(&fact.event)) {
            *recipient = self.recipients.label(event.link_id, Some(number)).await?;
        }
        if let (Data::Decision { by, untrusted, .. }, Some(session), Actor::Chatter) =
            (&mut event.data, event.session_id, fact.actor)
        {
            *by = self.decided_by(event.link_id, session).await?;
            *untrusted |= by.display_name.is_some();
        }
        if let Actor::Agent(key) = fact.actor {
            event.by = self.name(key).await?;
        }
        Ok(Some(event))
    }

    /// Tells who decides in a session, as far as the rows know.
    async fn decided_by(&mut self, link: LinkId, session: SessionId) -> Result<DecidedBy, Problem> {
        if !self.chatters.contains_key(&session) {
            // Who came is known long before they decide: the rows do as they are.
            let rows = self.app.queries().chatters(App::viewer(self.principal), &[session], Freshness::at_least(0)).await?;
            self.chatters.extend(rows.value);
        }
        let Chatter { recipient, display_name } = self.chatters.get(&session).cloned().unwrap_or_default();
        let recipient = self.recipients.label(link, recipient).await?;
        Ok(DecidedBy { recipient, display_name: display_name.map(|name| clean(&name)) })
    }

    /// Fetches the vault of a session; one that is due to be erased counts as erased.
    async fn vault(&mut self, address: Address) -> Result<Vault, Problem> {
        if let Some(vault) = self.vaults.get(&address) {
            return Ok(vault.clone());
        }
        let vault = match address.target {
            Target::Agent | Target::Link(_) => Vault::erased(address),
            Target::Session(_) if self.is_due_to_be_gone(address).await? => Vault::erased(address),
            Target::Session(_) => self.app.backbone().opener().vault(address).await?,
        };
        self.vaults.insert(address, vault.clone());
        Ok(vault)
    }

    async fn is_due_to_be_gone(&self, address: Address) -> Result<bool, Problem> {
        let state = self.app.commands().session(address).await?;
        let at_latest = state.settings.as_ref().map(|settings| settings.expires_at + settings.keep_after_end);
        Ok(state.erase_at().or(at_latest).is_some_and(|at| at <= command_service::clock::now()))
    }

    async fn name(&mut self, key: KeyId) -> Result<Option<String>, Problem> {
        if key == self.principal.key {
            return Ok(Some(clean(&self.principal.key_name)));
        }
        if let Some(name) = self.names.get(&key) {
            return Ok(name.clone());
        }
        let name = self.app.commands().key_name(self.principal.agent, key).await?.map(|name| clean(&name));
        self.names.insert(key, name.clone());
        Ok(name)
    }
}

impl fmt::Debug for Renderer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renderer").finish_non_exhaustive()
    }
}

/// Returns the recipient as whom a chatter joined.
fn recipient_of(event: &AnyEvent) -> Option<u8> {
    if let AnyEvent::Session(SessionEvent::Started { recipient, .. }) = event { *recipient } else { None }
}
