//! The ids of links and sessions of which nothing is left in the log: they stay dead, for an id that is derived comes again.

use std::collections::{HashMap, HashSet};

use domain::{Address, AgentId, Target};
use parking_lot::Mutex;

use crate::Error;
use crate::log::connection::Connection;
use crate::log::position::Shard;
use crate::log::pruning::record::Pruning;
use crate::log::{read, streams, subjects};

/// Records read at once: each may have most of a megabyte.
const RECORDS: usize = 8;

/// What the pruning records of one shard name, as far as they were read: some 20 bytes for each link and session.
#[derive(Debug, Default)]
pub(crate) struct PrunedIds {
    read: Mutex<Read>,
}

#[derive(Debug, Default)]
struct Read {
    /// The sequence of the last record read, and how many were.
    upto: u64,
    records: u64,
    ids: HashSet<[u8; 16]>,
    /// The last sequence of each agent that is gone.
    newest: HashMap<AgentId, u64>,
}

impl Read {
    fn add(&mut self, sequence: u64, pruning: &Pruning) {
        if sequence <= self.upto {
            return;
        }
        self.upto = sequence;
        self.records += 1;
        for link in pruning.links() {
            let newest = self.newest.entry(link.agent).or_default();
            if let Some(whole) = &link.whole {
                self.ids.insert(*link.link.bytes());
                *newest = (*newest).max(whole.commits.last().unwrap_or_default());
            }
            for session in &link.sessions {
                self.ids.insert(*session.session.bytes());
                *newest = (*newest).max(session.commits.last().unwrap_or_default());
            }
        }
    }

    fn has(&self, address: Address) -> bool {
        match address.target {
            Target::Agent => false,
            Target::Link(link) => self.ids.contains(link.bytes()),
            Target::Session(session) => self.ids.contains(session.bytes()),
        }
    }
}

/// Tells whether an aggregate without commits is one whose commits were pruned, as of this call.
///
/// A record is acknowledged before any commit is purged: who has found none asks for the newest record after that, and cannot miss it.
pub(crate) async fn is_pruned(connection: &Connection, address: Address) -> Result<bool, Error> {
    let shard = connection.shard_of(address.agent);
    read_on(connection, shard).await?;
    Ok(connection.shard(shard).pruned.read.lock().has(address))
}

/// Returns the last of an agent's sequences that was pruned; 0 for none. What was purged less than a moment ago may be missing.
pub(crate) async fn newest(connection: &Connection, agent: AgentId) -> Result<u64, Error> {
    let shard = connection.shard_of(agent);
    read_on(connection, shard).await?;
    Ok(connection.shard(shard).pruned.read.lock().newest.get(&agent).copied().unwrap_or_default())
}

/// Reads the records that were added since the last call.
async fn read_on(connection: &Connection, shard: Shard) -> Result<(), Error> {
    let (state, subject) = (connection.shard(shard), subjects::pruning(shard));
    // Asking for the last record itself would carry all of it each time.
    let records = streams::messages(&connection.jetstream, shard, &subject).await?;
    loop {
        let Read { upto, records: known, .. } = *state.pruned.read.lock();
        if known >= records {
            return Ok(());
        }
        let raws = read::range(connection, shard, &subject, upto, u64::MAX, RECORDS).await?;
        if raws.is_empty() {
            return Err(Error::unavailable(format_args!("shard {shard} has {records} pruning records, and only {known} of them are there")));
        }
        for raw in raws {
            let recorded = raw.pruning(&connection.pruning_key, state.epoch, shard)?;
            state.pruned.read.lock().add(recorded.sequence, &recorded.pruning);
        }
    }
}
