//! Histories that the rules accept, told by commands: decided, appended, folded.

use bytes::Bytes;
use domain::budget::{Budget, Limits};
use domain::link::{self, Link};
use domain::session::{self, Author, Session, Wish};
use domain::{
    Address, AgentId, Aggregate, CommandId, Fingerprint, KeyId, LinkId, Millis, Policy, QuestionId, Sealed, SessionId, Timestamp,
};
use nats::{Actor, Backbone, Commit, Head, Reserve, Store};

/// When every story begins.
pub(crate) const BEGIN: Timestamp = Timestamp(1_700_000_000_000);

/// A writer with a clock that only the test turns.
pub(crate) struct Story {
    store: Store,
    policy: Policy,
    commands: u64,
    pub(crate) now: Timestamp,
    /// Who acts.
    pub(crate) actor: Actor,
}

impl Story {
    pub(crate) fn on(backbone: &Backbone) -> Self {
        Self { store: backbone.store(), policy: Policy::default(), commands: 0, now: BEGIN, actor: Actor::Operator }
    }

    pub(crate) fn wait(&mut self, length: Millis) {
        self.now = self.now + length;
    }

    /// Carries out a command; panics where the rules refuse it or nothing follows.
    pub(crate) async fn tell<A: Aggregate>(&mut self, address: Address, link: Option<LinkId>, command: A::Command) -> u64 {
        let mut state = A::default();
        let mut head = Head::default();
        for stored in self.store.load::<A>(address, &head).await.unwrap() {
            for event in &stored.commit.events {
                state.evolve(event, stored.commit.at);
            }
            head = stored.head;
        }
        let events = state.decide(&command, self.now, &self.policy).unwrap();
        self.record::<A>(address, link, &head, events).await.sequence
    }

    /// Returns where an aggregate's commits end.
    pub(crate) async fn head<A: Aggregate>(&self, address: Address) -> Head {
        self.store.load::<A>(address, &Head::default()).await.unwrap().last().map_or_else(Head::default, |stored| stored.head)
    }

    /// Appends events as they are.
    pub(crate) async fn record<A: Aggregate>(
        &mut self,
        address: Address,
        link: Option<LinkId>,
        head: &Head,
        events: Vec<A::Event>,
    ) -> Head {
        assert!(!events.is_empty());
        self.commands += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.commands.to_be_bytes());
        let commit = Commit {
            id: CommandId::new(id),
            fingerprint: Fingerprint::new([1; 16]),
            at: self.now,
            actor: self.actor,
            link,
            previous: head.hash,
            events,
        };
        self.store.append::<A>(address, head, &commit, Reserve::Ordinary).await.unwrap()
    }

    pub(crate) async fn link(&mut self, link: Address, command: link::Command) -> u64 {
        self.tell::<Link>(link, None, command).await
    }

    pub(crate) async fn session(&mut self, session: Address, link: Address, command: session::Command) -> u64 {
        self.tell::<Session>(session, Some(link_id(link)), command).await
    }

    /// Opens a link that lasts an hour.
    pub(crate) async fn open(&mut self, link: Address) {
        let settings = settings(self.now + Millis::minutes(60));
        self.link(link, link::Command::Open(Box::new(settings))).await;
    }

    pub(crate) async fn admit(&mut self, link: Address, session: Address, returning: bool) {
        let admit = link::Command::Admit {
            session: session_id(session),
            returning,
            start_before: self.now + Millis::minutes(1),
            passcode: link::Passcode::Right,
            recipient: None,
            client: None,
        };
        self.link(link, admit).await;
    }

    /// Admits and starts a session.
    pub(crate) async fn start(&mut self, link: Address, session: Address) {
        self.start_until(link, session, BEGIN + Millis::minutes(60)).await;
    }

    /// Admits and starts a session that ends at a time.
    pub(crate) async fn start_until(&mut self, link: Address, session: Address, expires_at: Timestamp) {
        self.admit(link, session, false).await;
        let settings = session::Settings {
            expires_at,
            max_messages: 100,
            messages_per_minute: 10,
            idle_timeout: Millis::minutes(30),
            keep_after_end: Millis::minutes(1_440),
            budget: Limits::default(),
        };
        let start = session::Start {
            link: link_id(link),
            settings,
            start_before: self.now + Millis::minutes(1),
            display_name: Some(sealed("name")),
            language: Some("de".to_owned()),
            welcome: Some(sealed("welcome")),
            question: None,
            recipient: None,
            origin: None,
        };
        self.session(session, link, session::Command::Start(Box::new(start))).await;
    }

    pub(crate) async fn say(&mut self, link: Address, session: Address, from: Author, text: &str) -> u64 {
        let text = sealed(text);
        let post = session::Command::Post { from, text, kind: None, client_message_id: None, signs: None, is_paid: false };
        self.session(session, link, post).await
    }

    pub(crate) async fn release(&mut self, link: Address, session: Address, reason: link::Release) {
        self.link(link, link::Command::Release { session: session_id(session), reason, spent: None }).await;
    }

    /// Tells of one agent everything that can happen, with as many sessions as are asked for.
    pub(crate) async fn all(&mut self, n: u8, sessions: u8) {
        use domain::agent::{self, Agent, Webhook};
        let home = Address::agent(agent(n));
        self.tell::<Agent>(home, None, agent::Command::Register { name: format!("agent {n}") }).await;
        self.tell::<Agent>(
            home,
            None,
            agent::Command::IssueKey { key: key(n), name: "key".to_owned(), hash: [n; 32], grant: agent::Grant::default() },
        )
        .await;
        let webhook = Webhook { url: "https://example.org/hook".to_owned(), with_text: false, rotation: 0 };
        self.tell::<Agent>(home, None, agent::Command::SetWebhook { webhook: Some(webhook) }).await;
        let link = link(n, n);
        self.open(link).await;
        for m in 0..sessions {
            let session = session(n, n.wrapping_mul(16).wrapping_add(m));
            self.start(link, session).await;
            self.say(link, session, Author::Chatter, "hello").await;
            let upto = self.say(link, session, Author::Agent(key(n)), "good day").await;
            self.session(session, link, session::Command::MarkRead { by: session::Reader::Agent(key(n)), upto: upto.into() })
                .await;
            self.ask(link, session, m).await;
            if m % 2 == 0 {
                self.session(session, link, session::Command::End { reason: session::EndReason::ChatterLeft, farewell: None })
                    .await;
                self.session(session, link, session::Command::Rate { rating: 4, feedback: Some(sealed("fine")) }).await;
                self.release(link, session, link::Release::Left).await;
            }
            if m % 4 == 0 {
                self.session(session, link, session::Command::Erase { requested: true }).await;
            }
        }
    }

    async fn ask(&mut self, link: Address, session: Address, n: u8) {
        let question = question(n);
        let ask = session::Command::Ask {
            question,
            from: Author::Agent(key(n)),
            form: sealed("form"),
            fields: 2,
            required: 0b01,
            wish: Wish::default(),
        };
        self.session(session, link, ask).await;
        self.session(
            session,
            link,
            session::Command::Answer { question, values: sealed("values"), answered: 0b01, withdrawn: 0 },
        )
        .await;
    }
}

pub(crate) fn settings(expires_at: Timestamp) -> link::Settings {
    link::Settings {
        title: sealed("title"),
        purpose: Some(sealed("purpose")),
        description: None,
        welcome_message: None,
        agent_name: Some(sealed("agent name")),
        passcode: Some(sealed("verifier")),
        expires_at,
        max_sessions_at_once: 50,
        max_sessions_total: None,
        max_messages_per_session: 100,
        messages_per_minute: 10,
        idle_timeout: Millis::minutes(30),
        keep_after_end: Millis::minutes(1_440),
        language: Some("de".to_owned()),
        allowed_origins: vec!["https://one.example".to_owned(), "https://two.example".to_owned()],
        questions: Some(link::Questions { question: question(9), form: sealed("form"), fields: 1, required: 1 }),
        recipients: Some(link::Recipients { labels: sealed("labels"), count: 2 }),
        budget: Budget::default(),
    }
}

pub(crate) fn sealed(text: &str) -> Sealed {
    Sealed { bytes: Bytes::copy_from_slice(text.as_bytes()), characters: 5, fingerprint: Fingerprint::new([7; 16]) }
}

pub(crate) fn agent(n: u8) -> AgentId {
    AgentId::new([n; 16])
}

pub(crate) fn key(n: u8) -> KeyId {
    KeyId::new([n; 16])
}

pub(crate) fn question(n: u8) -> QuestionId {
    QuestionId::new([n; 16])
}

pub(crate) fn link(n: u8, m: u8) -> Address {
    let mut id = [m; 16];
    // Never a session's.
    id[0] = 0xff;
    Address::link(agent(n), LinkId::new(id))
}

pub(crate) fn session(n: u8, m: u8) -> Address {
    Address::session(agent(n), SessionId::new([m; 16]))
}

fn link_id(link: Address) -> LinkId {
    match link.target {
        domain::Target::Link(link) => link,
        domain::Target::Agent | domain::Target::Session(_) => panic!("not a link"),
    }
}

fn session_id(session: Address) -> SessionId {
    match session.target {
        domain::Target::Session(session) => session,
        domain::Target::Agent | domain::Target::Link(_) => panic!("not a session"),
    }
}
