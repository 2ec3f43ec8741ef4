//! All that a handler may use, in one cheap handle.

use std::sync::Arc;
use std::time::Duration;

use access_tokens::Tokens;
use command_service::{Commands, Principal, Receipt, Refusal};
use domain::{Address, AgentId, KeyId, LinkId, session};
use hub::Hub;
use moka::future::Cache;
use nats::{ApiKeys, Backbone, Cursors, LinkTokens, Position, SessionCredentials};
use problem::{Code, Problem};
use query_service::{Freshness, Queries, Viewer};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::key_uses::KeyUses;
use crate::limits::Limits;
use crate::prices::Prices;
use crate::probes::Probes;
use crate::read_your_writes::ReadYourWrites;
use crate::waits::Waits;

/// How many sessions' links are kept at hand (some 100 bytes each).
const SESSIONS: u64 = 50_000;
/// How long a key that was good is not counted among what may be made up.
const GOOD_FOR: Duration = Duration::from_hours(24);
/// How long a session's link is kept at hand after its last use.
const KEPT_FOR: Duration = Duration::from_mins(10);

/// The edge's handle on everything behind it; cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    commands: Commands,
    queries: Queries,
    backbone: Backbone,
    hub: Hub,
    config: Config,
    probes: Probes,
    limits: Limits,
    prices: Prices,
    waits: Arc<Waits>,
    written: ReadYourWrites,
    key_uses: KeyUses,
    tokens: Option<Tokens>,
    api_keys: ApiKeys,
    good_keys: moka::sync::Cache<KeyId, ()>,
    link_tokens: LinkTokens,
    credentials: SessionCredentials,
    link_of_session: Cache<Address, LinkId>,
    leaving: CancellationToken,
    closing: CancellationToken,
}

impl App {
    /// Puts the parts together; `probes` say how the parts behind the edge are.
    pub fn new(commands: Commands, queries: Queries, backbone: Backbone, config: Config, probes: Probes) -> Self {
        let secrets = backbone.secrets();
        let inner = Inner {
            hub: Hub::new(backbone.clone()),
            limits: Limits::new(&config.rates),
            prices: Prices::new(&config.rates, secrets),
            waits: Waits::within(config.waits),
            written: ReadYourWrites::default(),
            key_uses: KeyUses::default(),
            tokens: config.authorization_server.clone().map(Tokens::new),
            api_keys: ApiKeys::new(secrets),
            good_keys: moka::sync::Cache::builder().max_capacity(SESSIONS).time_to_idle(GOOD_FOR).build(),
            link_tokens: LinkTokens::new(secrets),
            credentials: SessionCredentials::new(secrets),
            link_of_session: Cache::builder().max_capacity(SESSIONS).time_to_idle(KEPT_FOR).build(),
            leaving: CancellationToken::new(),
            closing: CancellationToken::new(),
            commands,
            queries,
            config,
            probes,
            backbone,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Returns what changes things.
    pub fn commands(&self) -> &Commands {
        &self.inner.commands
    }

    /// Returns what reads the rows.
    pub fn queries(&self) -> &Queries {
        &self.inner.queries
    }

    /// Returns the log.
    pub fn backbone(&self) -> &Backbone {
        &self.inner.backbone
    }

    /// Returns what seals and opens cursors.
    pub fn cursors(&self) -> &Cursors {
        self.inner.backbone.cursors()
    }

    /// Returns what tells of new events.
    pub fn hub(&self) -> &Hub {
        &self.inner.hub
    }

    /// Returns the settings.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Returns what says how the parts are.
    pub fn probes(&self) -> &Probes {
        &self.inner.probes
    }

    /// Returns what counts how often clients come.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// Returns what asks proof of work of guesses, newcomers and messages.
    pub fn prices(&self) -> &Prices {
        &self.inner.prices
    }

    /// Forgets what counts no more, and tells the metrics.
    pub fn tidy(&self) {
        self.limits().tidy();
        self.prices().tidy();
    }

    /// Returns what tells an API key of ours from one that was made up.
    pub fn api_keys(&self) -> &ApiKeys {
        &self.inner.api_keys
    }

    /// Returns what counts the waits and streams under way.
    pub fn waits(&self) -> &Arc<Waits> {
        &self.inner.waits
    }

    pub(crate) fn good_keys(&self) -> &moka::sync::Cache<KeyId, ()> {
        &self.inner.good_keys
    }

    /// Returns what makes and checks the tokens of links.
    pub fn link_tokens(&self) -> &LinkTokens {
        &self.inner.link_tokens
    }

    /// Returns what makes and checks the credentials of sessions.
    pub fn credentials(&self) -> &SessionCredentials {
        &self.inner.credentials
    }

    /// Returns the token that is cancelled some time before the service stops: it is not ready any more, and still answers.
    pub fn leaving(&self) -> &CancellationToken {
        &self.inner.leaving
    }

    /// Returns the token that is cancelled when the service stops: waits then return at once.
    pub fn closing(&self) -> &CancellationToken {
        &self.inner.closing
    }

    /// Returns what notes which keys are in use.
    pub fn key_uses(&self) -> &KeyUses {
        &self.inner.key_uses
    }

    /// Returns what checks an authorization server's tokens, where one is trusted.
    pub fn tokens(&self) -> Option<&Tokens> {
        self.inner.tokens.as_ref()
    }

    /// Notes where a command's answer stands, so that the agent's next answers have it.
    pub fn wrote(&self, agent: AgentId, receipt: &Receipt) {
        self.inner.written.note(agent, receipt);
    }

    /// Returns which rows a key may see.
    pub fn viewer(principal: &Principal) -> Viewer {
        match principal.grant.link {
            Some(link) => Viewer::OnLink(principal.agent, link),
            None => Viewer::Agent(principal.agent),
        }
    }

    /// Returns how fresh an answer must be: this process's own writes, and whatever is known beyond.
    pub fn freshness_from(&self, agent: AgentId, known: u64) -> Freshness {
        match self.freshness(agent).at_least {
            Some(written) => Freshness::at_least(written.max(known)),
            // Nothing was written here: another process may have.
            None => Freshness::default(),
        }
    }

    /// Returns how fresh an answer to this agent or its chatters must be.
    pub fn freshness(&self, agent: AgentId) -> Freshness {
        self.inner.written.freshness(agent)
    }

    /// Refuses a cursor of an agent's behind which something was pruned: its holder has missed an erasure that no event tells any more.
    pub async fn nothing_was_pruned_after(&self, agent: AgentId, position: Position) -> Result<(), Problem> {
        if self.backbone().newest_pruned(agent).await? > position.sequence {
            return Err(Code::CursorReset.into());
        }
        Ok(())
    }

    /// Finds the link of a session, which never changes.
    pub async fn link_of(&self, address: Address) -> Result<LinkId, Refusal> {
        if let Some(link) = self.inner.link_of_session.get(&address).await {
            return Ok(link);
        }
        let link = self.commands().session(address).await?.link.ok_or(Refusal::Session(session::Rejection::Unknown))?;
        self.inner.link_of_session.insert(address, link).await;
        Ok(link)
    }
}
