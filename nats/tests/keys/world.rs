//! A real server, several processes on it, and an operator who looks into its files.

use std::fs;
use std::path::Path;

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::Stream;
use bytes::Bytes;
use domain::{Address, AgentId, LinkId, SessionId};
use nats::{Backbone, DataKey, Options, Secrets};
use servers::{DataDir, NatsOptions, NatsServer};

pub(crate) struct World {
    pub(crate) nats: NatsServer,
}

impl World {
    /// Starts a server that has every acknowledged byte on the disk.
    pub(crate) async fn start() -> Self {
        let nats = NatsServer::start(&DataDir::temporary().unwrap(), NatsOptions::default()).await.unwrap();
        Self { nats }
    }

    /// Connects as one more process of an installation.
    pub(crate) async fn backbone(&self, secrets: &Secrets) -> Backbone {
        let options = Options { shards: 1, shard_bytes: 16 << 20, ..Options::new(self.nats.url(), secrets.clone()) };
        Backbone::connect(options).await.unwrap()
    }

    /// Looks at the stream of keys as an operator would, past our own code.
    pub(crate) async fn operator(&self) -> Operator {
        let address: async_nats::ServerAddr = self.nats.url().parse().unwrap();
        let (user, password) = (address.username().unwrap().to_owned(), address.password().unwrap().to_owned());
        let options = async_nats::ConnectOptions::with_user_and_password(user, password);
        let context = async_nats::jetstream::new(options.connect(self.nats.url()).await.unwrap());
        Operator { stream: context.get_stream_no_info("KEYS").await.unwrap(), context }
    }

    /// Kills the server and starts it again on the same files and port.
    pub(crate) async fn kill_and_restart(self) -> Self {
        let (data, port) = (self.nats.data().clone(), self.nats.port());
        self.nats.kill_now().await;
        let options = NatsOptions { port: Some(port), ..NatsOptions::default() };
        Self { nats: NatsServer::start(&data, options).await.unwrap() }
    }

    /// Tells whether any file of the server's store holds these bytes.
    pub(crate) fn is_on_disk(&self, bytes: &[u8]) -> bool {
        holds(&self.nats.data().join("nats"), bytes)
    }
}

fn holds(path: &Path, bytes: &[u8]) -> bool {
    if path.is_dir() {
        return fs::read_dir(path).unwrap().any(|entry| holds(&entry.unwrap().path(), bytes));
    }
    // The server may have replaced a file since the folder was listed; the replacement is listed too.
    fs::read(path).is_ok_and(|content| content.windows(bytes.len()).any(|window| window == bytes))
}

pub(crate) struct Operator {
    context: Context,
    stream: Stream<()>,
}

impl Operator {
    /// Returns the wrapped key that the leader gives for an owner.
    pub(crate) async fn wrapped(&self, owner: Address) -> Bytes {
        self.stream.get_last_raw_message_by_subject(&subject(owner)).await.unwrap().payload
    }

    /// Puts bytes of any kind where the key of an owner belongs.
    pub(crate) async fn put(&self, owner: Address, bytes: Bytes) {
        self.context.publish(subject(owner), bytes).await.unwrap().await.unwrap();
    }

    /// Counts the messages, of whatever owner.
    pub(crate) async fn messages(&self) -> u64 {
        self.stream.get_info().await.unwrap().state.messages
    }
}

fn subject(owner: Address) -> String {
    match owner.target {
        domain::Target::Agent => format!("key.{}.agent", owner.agent),
        domain::Target::Link(link) => format!("key.{}.link.{link}", owner.agent),
        domain::Target::Session(session) => format!("key.{}.session.{session}", owner.agent),
    }
}

pub(crate) fn session(n: u8) -> Address {
    Address::session(AgentId::new([1; 16]), SessionId::new([n; 16]))
}

pub(crate) fn link(n: u8) -> Address {
    Address::link(AgentId::new([1; 16]), LinkId::new([n; 16]))
}

/// Tells keys apart without showing them.
pub(crate) fn mark(key: &DataKey) -> domain::Fingerprint {
    key.fingerprint(&[b"mark"])
}

/// Lists the owners of all stored keys, in pages so small that there are several.
pub(crate) async fn owners(backbone: &Backbone) -> Vec<Address> {
    let (mut owners, mut after) = (vec![], 0);
    loop {
        let page = backbone.keys().page(after, 2).await.unwrap();
        owners.extend(page.keys.iter().map(|key| key.owner));
        after = page.keys.last().map_or(after, |key| key.sequence);
        if page.is_last {
            return owners;
        }
    }
}
