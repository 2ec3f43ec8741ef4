//! Reads a shard from its first message and proves it: every chain, every record, every gap.

use std::collections::{BTreeMap, HashMap};

use domain::Address;

use crate::log::position::{Epoch, Hash, Shard};
use crate::log::pruning::lookup;
use crate::log::record::{Raw, Recorded};
use crate::log::running::Running;
use crate::log::verify_error::VerifyError;
use crate::log::{read, streams, subjects};
use crate::{Backbone, Error};

/// Messages read at once.
const BATCH: usize = 1000;

/// A shard that is whole up to its head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The shard.
    pub shard: Shard,
    /// Its stream's epoch.
    pub epoch: Epoch,
    /// The last sequence.
    pub sequence: u64,
    /// The running hash up to there.
    pub running: Hash,
    /// How many commits were read.
    pub commits: u64,
    /// How many events they hold.
    pub events: u64,
    /// How many aggregates they belong to.
    pub aggregates: usize,
    /// How many pruning records were read.
    pub pruning_records: u64,
    /// How many sequences are missing, each named by a record.
    pub pruned: u64,
    /// The running hashes at the sequences that were asked for, where the shard has them.
    pub running_at: BTreeMap<u64, Hash>,
}

impl Backbone {
    /// Reads a shard up to its present end. Every commit must carry the hash of the one before it on its subject, and every sequence must
    /// be there or be named by a record; what is named and still there must be what the record names. Reports the running hashes at the
    /// sequences `at`.
    pub async fn verify(&self, shard: Shard, at: &[u64]) -> Result<Verified, VerifyError> {
        let connection = &self.connection;
        let filter = subjects::events_of_shard(shard);
        let end = streams::find(&connection.jetstream, shard).await?.last;
        let last = read::last(connection, shard, &filter).await?.map_or(0, |last| last.sequence);
        let running = Running::after(connection, shard, 0, Hash::default(), at.iter().copied().collect()).await?;
        lookup::read_on(connection, shard).await?;
        let mut reading = Reading {
            backbone: self,
            shard,
            running,
            chains: HashMap::new(),
            verified: Verified::none(shard, self.epoch(shard)),
        };
        let read = reading.read(&filter, last, end).await;
        // What is missing also breaks chains, and says more.
        reading.running.whole()?;
        read?;
        Ok(reading.finish())
    }
}

/// What is known of a shard while it is read.
struct Reading<'a> {
    backbone: &'a Backbone,
    shard: Shard,
    running: Running<'a>,
    chains: HashMap<Address, Hash>,
    verified: Verified,
}

impl Reading<'_> {
    /// Reads everything up to the last message, and over what is missing behind it.
    async fn read(&mut self, filter: &str, last: u64, end: u64) -> Result<(), VerifyError> {
        let mut fault = Ok(());
        while self.running.sequence < last {
            let raws = read::range(&self.backbone.connection, self.shard, filter, self.running.sequence, last, BATCH).await?;
            if raws.is_empty() {
                break;
            }
            for raw in raws {
                self.running.step_over(raw.sequence).await?;
                // The first fault is told; how much is missing is counted to the end.
                let leaf = raw.leaf();
                fault = fault.and(self.take(&raw, leaf));
                self.running.advance(raw.sequence, leaf);
            }
        }
        // A record stands behind what it names, so that none can name the end.
        self.running.step_over(end.max(last) + 1).await?;
        fault
    }

    /// Checks what is there.
    fn take(&mut self, raw: &Raw, leaf: Hash) -> Result<(), VerifyError> {
        let shard = self.shard;
        // What is named and there is being purged just now, or was when a crash came; an adopted gap names nothing that is there.
        if self.running.named(raw.sequence).is_some_and(|named| named != leaf) {
            return Err(VerifyError::OtherCommit { shard, sequence: raw.sequence });
        }
        if raw.is_pruning(shard) {
            raw.pruning(&self.backbone.connection.pruning_key, self.verified.epoch, shard)?;
            self.verified.pruning_records += 1;
        } else {
            let recorded = raw.decode()?;
            self.check_chain(&recorded)?;
            self.verified.commits += 1;
            self.verified.events += recorded.commit.events.len() as u64;
        }
        Ok(())
    }

    fn check_chain(&mut self, recorded: &Recorded) -> Result<(), VerifyError> {
        let (shard, sequence) = (recorded.shard, recorded.sequence);
        let is_named = self.running.named(sequence).is_some();
        let pruned = &self.backbone.connection.shard(shard).pruned;
        if !is_named && pruned.pruned_at(recorded.address).is_some() {
            return Err(VerifyError::Alive { shard, sequence });
        }
        let previous = self.chains.insert(recorded.address, recorded.hash).unwrap_or_default();
        // A purge that a crash cut off leaves the rest of a chain, until it is repeated.
        let is_rest = is_named && previous == Hash::default();
        if recorded.commit.previous == previous || is_rest {
            return Ok(());
        }
        let subject = subjects::event(shard, &recorded.address);
        Err(Error::ChainBroken { subject, sequence }.into())
    }

    fn finish(self) -> Verified {
        let Running { sequence, hash, pruned, found, .. } = self.running;
        Verified { sequence, running: hash, pruned, running_at: found, aggregates: self.chains.len(), ..self.verified }
    }
}

impl Verified {
    fn none(shard: Shard, epoch: Epoch) -> Self {
        Self {
            shard,
            epoch,
            sequence: 0,
            running: Hash::default(),
            commits: 0,
            events: 0,
            aggregates: 0,
            pruning_records: 0,
            pruned: 0,
            running_at: BTreeMap::new(),
        }
    }
}
