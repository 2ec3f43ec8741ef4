//! The ids of links and sessions of which nothing is left in the log: they stay dead, for an id that is derived comes again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use domain::{Address, AgentId, Millis, Target, Timestamp};
use parking_lot::Mutex;

use crate::Error;
use crate::log::connection::Connection;
use crate::log::position::Shard;
use crate::log::pruning::record::Pruning;
use crate::log::{read, streams, subjects};

/// How long an agent's last pruned sequence is used without asking again.
const NEWEST_FOR: Duration = Duration::from_secs(60);
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
    /// When each was pruned, in minutes since 1970-01-01T00:00:00Z.
    ids: HashMap<[u8; 16], u32>,
    /// When the records were last asked for.
    at: Option<Instant>,
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
        let at = u32::try_from(pruning.at().0 / Millis::MINUTE.0).unwrap_or_default();
        for link in pruning.links() {
            let newest = self.newest.entry(link.agent).or_default();
            if let Some(whole) = &link.whole {
                self.ids.insert(*link.link.bytes(), at);
                *newest = (*newest).max(whole.commits.last().unwrap_or_default());
            }
            for session in &link.sessions {
                self.ids.insert(*session.session.bytes(), at);
                *newest = (*newest).max(session.commits.last().unwrap_or_default());
            }
        }
    }

    fn pruned_at(&self, address: Address) -> Option<Timestamp> {
        let at = match address.target {
            Target::Agent => None,
            Target::Link(link) => self.ids.get(link.bytes()),
            Target::Session(session) => self.ids.get(session.bytes()),
        };
        at.map(|minutes| Timestamp(0) + Millis::minutes(i64::from(*minutes)))
    }
}

/// Returns when the commits of an aggregate that has none were pruned, to the minute; none where it never had any. As of this call:
/// a record is acknowledged before any commit is purged, so who has found no commits and then asks for the newest record cannot miss it.
pub(crate) async fn pruned_at(connection: &Connection, address: Address) -> Result<Option<Timestamp>, Error> {
    let shard = connection.shard_of(address.agent);
    read_on(connection, shard).await?;
    Ok(connection.shard(shard).pruned.read.lock().pruned_at(address))
}

/// Returns the last of an agent's sequences that was pruned; 0 for none. What was pruned within the last minute may be missing.
pub(crate) async fn newest(connection: &Connection, agent: AgentId) -> Result<u64, Error> {
    let shard = connection.shard_of(agent);
    let is_known = connection.shard(shard).pruned.read.lock().at.is_some_and(|at| at.elapsed() < NEWEST_FOR);
    if !is_known {
        read_on(connection, shard).await?;
    }
    Ok(connection.shard(shard).pruned.read.lock().newest.get(&agent).copied().unwrap_or_default())
}

/// Reads the records that were added since the last call.
async fn read_on(connection: &Connection, shard: Shard) -> Result<(), Error> {
    let (state, subject) = (connection.shard(shard), subjects::pruning(shard));
    let asked = Instant::now();
    // Asking for the last record itself would carry all of it each time.
    let records = streams::messages(&connection.jetstream, shard, &subject).await?;
    loop {
        let (upto, known) = {
            let mut read = state.pruned.read.lock();
            if read.records >= records {
                read.at = Some(asked);
                return Ok(());
            }
            (read.upto, read.records)
        };
        let raws = read::range(connection, shard, &subject, upto, u64::MAX, RECORDS).await?;
        if raws.is_empty() {
            return Err(Error::unavailable(format_args!(
                "shard {shard} has {records} pruning records, and only {known} of them are there"
            )));
        }
        for raw in raws {
            let recorded = raw.pruning(&connection.pruning_key, state.epoch, shard)?;
            state.pruned.read.lock().add(recorded.sequence, &recorded.pruning);
        }
    }
}
