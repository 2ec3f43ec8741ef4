//! The crate's entry point: one connection, the log on it, and what seals and opens texts and names.

use std::sync::Arc;

use domain::AgentId;

use crate::audit::Audit;
use crate::credentials::cursor::Cursors;
use crate::credentials::handoffs::Handoffs;
use crate::credentials::task_name::TaskNames;
use crate::keys::data_keys::Keys;
use crate::keys::opener::Opener;
use crate::keys::secrets::{Secrets, context};
use crate::keys::signing::Signer;
use crate::log::connection::Connection;
use crate::log::feed::Feed;
use crate::log::position::{Epoch, Hash, Shard};
use crate::log::pruning::leaves::Leaves;
use crate::log::pruning::takeover;
use crate::log::store::Store;
use crate::log::writes::WriteFailure;
use crate::log::{read, streams, subjects};
use crate::signed_head::Heads;
use crate::watch::Watch;
use crate::{Error, Opening, Options};

/// The log and its keys; cheap to clone.
#[derive(Clone, Debug)]
pub struct Backbone {
    pub(crate) connection: Arc<Connection>,
    pub(crate) watch: Arc<Watch>,
    heads: Arc<Heads>,
    audit: Audit,
    sealing: Arc<Sealing>,
}

#[derive(Debug)]
struct Sealing {
    secrets: Secrets,
    keys: Keys,
    cursors: Cursors,
    task_names: TaskNames,
    opener: Opener,
    signer: Signer,
}

impl Backbone {
    /// Connects, refuses a server that is too old, and makes or verifies the streams.
    pub async fn connect(options: Options) -> Result<Self, Error> {
        let connection = Connection::open(&options, options.roots.derive(context::PRUNING)).await?;
        if options.opening != Opening::Read {
            takeover::take_over(&connection).await?;
        }
        let secrets = options.roots;
        let keys = Keys::open(Arc::clone(&connection), secrets.clone()).await?;
        let epochs = || connection.shards.iter().map(|state| (state.shard, state.epoch));
        let cursors = Cursors::new(&secrets, epochs());
        let task_names = TaskNames::new(&secrets, epochs());
        let opener = Opener::new(keys.clone());
        let watch = Arc::new(Watch::new(connection.shards.len()));
        let signer = Signer::new(&secrets);
        let audit = Audit::start(connection.jetstream.clone(), &secrets);
        let sealing = Arc::new(Sealing { secrets, keys, cursors, task_names, opener, signer });
        Ok(Self { connection, watch, heads: Arc::default(), audit, sealing })
    }

    /// Returns all shards, in order.
    pub fn shards(&self) -> impl Iterator<Item = Shard> + '_ {
        self.connection.shards.iter().map(|state| state.shard)
    }

    /// Returns the shard of an agent, its links and its sessions.
    pub fn shard_of(&self, agent: AgentId) -> Shard {
        self.connection.shard_of(agent)
    }

    /// Returns the epoch of a shard's stream that this process works with.
    pub fn epoch(&self, shard: Shard) -> Epoch {
        self.connection.shard(shard).epoch
    }

    /// Asks the leader for the last sequence of a shard; 0 when it is empty.
    pub async fn end(&self, shard: Shard) -> Result<u64, Error> {
        let found = streams::find(&self.connection.jetstream, shard).await?;
        if found.epoch == self.epoch(shard) { Ok(found.last) } else { Err(Error::OtherEpoch { shard }) }
    }

    /// Asks the leaders how full the fullest shard is: a share of its byte limit, 0 to 1.
    pub async fn fullness(&self) -> Result<f64, Error> {
        self.connection.refresh_capacity().await
    }

    /// Opens the store of aggregates.
    pub fn store(&self) -> Store {
        Store::new(Arc::clone(&self.connection))
    }

    /// Follows a shard from the message after `after`, where its running hash was `running`, and proves that it goes on.
    pub fn feed(&self, shard: Shard, after: u64, running: Hash) -> Feed {
        Feed::new(Arc::clone(&self.connection), shard, after, Some(running))
    }

    /// Follows a shard from the message after `after`, for a reader that does not need the running hash: it is not computed.
    pub fn tail(&self, shard: Shard, after: u64) -> Feed {
        Feed::new(Arc::clone(&self.connection), shard, after, None)
    }

    /// Returns what stands for a sequence in the running hash: of a message that is there, or of one that a record names.
    pub async fn leaf(&self, shard: Shard, sequence: u64) -> Result<Option<Hash>, Error> {
        let filter = subjects::events_of_shard(shard);
        let next = read::next(&self.connection, shard, &filter, sequence.saturating_sub(1)).await?;
        if let Some(raw) = next.filter(|raw| raw.sequence == sequence) {
            return Ok(Some(raw.leaf()));
        }
        let mut leaves = Leaves::new(shard, sequence.saturating_sub(1));
        leaves.read_on(&self.connection).await?;
        Ok(leaves.get(sequence))
    }

    /// Returns the installation's secrets.
    pub fn secrets(&self) -> &Secrets {
        &self.sealing.secrets
    }

    /// Returns what signs documents for others.
    pub fn signer(&self) -> &Signer {
        &self.sealing.signer
    }

    /// Returns what this process knows of signed heads.
    pub fn heads(&self) -> &Heads {
        &self.heads
    }

    /// Returns what takes entries of the audit.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Returns the data keys.
    pub fn keys(&self) -> &Keys {
        &self.sealing.keys
    }

    /// Returns the index of sessions by hand-off code.
    pub fn handoffs(&self) -> Handoffs {
        Handoffs::new(self.connection.jetstream.clone())
    }

    /// Returns what seals and opens cursors of this log.
    pub fn cursors(&self) -> &Cursors {
        &self.sealing.cursors
    }

    /// Returns what seals and opens the names of tasks that wait on this log.
    pub fn task_names(&self) -> &TaskNames {
        &self.sealing.task_names
    }

    /// Returns what makes sealed text readable.
    pub fn opener(&self) -> Opener {
        self.sealing.opener.clone()
    }

    /// Tells whether the server can be reached right now.
    pub fn is_connected(&self) -> bool {
        self.connection.is_connected()
    }

    /// Returns which stream cannot be written to, as far as this process has tried, and why.
    pub fn write_failure(&self) -> Option<WriteFailure> {
        self.connection.writes.failure()
    }

    /// Sends what is still to be sent, then closes the connection; nothing works after it.
    pub async fn drain(&self) {
        self.audit.flush().await;
        if let Err(error) = self.connection.client.flush().await {
            tracing::debug!(%error, "the connection was closed already");
        }
        if let Err(error) = self.connection.client.drain().await {
            tracing::debug!(%error, "the connection was closed already");
        }
    }
}
