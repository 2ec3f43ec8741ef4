//! A log, rows, whoever writes to the log, and webhooks at work.

use std::time::Duration;

use command_service::{Commands, End, Join, NewLink, NewWebhook};
use domain::{Address, AgentId, KeyId, LinkId, Millis, Policy};
use nats::{Actor, Backbone};
use servers::NatsServer;
use sqlx::{AssertSqlSafe, PgPool};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use webhooks::{EndpointView, RetryPolicy, Settings, Webhooks};

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// The agent's own hand.
pub(crate) const KEY: KeyId = KeyId::new([7; 16]);

pub(crate) struct World {
    pub(crate) backbone: Backbone,
    pub(crate) pool: PgPool,
    pub(crate) commands: Commands,
    _nats: NatsServer,
}

/// Webhooks at work in one process.
pub(crate) struct Running {
    pub(crate) webhooks: Webhooks,
    stop: CancellationToken,
}

/// Less patient than in earnest, and only with what runs here.
pub(crate) fn settings() -> Settings {
    let retry = RetryPolicy {
        connect: Duration::from_secs(5),
        call: Duration::from_secs(5),
        first_pause: Duration::from_millis(20),
        longest_pause: Duration::from_millis(100),
        ..RetryPolicy::default()
    };
    Settings { networks: vec!["127.0.0.0/8".parse().unwrap()], retry }
}

impl World {
    pub(crate) async fn start() -> Self {
        let _already = rustls::crypto::ring::default_provider().install_default();
        Self::on(testbed::database().await).await
    }

    /// The same rows beside a log that has nothing to do with them.
    pub(crate) async fn with_another_log(self) -> Self {
        Self::on(self.pool).await
    }

    async fn on(pool: PgPool) -> Self {
        let (backbone, nats) = testbed::log().await;
        let policy = Policy { messages_per_minute: 10_000, starts_per_minute: 10_000, ..Policy::default() };
        Self { commands: Commands::new(backbone.clone(), policy), backbone, pool, _nats: nats }
    }

    /// Starts webhooks as one process has them.
    pub(crate) fn webhooks(&self, settings: &Settings) -> Running {
        let stop = CancellationToken::new();
        Running { webhooks: Webhooks::start(&self.backbone, &self.pool, settings, &stop).unwrap(), stop }
    }

    pub(crate) async fn agent(&self) -> AgentId {
        self.commands.register_agent("Ada").await.unwrap().0
    }

    /// Makes an agent that is told of events at an address.
    pub(crate) async fn agent_at(&self, url: &str) -> AgentId {
        let agent = self.agent().await;
        self.set(agent, None, url, false).await;
        agent
    }

    pub(crate) async fn set(&self, agent: AgentId, link: Option<LinkId>, url: &str, with_text: bool) {
        let webhook = NewWebhook { url: url.to_owned(), with_text, rotate: false };
        self.commands.set_webhook(agent, link, Some(webhook)).await.unwrap();
    }

    pub(crate) async fn link(&self, agent: AgentId) -> LinkId {
        let new = NewLink {
            max_sessions_at_once: 50,
            max_messages_per_session: 1_000,
            messages_per_minute: 100,
            keep_after_end: Millis::minutes(60),
            ..NewLink::usual("The weather".to_owned(), End::In(Millis::minutes(60)), &Policy::default())
        };
        self.commands.create_link(agent, Actor::Agent(KEY), new, None).await.unwrap().0
    }

    /// Starts a chat.
    pub(crate) async fn chat(&self, agent: AgentId, link: LinkId) -> Address {
        let join = Join {
            agent,
            link,
            rotation: 0,
            network: None,
            recipient: None,
            client_id: "someone".to_owned(),
            display_name: None,
            passcode: None,
            language: None,
            start_new: false,
            holds: None,
        };
        Address::session(agent, self.commands.join(&join).await.unwrap().session())
    }

    pub(crate) async fn say(&self, session: Address, number: usize, text: &str) {
        self.commands.post(session, Actor::Chatter, &format!("message-{number}"), text).await.unwrap();
    }

    /// Looks at an agent's webhooks.
    pub(crate) async fn list(&self, agent: AgentId) -> Vec<EndpointView> {
        webhooks::list(&self.pool, Some(agent)).await.unwrap()
    }

    /// Looks at an agent's only webhook until it is as it should be.
    pub(crate) async fn endpoint(
        &self,
        what: &str,
        agent: AgentId,
        mut is_so: impl FnMut(&EndpointView) -> bool,
    ) -> EndpointView {
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        soon(what, async {
            loop {
                ticks.tick().await;
                if let Some(found) = self.list(agent).await.into_iter().find(|endpoint| is_so(endpoint)) {
                    return found;
                }
            }
        })
        .await
    }

    /// Runs one statement as the owner of everything.
    pub(crate) async fn sql(&self, statement: &str) {
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&self.pool).await.unwrap();
    }

    /// Waits until webhooks have read all of the log.
    pub(crate) async fn caught_up(&self, running: &Running) {
        for shard in self.backbone.shards() {
            let end = self.backbone.end(shard).await.unwrap();
            assert_eq!(soon("the end of the log", running.webhooks.follower().reached(shard, end)).await.stopped, None);
        }
    }
}

impl Running {
    /// Stops as a process does that was asked to.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        soon("the end of webhooks", self.webhooks.finished()).await;
    }
}

/// Waits for what must come.
pub(crate) async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    timeout(PATIENCE, happens).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}
