//! Reads a shard from its first commit and checks every aggregate's hash chain.

use std::collections::HashMap;

use domain::Address;

use crate::log::feed::FeedError;
use crate::log::position::{Epoch, Hash, Shard};
use crate::log::record::Recorded;
use crate::log::{read, subjects};
use crate::{Backbone, Error};

/// A shard whose chains are whole, up to its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

impl Backbone {
    /// Reads a shard up to its present end; every commit must carry the hash of the one before it on its subject.
    pub async fn verify(&self, shard: Shard) -> Result<Verified, FeedError> {
        // The stream's own last sequence may be that of a purged commit.
        let last = read::last(&self.connection, shard, &subjects::events_of_shard(shard)).await?;
        let end = last.map_or(0, |last| last.sequence);
        let mut feed = self.feed(shard, 0, Hash::default());
        let mut chains = HashMap::new();
        let mut verified = Verified {
            shard,
            epoch: self.epoch(shard),
            sequence: 0,
            running: Hash::default(),
            commits: 0,
            events: 0,
            aggregates: 0,
        };
        while verified.sequence < end {
            for recorded in feed.next(1000).await? {
                check(&mut chains, &recorded)?;
                verified.sequence = recorded.sequence;
                verified.running = recorded.running;
                verified.commits += 1;
                verified.events += recorded.commit.events.len() as u64;
            }
        }
        verified.aggregates = chains.len();
        Ok(verified)
    }
}

fn check(chains: &mut HashMap<Address, Hash>, recorded: &Recorded) -> Result<(), Error> {
    let previous = chains.insert(recorded.address, recorded.hash).unwrap_or_default();
    if previous == recorded.commit.previous {
        Ok(())
    } else {
        let subject = subjects::event(recorded.shard, &recorded.address);
        Err(Error::ChainBroken { subject, sequence: recorded.sequence })
    }
}
