//! The running hash of a shard, computed on from where it is known, over what is there and what records name.

use std::collections::{BTreeMap, BTreeSet};

use crate::Error;
use crate::log::connection::Connection;
use crate::log::position::{Hash, Shard};
use crate::log::pruning::leaves::Leaves;
use crate::log::verify_error::VerifyError;

/// How far a shard was read, and what it says up to there.
#[derive(Debug)]
pub(crate) struct Running<'a> {
    connection: &'a Connection,
    shard: Shard,
    leaves: Leaves,
    /// The last sequence that was taken in.
    pub(crate) sequence: u64,
    /// The running hash up to there.
    pub(crate) hash: Hash,
    /// The leaf of that sequence.
    pub(crate) leaf: Hash,
    /// How many sequences were missing, each named by a record.
    pub(crate) pruned: u64,
    /// How many were missing that no record names, the first of them and the last.
    unrecorded: Option<(u64, u64, u64)>,
    /// The sequences whose running hash is asked for.
    wanted: BTreeSet<u64>,
    /// What was asked for, as far as it was reached.
    pub(crate) found: BTreeMap<u64, Hash>,
}

impl<'a> Running<'a> {
    /// Goes on after `sequence`, where the running hash was `hash`.
    pub(crate) async fn after(
        connection: &'a Connection,
        shard: Shard,
        sequence: u64,
        hash: Hash,
        wanted: BTreeSet<u64>,
    ) -> Result<Self, Error> {
        let mut leaves = Leaves::new(shard, sequence);
        leaves.read_on(connection).await?;
        let (leaf, found) = (Hash::default(), BTreeMap::new());
        Ok(Self { connection, shard, leaves, sequence, hash, leaf, pruned: 0, unrecorded: None, wanted, found })
    }

    /// Returns the leaf of a sequence that a record names.
    pub(crate) fn named(&self, sequence: u64) -> Option<Hash> {
        self.leaves.get(sequence)
    }

    /// Goes over what is missing before `sequence`; of what no record names [`Self::whole`] tells.
    pub(crate) async fn step_over(&mut self, sequence: u64) -> Result<(), Error> {
        let missing = self.sequence + 1..sequence;
        if missing.clone().any(|missing| self.leaves.get(missing).is_none()) {
            // What was pruned while this reads.
            self.leaves.read_on(self.connection).await?;
        }
        for missing in missing {
            let named = self.leaves.get(missing);
            if named.is_some() {
                self.pruned += 1;
            } else {
                let (count, first) = self.unrecorded.map_or((0, missing), |(count, first, _)| (count, first));
                self.unrecorded = Some((count + 1, first, missing));
            }
            self.advance(missing, named.unwrap_or_default());
        }
        Ok(())
    }

    /// Fails where something was missing that no record names.
    pub(crate) fn whole(&self) -> Result<(), VerifyError> {
        match self.unrecorded {
            None => Ok(()),
            Some((count, first, last)) => Err(VerifyError::Unrecorded { shard: self.shard, count, first, last }),
        }
    }

    /// Takes in the leaf of the next sequence.
    pub(crate) fn advance(&mut self, sequence: u64, leaf: Hash) {
        self.hash = self.hash.advance(&leaf);
        (self.sequence, self.leaf) = (sequence, leaf);
        if self.wanted.contains(&sequence) {
            self.found.insert(sequence, self.hash);
        }
    }
}
