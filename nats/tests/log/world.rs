//! A real server, a log on it, and commits to put there.

use bytes::Bytes;
use domain::session::{Author, Event, Session};
use domain::{Address, AgentId, CommandId, Fingerprint, LinkId, Sealed, SessionId, Timestamp};
use nats::{Actor, AppendError, Backbone, Commit, Head, Options, Reserve, Secrets, Store};
use servers::{DataDir, NatsOptions, NatsServer};

pub(crate) struct World {
    pub(crate) nats: NatsServer,
    pub(crate) secrets: Secrets,
}

impl World {
    pub(crate) async fn start() -> Self {
        let data = DataDir::temporary().unwrap();
        let options = NatsOptions { sync_always: false, ..NatsOptions::default() };
        Self { nats: NatsServer::start(&data, options).await.unwrap(), secrets: Secrets::generate() }
    }

    pub(crate) fn options(&self) -> Options {
        Options { shards: 2, shard_bytes: 64 << 20, ..Options::new(self.nats.url(), self.secrets.clone()) }
    }

    pub(crate) async fn backbone(&self) -> Backbone {
        Backbone::connect(self.options()).await.unwrap()
    }

    /// Connects as an operator would, past our own code.
    pub(crate) async fn jetstream(&self) -> async_nats::jetstream::Context {
        async_nats::jetstream::new(client(self.nats.url()).await)
    }

    /// Kills the server and starts it again on the same files and port.
    pub(crate) async fn kill_and_restart(self) -> Self {
        let (data, port) = (self.nats.data().clone(), self.nats.port());
        self.nats.kill_now().await;
        let options = NatsOptions { sync_always: false, port: Some(port), ..NatsOptions::default() };
        Self { nats: NatsServer::start(&data, options).await.unwrap(), secrets: self.secrets }
    }
}

async fn client(url: &str) -> async_nats::Client {
    let address: async_nats::ServerAddr = url.parse().unwrap();
    let (user, password) = (address.username().unwrap().to_owned(), address.password().unwrap().to_owned());
    async_nats::ConnectOptions::with_user_and_password(user, password).connect(url).await.unwrap()
}

pub(crate) fn agent(n: u8) -> AgentId {
    AgentId::new([n; 16])
}

pub(crate) fn session(n: u8) -> Address {
    Address::session(agent(n), SessionId::new([n; 16]))
}

pub(crate) fn sealed(text: &str) -> Sealed {
    Sealed { bytes: Bytes::copy_from_slice(text.as_bytes()), characters: 3, fingerprint: Fingerprint::new([7; 16]) }
}

pub(crate) fn posted(text: &str) -> Event {
    Event::MessagePosted { from: Author::Chatter, text: sealed(text), kind: None, client_message_id: None, signs: None }
}

/// The id of the `n`th command on an address.
pub(crate) fn command(address: Address, n: u64) -> CommandId {
    let hash = blake3::hash(format!("{address:?} {n}").as_bytes());
    CommandId::new(*hash.as_bytes().first_chunk().unwrap())
}

pub(crate) fn commit<E>(id: CommandId, head: &Head, events: Vec<E>) -> Commit<E> {
    Commit {
        id,
        fingerprint: Fingerprint::new([9; 16]),
        at: Timestamp(1_700_000_000_000),
        actor: Actor::Chatter,
        link: Some(LinkId::new([5; 16])),
        previous: head.hash,
        events,
    }
}

/// Appends the `n`th commit of an address, one message.
pub(crate) async fn append(store: &Store, address: Address, n: u64, head: &Head) -> Result<Head, AppendError> {
    let commit = commit(command(address, n), head, vec![posted(&format!("message {n}"))]);
    store.append::<Session>(address, head, &commit, Reserve::Ordinary).await
}

/// Appends `count` commits one after the other, from the very first on.
pub(crate) async fn fill(store: &Store, address: Address, count: u64) -> Head {
    let mut head = Head::default();
    for n in 0..count {
        head = append(store, address, n, &head).await.unwrap();
    }
    head
}
