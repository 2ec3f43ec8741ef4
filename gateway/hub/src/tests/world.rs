//! A real server with a log on it, a writer of commits, and functions that receive them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::session::{Author, EndReason, Event, Session};
use domain::{Address, AgentId, CommandId, Fingerprint, LinkId, Sealed, SessionId, Timestamp, link};
use futures_util::TryStreamExt;
use nats::{Actor, Backbone, Commit, Field, Head, Options, Position, Reserve, Secrets, Shard};
use servers::{DataDir, NatsOptions, NatsServer};
use tokio::time::timeout;

use crate::{Delivery, Entry, Subscription};

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// The one shard of the log.
pub(crate) const SHARD: Shard = Shard(0);

pub(crate) struct World {
    pub(crate) nats: NatsServer,
    secrets: Secrets,
}

impl World {
    pub(crate) async fn start() -> Self {
        let data = DataDir::temporary().unwrap();
        let options = NatsOptions { sync_always: false, ..NatsOptions::default() };
        Self { nats: NatsServer::start(&data, options).await.unwrap(), secrets: Secrets::generate() }
    }

    pub(crate) async fn backbone(&self) -> Backbone {
        self.backbone_by(self.nats.url()).await
    }

    /// Connects by another port, behind which someone hands on what comes.
    pub(crate) async fn backbone_by_port(&self, port: u16) -> Backbone {
        self.backbone_by(&self.nats.url().replace(&format!(":{}", self.nats.port()), &format!(":{port}"))).await
    }

    async fn backbone_by(&self, url: &str) -> Backbone {
        let options = Options { shards: 1, shard_bytes: 64 << 20, ..Options::new(url, self.secrets.clone()) };
        Backbone::connect(options).await.unwrap()
    }

    /// Connects as an operator would, past our own code.
    pub(crate) async fn jetstream(&self) -> async_nats::jetstream::Context {
        let address: async_nats::ServerAddr = self.nats.url().parse().unwrap();
        let (user, password) = (address.username().unwrap().to_owned(), address.password().unwrap().to_owned());
        let options = async_nats::ConnectOptions::with_user_and_password(user, password);
        async_nats::jetstream::new(options.connect(self.nats.url()).await.unwrap())
    }

    /// Lists who reads the shard.
    pub(crate) async fn consumers(&self) -> Vec<String> {
        let stream = self.jetstream().await.get_stream("EVENTS-0").await.unwrap();
        stream.consumer_names().try_collect().await.unwrap()
    }
}

pub(crate) fn agent(n: u8) -> AgentId {
    AgentId::new([n; 16])
}

/// The `n`th session of an agent; it came through the link of the same number, modulo 2.
pub(crate) fn session(of: u8, n: u8) -> Address {
    Address::session(agent(of), SessionId::new([n; 16]))
}

pub(crate) fn link(n: u8) -> LinkId {
    LinkId::new([n; 16])
}

/// The place of an event.
pub(crate) fn at(sequence: u64, index: u16) -> Position {
    Position { shard: SHARD, sequence, index }
}

pub(crate) fn ended() -> Event {
    Event::Ended { reason: EndReason::ChatterLeft }
}

/// A message whose words nobody can open: enough where nobody wants to.
pub(crate) fn posted(bytes: usize) -> Event {
    let text = Sealed { bytes: vec![7; bytes].into(), characters: 3, fingerprint: Fingerprint::new([7; 16]) };
    Event::MessagePosted { from: Author::Chatter, text, kind: None, client_message_id: None, signs: None }
}

/// Writes commits, each where the last one of its aggregate stands; one pen for an aggregate.
pub(crate) struct Pen {
    pub(crate) backbone: Backbone,
    heads: HashMap<Address, Head>,
}

impl Pen {
    pub(crate) fn new(backbone: Backbone) -> Self {
        Self { backbone, heads: HashMap::new() }
    }

    /// Writes a commit of a session; returns its sequence.
    pub(crate) async fn write(&mut self, session: Address, events: Vec<Event>) -> u64 {
        let head = self.heads.entry(session).or_default();
        let commit = commit(session, head, events);
        *head = self.backbone.store().append::<Session>(session, head, &commit, Reserve::Ordinary).await.unwrap();
        head.sequence
    }

    /// Writes a commit of so many messages.
    pub(crate) async fn post(&mut self, session: Address, messages: usize) -> u64 {
        self.write(session, vec![posted(40); messages]).await
    }

    /// Writes a commit of a link.
    pub(crate) async fn pause(&mut self, of: u8, number: u8) -> u64 {
        let address = Address::link(agent(of), link(number));
        let head = self.heads.entry(address).or_default();
        let commit = commit(address, head, vec![link::Event::Paused]);
        *head = self.backbone.store().append::<link::Link>(address, head, &commit, Reserve::Ordinary).await.unwrap();
        head.sequence
    }

    /// Writes a commit of one message with words that can be opened.
    pub(crate) async fn say(&mut self, session: Address, words: &[&str]) -> u64 {
        let key = self.backbone.keys().create(session).await.unwrap();
        let id = command(session, self.heads.entry(session).or_default());
        let said = |(text, index): (&&str, u16)| Event::MessagePosted {
            from: Author::Chatter,
            text: key.seal(&session, id, Field::Message, index, text),
            kind: None,
            client_message_id: None,
            signs: None,
        };
        // Every message of a commit is sealed as its field's first.
        let events = words.iter().zip(std::iter::repeat(0)).map(said).collect();
        self.write(session, events).await
    }
}

fn commit<E>(address: Address, head: &Head, events: Vec<E>) -> Commit<E> {
    let link_of = match address.target {
        domain::Target::Session(session) => Some(link(session.bytes()[0] % 2)),
        domain::Target::Agent | domain::Target::Link(_) => None,
    };
    Commit {
        id: command(address, head),
        fingerprint: Fingerprint::new([9; 16]),
        at: Timestamp(1_700_000_000_000),
        actor: Actor::Chatter,
        link: link_of,
        previous: head.hash,
        events,
    }
}

fn command(address: Address, head: &Head) -> CommandId {
    let hash = blake3::hash(format!("{address:?} {}", head.sequence).as_bytes());
    CommandId::new(*hash.as_bytes().first_chunk().unwrap())
}

/// Waits for the next delivery.
pub(crate) async fn next(subscription: &mut Subscription) -> Delivery {
    timeout(PATIENCE, subscription.next()).await.expect("something comes")
}

/// Waits for the next commit.
pub(crate) async fn entry(subscription: &mut Subscription) -> (Arc<Entry>, Position) {
    match next(subscription).await {
        Delivery::Entry(entry, after) => (entry, after),
        other => panic!("{other:?} came instead of a commit"),
    }
}

/// Hears events until that of `last` has come.
pub(crate) async fn hear_until(subscription: &mut Subscription, last: Position) -> Vec<Position> {
    let mut heard = Vec::new();
    while heard.last().is_none_or(|heard| *heard < last) {
        let (entry, after) = entry(subscription).await;
        heard.extend(entry.facts(Some(after)).map(|fact| fact.position));
    }
    heard
}

/// Shows a commit as a chatter's frames.
pub(crate) async fn shown(entry: &Entry, backbone: &Backbone) -> Bytes {
    entry.sse(backbone, None).await.unwrap()
}

/// Waits for what comes without anybody telling.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let looks = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, looks).await.unwrap_or_else(|_| panic!("{what}"));
}
