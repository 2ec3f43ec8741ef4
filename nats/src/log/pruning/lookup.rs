//! Looks for what was pruned: its ids stay dead, for an id that is derived comes again.

use std::time::{Duration, Instant};

use domain::{Address, AgentId, Timestamp};

use crate::Error;
use crate::log::connection::Connection;
use crate::log::position::Shard;
use crate::log::{read, streams, subjects};

/// How long an agent's last pruned sequence is used without asking again.
const NEWEST_FOR: Duration = Duration::from_mins(1);
/// Records read at once: each may have most of a megabyte.
const RECORDS: usize = 8;

/// Returns when the commits of an aggregate that has none were pruned, to the next full minute; none where it never had any. As of this call:
/// a record is acknowledged before any commit is purged, so a caller that found no commits and then reads the newest record cannot miss it.
pub(crate) async fn pruned_at(connection: &Connection, address: Address) -> Result<Option<Timestamp>, Error> {
    let shard = connection.shard_of(address.agent);
    read_on(connection, shard).await?;
    Ok(connection.shard(shard).pruned.pruned_at(address))
}

/// Returns the last of an agent's sequences that was pruned; 0 for none. What was pruned within the last minute may be missing.
pub(crate) async fn newest(connection: &Connection, agent: AgentId) -> Result<u64, Error> {
    let shard = connection.shard_of(agent);
    if !connection.shard(shard).pruned.is_complete(NEWEST_FOR) {
        read_on(connection, shard).await?;
    }
    Ok(connection.shard(shard).pruned.newest(agent))
}

/// Reads the records that were added since the last call.
pub(crate) async fn read_on(connection: &Connection, shard: Shard) -> Result<(), Error> {
    let (state, subject) = (connection.shard(shard), subjects::pruning(shard));
    let asked = Instant::now();
    // Asking for the last record itself would carry all of it each time.
    let records = streams::messages(&connection.jetstream, shard, &subject).await?;
    let mut reading = None;
    loop {
        let (upto, known) = state.pruned.read();
        if known >= records {
            state.pruned.complete(asked);
            return Ok(());
        }
        if reading.is_none() {
            // The previous holder may have read them all.
            reading = Some(state.pruned.reading.lock().await);
            continue;
        }
        let raws = read::range(connection, shard, &subject, upto, u64::MAX, RECORDS).await?;
        if raws.is_empty() {
            return Err(Error::unavailable(format_args!(
                "shard {shard} has {records} pruning records, and only {known} of them are there"
            )));
        }
        for raw in raws {
            let recorded = raw.pruning(&connection.pruning_key, state.epoch, shard)?;
            state.pruned.add(recorded.sequence, &recorded.pruning);
        }
    }
}
