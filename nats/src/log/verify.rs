//! Reads a shard from its first message and proves it: every chain, every record, every gap.

use std::collections::{BTreeMap, HashMap};

use domain::Address;

use crate::log::position::{Epoch, Hash, Shard};
use crate::log::pruning::leaves::Leaves;
use crate::log::pruning::lookup;
use crate::log::record::{Raw, Recorded};
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

/// Why a shard is not whole.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Messages are missing and no record says why.
    #[error(
        "{count} commits are missing from shard {shard} and no pruning record names them: the first is {first}, the last {last}"
    )]
    Unrecorded {
        /// The shard.
        shard: Shard,
        /// How many.
        count: u64,
        /// The first.
        first: u64,
        /// The last.
        last: u64,
    },
    /// A commit that a record names is there, and is not the one that it names.
    #[error("sequence {sequence} of shard {shard} is another commit than the one that a pruning record names")]
    OtherCommit {
        /// The shard.
        shard: Shard,
        /// The commit.
        sequence: u64,
    },
    /// A link or session goes on although a record says that nothing is left of it.
    #[error("sequence {sequence} of shard {shard} is of a link or session that a pruning record names, and no record names it")]
    Alive {
        /// The shard.
        shard: Shard,
        /// The commit.
        sequence: u64,
    },
    /// The log cannot be read, or a chain is broken.
    #[error(transparent)]
    Log(#[from] Error),
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
        let mut leaves = Leaves::new(shard, 0);
        leaves.read_on(connection).await?;
        lookup::read_on(connection, shard).await?;
        let mut reading =
            Reading { backbone: self, at, leaves, chains: HashMap::new(), verified: Verified::none(shard, self.epoch(shard)) };
        while reading.verified.sequence < last {
            let raws = read::range(connection, shard, &filter, reading.verified.sequence, last, BATCH).await?;
            if raws.is_empty() {
                break;
            }
            for raw in raws {
                reading.step_over(raw.sequence).await?;
                reading.take(&raw)?;
            }
        }
        // A record stands behind what it names, so that none can name the end.
        reading.step_over(end.max(last) + 1).await?;
        reading.verified.aggregates = reading.chains.len();
        Ok(reading.verified)
    }
}

/// What is known of a shard while it is read.
struct Reading<'a> {
    backbone: &'a Backbone,
    at: &'a [u64],
    leaves: Leaves,
    chains: HashMap<Address, Hash>,
    verified: Verified,
}

impl Reading<'_> {
    /// Goes over what is missing before `sequence`.
    async fn step_over(&mut self, sequence: u64) -> Result<(), VerifyError> {
        let missing = self.verified.sequence + 1..sequence;
        if missing.clone().any(|missing| self.leaves.get(missing).is_none()) {
            // What was pruned while this reads.
            self.leaves.read_on(&self.backbone.connection).await?;
        }
        let mut unrecorded = missing.clone().filter(|missing| self.leaves.get(*missing).is_none());
        if let Some(first) = unrecorded.next() {
            let (count, last) = unrecorded.fold((1, first), |(count, _), missing| (count + 1, missing));
            return Err(VerifyError::Unrecorded { shard: self.verified.shard, count, first, last });
        }
        for missing in missing {
            self.advance(missing, self.leaves.get(missing).unwrap_or_default());
            self.verified.pruned += 1;
        }
        Ok(())
    }

    /// Checks what is there.
    fn take(&mut self, raw: &Raw) -> Result<(), VerifyError> {
        let shard = self.verified.shard;
        let leaf = raw.leaf();
        // What is named and there is being purged just now, or was when a crash came; an adopted gap names nothing that is there.
        if self.leaves.get(raw.sequence).is_some_and(|named| named != leaf) {
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
        self.advance(raw.sequence, leaf);
        Ok(())
    }

    fn check_chain(&mut self, recorded: &Recorded) -> Result<(), VerifyError> {
        let (shard, sequence) = (recorded.shard, recorded.sequence);
        let is_named = self.leaves.get(sequence).is_some();
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

    fn advance(&mut self, sequence: u64, leaf: Hash) {
        self.verified.running = self.verified.running.advance(&leaf);
        self.verified.sequence = sequence;
        if self.at.contains(&sequence) {
            self.verified.running_at.insert(sequence, self.verified.running);
        }
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
