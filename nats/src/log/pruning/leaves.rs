//! The leaves of what is missing from a shard, for a reader that computes the running hash over it.

use std::collections::BTreeMap;

use crate::Error;
use crate::log::connection::Connection;
use crate::log::position::{Hash, Shard};
use crate::log::{read, subjects};

/// Records read at once: each may have most of a megabyte.
const RECORDS: usize = 8;

/// The leaves that pruning records name, as far as they were read.
#[derive(Debug)]
pub(crate) struct Leaves {
    shard: Shard,
    /// Leaves up to this sequence are not wanted any more.
    after: u64,
    /// The sequence of the last record read.
    upto: u64,
    named: BTreeMap<u64, Hash>,
}

impl Leaves {
    pub(crate) fn new(shard: Shard, after: u64) -> Self {
        // A record stands behind the commits that it names.
        Self { shard, after, upto: after, named: BTreeMap::new() }
    }

    /// Reads the records that were added since the last call.
    pub(crate) async fn read_on(&mut self, connection: &Connection) -> Result<(), Error> {
        let (state, subject) = (connection.shard(self.shard), subjects::pruning(self.shard));
        loop {
            let raws = read::range(connection, self.shard, &subject, self.upto, u64::MAX, RECORDS).await?;
            let Some(last) = raws.last() else { return Ok(()) };
            self.upto = last.sequence;
            for raw in &raws {
                let recorded = raw.pruning(&connection.pruning_key, state.epoch, self.shard)?;
                self.named.extend(recorded.pruning.leaves().filter(|(sequence, _)| *sequence > self.after));
            }
        }
    }

    /// Returns the leaf of a sequence that a record names, and forgets those before it.
    pub(crate) fn take(&mut self, sequence: u64) -> Option<Hash> {
        self.after = self.after.max(sequence);
        self.named = self.named.split_off(&sequence);
        self.named.remove(&sequence)
    }

    /// Returns the leaf of a sequence that a record names.
    pub(crate) fn get(&self, sequence: u64) -> Option<Hash> {
        self.named.get(&sequence).copied()
    }
}
