//! A log, processes that work on it, and chats in it.

use std::process::Command;
use std::time::{Duration, Instant};

use command_service::{Commands, End, Join, Joined, NewLink, clock};
use domain::{Address, AgentId, Aggregate, CommandId, Fingerprint, LinkId, Millis, Policy, SessionId, link, session};
use nats::{Actor, AnyEvent, Backbone, Commit, Derived, Fact, Options, Reserve, Scope, Secrets};
use servers::{DataDir, NatsOptions, NatsServer};

use crate::gate::Gate;

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) struct World {
    pub(crate) nats: NatsServer,
    pub(crate) secrets: Secrets,
}

/// What one process has: a connection and warm state of its own.
#[derive(Clone)]
pub(crate) struct Process {
    pub(crate) backbone: Backbone,
    pub(crate) commands: Commands,
}

/// A chat that has begun.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chat {
    pub(crate) agent: AgentId,
    pub(crate) link: LinkId,
    pub(crate) session: SessionId,
}

impl World {
    pub(crate) async fn start() -> Self {
        let data = DataDir::temporary().unwrap();
        let options = NatsOptions { sync_always: false, ..NatsOptions::default() };
        Self { nats: NatsServer::start(&data, options).await.unwrap(), secrets: Secrets::generate() }
    }

    pub(crate) async fn process(&self) -> Process {
        self.process_with(&self.secrets, policy()).await
    }

    pub(crate) async fn process_with(&self, secrets: &Secrets, policy: Policy) -> Process {
        Self::connect(self.nats.url(), secrets, policy).await
    }

    /// Connects a process through a gate.
    pub(crate) async fn process_behind(&self, gate: &Gate) -> Process {
        let url = self.nats.url().replace(&format!(":{}", self.nats.port()), &format!(":{}", gate.port));
        Self::connect(&url, &self.secrets, policy()).await
    }

    async fn connect(url: &str, secrets: &Secrets, policy: Policy) -> Process {
        let options = Options { shards: 2, shard_bytes: 64 << 20, ..Options::new(url, secrets.clone()) };
        let backbone = Backbone::connect(options).await.unwrap();
        Process { commands: Commands::new(backbone.clone(), policy), backbone }
    }

    pub(crate) fn derived(&self) -> Derived {
        Derived::new(&self.secrets)
    }

    /// Stops the server in its tracks; what is sent to it waits.
    pub(crate) fn freeze(&self) {
        let pid = self.nats.pid();
        signal("-STOP", pid);
        let state = || Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap().stdout;
        while !state().starts_with(b"T") {}
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        signal("-CONT", self.nats.pid());
    }
}

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

/// Limits that no test meets by accident; times may be as short as a test likes.
pub(crate) fn policy() -> Policy {
    Policy {
        shortest_lifetime: Millis(0),
        shortest_idle: Millis(0),
        starts_per_minute: 10_000,
        messages_per_minute: 10_000,
        agent_messages_per_minute: 10_000,
        shortest_answer_time: Millis(1),
        soonest_planned_end: Millis(1),
        ..Policy::default()
    }
}

/// A link for an hour, wide open.
pub(crate) fn an_hour() -> NewLink {
    NewLink {
        max_sessions_at_once: 50,
        max_messages_per_session: 1_000,
        messages_per_minute: 10_000,
        keep_after_end: Millis::minutes(60),
        ..NewLink::usual("The weather".to_owned(), End::In(Millis::minutes(60)), &Policy::default())
    }
}

pub(crate) fn client(agent: AgentId, link: LinkId, client_id: &str) -> Join {
    Join {
        agent,
        link,
        rotation: 0,
        recipient: None,
        network: None,
        client_id: client_id.to_owned(),
        display_name: None,
        passcode: None,
        language: None,
        start_new: false,
        holds: None,
    }
}

impl Chat {
    pub(crate) fn address(&self) -> Address {
        Address::session(self.agent, self.session)
    }

    pub(crate) fn at_link(&self) -> Address {
        Address::link(self.agent, self.link)
    }
}

impl Process {
    pub(crate) async fn agent(&self) -> AgentId {
        self.commands.register_agent("Ada").await.unwrap().0
    }

    pub(crate) async fn link(&self, agent: AgentId, new: NewLink) -> LinkId {
        self.commands.create_link(agent, Actor::Operator, new, None).await.unwrap().0
    }

    /// Starts a chat on a link of its own.
    pub(crate) async fn chat(&self, new: NewLink) -> Chat {
        let agent = self.agent().await;
        let link = self.link(agent, new).await;
        self.chat_on(agent, link, "someone").await
    }

    pub(crate) async fn chat_on(&self, agent: AgentId, link: LinkId, client_id: &str) -> Chat {
        match self.commands.join(&client(agent, link, client_id)).await.unwrap() {
            Joined::Started(session, receipt) => {
                assert!(!receipt.replayed);
                Chat { agent, link, session }
            }
            Joined::Existing(session) => panic!("{session} was there before"),
        }
    }

    /// Reads all that happened to an aggregate.
    pub(crate) async fn facts(&self, address: Address) -> Vec<Fact> {
        let end = self.backbone.end(self.backbone.shard_of(address.agent)).await.unwrap();
        let commits = self.backbone.store().scan(Scope::Aggregate(address), 0, end, usize::MAX).await.unwrap();
        commits.iter().flat_map(|commit| commit.facts().collect::<Vec<_>>()).collect()
    }

    /// Names all that happened to an aggregate.
    pub(crate) async fn names(&self, address: Address) -> Vec<&'static str> {
        self.facts(address).await.iter().map(|fact| fact.event.wire_name()).collect()
    }

    /// Lists the owners of all stored keys.
    pub(crate) async fn key_owners(&self) -> Vec<Address> {
        let page = self.backbone.keys().page(0, 1_000).await.unwrap();
        assert!(page.is_last);
        page.keys.into_iter().map(|key| key.owner).collect()
    }

    /// Counts the commits of the log, and checks every chain in it.
    pub(crate) async fn commits(&self) -> u64 {
        let mut commits = 0;
        for shard in self.backbone.shards() {
            commits += self.backbone.verify(shard, &[]).await.unwrap().commits;
        }
        commits
    }

    /// Records what another process might have decided, `ago`.
    #[expect(clippy::disallowed_methods, reason = "a command is like no other")]
    pub(crate) async fn record<A: Aggregate>(&self, address: Address, link: LinkId, events: Vec<A::Event>, ago: Millis) {
        let store = self.backbone.store();
        let head = store.last(address).await.unwrap().map(|last| last.head).unwrap_or_default();
        let id = CommandId::new(rand::random());
        let fingerprint = Fingerprint::new(*id.bytes());
        let commit = Commit {
            id,
            fingerprint,
            at: clock::now() - ago,
            actor: Actor::Timer,
            link: Some(link),
            previous: head.hash,
            events,
        };
        store.append::<A>(address, &head, &commit, Reserve::Ending).await.unwrap();
    }
}

/// Returns the words that were said, in order; those of an erased chat are gone.
pub(crate) async fn words(process: &Process, chat: Chat) -> Vec<nats::Text> {
    let vault = process.backbone.opener().vault(chat.address()).await.unwrap();
    let said = process.facts(chat.address()).await.into_iter().filter_map(|fact| match fact.event {
        AnyEvent::Session(session::Event::MessagePosted { text, .. }) => Some(text),
        AnyEvent::Agent(_) | AnyEvent::Link(_) | AnyEvent::Session(_) => None,
    });
    said.map(|text| vault.open(nats::Field::Message, 0, &text.bytes).unwrap()).collect()
}

/// Settings of a session that another process might have started.
pub(crate) fn started(link: LinkId) -> session::Event {
    let settings = session::Settings {
        expires_at: clock::now() + Millis::minutes(60),
        max_messages: 100,
        messages_per_minute: 100,
        idle_timeout: Millis::minutes(30),
        keep_after_end: Millis::minutes(60),
        budget: domain::budget::Limits::default(),
    };
    session::Event::Started { link, settings, display_name: None, language: None, recipient: None, origin: None }
}

/// A place that another process might have reserved, until `left` from now.
pub(crate) fn admitted(session: SessionId, returning: bool, left: Millis) -> link::Event {
    link::Event::Admitted { session, returning, start_before: clock::now() + left, recipient: None, bytes: 0 }
}

/// Asks again and again until there is an answer.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let began = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    loop {
        ticks.tick().await;
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "{what} never came");
    }
}
