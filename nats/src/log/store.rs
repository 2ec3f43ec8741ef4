//! Typed access to aggregates in the log: load, last, append, scan.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{Address, AgentId, Aggregate, Timestamp};

use crate::Error;
use crate::log::append::{AppendError, Reserve};
use crate::log::commit::{Commit, Encoded};
use crate::log::connection::Connection;
use crate::log::head::{Head, Last, Stored};
use crate::log::position::{Hash, Shard};
use crate::log::pruning::lookup;
use crate::log::record::{Raw, Recorded};
use crate::log::{append, read, streams, subjects};

/// What a scan reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// An agent and all that is its own.
    Agent(AgentId),
    /// One aggregate.
    Aggregate(Address),
}

/// The store of aggregates; cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    connection: Arc<Connection>,
}

impl Store {
    pub(crate) fn new(connection: Arc<Connection>) -> Self {
        Self { connection }
    }

    /// Loads the commits of an aggregate after `after`, up to the leader's last one; verifies the chain.
    pub async fn load<A: Aggregate>(&self, address: Address, after: &Head) -> Result<Vec<Stored<A::Event>>, Error> {
        let shard = self.connection.shard_of(address.agent);
        let subject = subjects::event(shard, &address);
        let _permit = self.connection.cold.acquire().await.expect("the semaphore is never closed");
        let mut raws = read::complete(&self.connection, shard, &subject, after.sequence).await?;
        // A purge between two pages cuts a history off.
        while raws.len() > read::PAGE {
            let last = read::last(&self.connection, shard, &subject).await?;
            if last.is_some_and(|last| raws.last().is_some_and(|raw| last.sequence >= raw.sequence)) {
                break;
            }
            raws = read::complete(&self.connection, shard, &subject, after.sequence).await?;
        }
        let mut head = *after;
        raws.iter().map(|raw| follow::<A::Event>(raw, &mut head)).collect()
    }

    /// Returns when the commits of an aggregate for which [`Self::load`] has found none were pruned: it was erased long before.
    pub async fn pruned_at(&self, address: Address) -> Result<Option<Timestamp>, Error> {
        lookup::pruned_at(&self.connection, address).await
    }

    /// Asks the leader for the last commit of an aggregate.
    pub async fn last(&self, address: Address) -> Result<Option<Last>, Error> {
        let shard = self.connection.shard_of(address.agent);
        let subject = subjects::event(shard, &address);
        read::last(&self.connection, shard, &subject).await?.map(|raw| raw.last()).transpose()
    }

    /// Finds the last commits of many aggregates, as the leaders had them at the time of the call or later; those without any are
    /// left out.
    pub async fn last_of(&self, addresses: &[Address]) -> Result<Vec<(Address, Last)>, Error> {
        let mut subjects = BTreeMap::<Shard, Vec<String>>::new();
        for address in addresses {
            let shard = self.connection.shard_of(address.agent);
            subjects.entry(shard).or_default().push(subjects::event(shard, address));
        }
        let mut all = Vec::with_capacity(addresses.len());
        for (shard, subjects) in subjects {
            let end = streams::find(&self.connection.jetstream, shard).await?.last;
            for raw in read::latest(&self.connection, shard, &subjects, end).await? {
                all.push((raw.address()?, raw.last()?));
            }
        }
        Ok(all)
    }

    /// Appends a commit where `expected` is still the head; `commit.previous` must be its hash.
    ///
    /// A commit whose acknowledgement is lost is looked up at the leader and sent again if need be, for 10 s at most.
    /// If the future is dropped, the outcome is unknown.
    pub async fn append<A: Aggregate>(
        &self,
        address: Address,
        expected: &Head,
        commit: &Commit<A::Event>,
        reserve: Reserve,
    ) -> Result<Head, AppendError> {
        debug_assert_eq!(commit.previous, expected.hash, "a commit continues its chain");
        let encoded = Encoded::new::<A>(commit).map_err(Error::Encode)?;
        append::append(&self.connection, &address, expected.sequence, encoded, reserve).await
    }

    /// Reads commits after the sequence `after` up to `upto`, oldest first, at most `limit`, from a server proven to have reached
    /// `upto`.
    pub async fn scan(&self, scope: Scope, after: u64, upto: u64, limit: usize) -> Result<Vec<Recorded>, Error> {
        let (shard, filter) = match scope {
            Scope::Agent(agent) => {
                let shard = self.connection.shard_of(agent);
                (shard, subjects::events_of_agent(shard, agent))
            }
            Scope::Aggregate(address) => {
                let shard = self.connection.shard_of(address.agent);
                (shard, subjects::event(shard, &address))
            }
        };
        let raws = read::range(&self.connection, shard, &filter, after, upto, limit).await?;
        raws.iter().map(Raw::decode).collect()
    }
}

/// Decodes the commit that must follow `head`, and makes it the head.
fn follow<E: serde::de::DeserializeOwned>(raw: &Raw, head: &mut Head) -> Result<Stored<E>, Error> {
    let commit = Commit::<E>::decode(raw.headers.as_ref(), &raw.payload).map_err(|error| raw.corrupt(&error))?;
    if commit.previous != head.hash {
        return Err(Error::ChainBroken { subject: raw.subject.clone(), sequence: raw.sequence });
    }
    *head = Head { sequence: raw.sequence, hash: Hash::of(&raw.payload) };
    Ok(Stored { head: *head, commit })
}
