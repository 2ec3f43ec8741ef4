//! Takes over logs of format 1, whose running hash could not go over what was purged.

use serde::Deserialize;
use serde_json::json;

use crate::log::append::{self, AppendError, Reserve};
use crate::log::commit::Encoded;
use crate::log::connection::Connection;
use crate::log::position::Shard;
use crate::log::pruning::record::{self, Pruning};
use crate::log::{read, streams, subjects};
use crate::{Error, clock};

/// The part of `$JS.API.STREAM.INFO` with `deleted_details` that tells what is missing.
#[derive(Deserialize)]
struct Info {
    state: State,
}

#[derive(Deserialize)]
struct State {
    first_seq: u64,
    last_seq: u64,
    /// The missing sequences between the first and the last.
    #[serde(default)]
    deleted: Vec<u64>,
}

/// Records what is missing from the shards of a log of format 1 and gives them the present format, which older programs refuse.
///
/// A repeat after a crash may record the same gaps again, which changes nothing.
pub(crate) async fn take_over(connection: &Connection) -> Result<(), Error> {
    for state in connection.shards.iter().filter(|state| state.is_of_format_1) {
        let gaps = gaps(connection, state.shard).await?;
        if !gaps.is_empty() {
            adopt(connection, state.shard, gaps).await?;
        }
        streams::raise_format(&connection.jetstream, state.shard).await?;
        tracing::info!(shard = %state.shard, "the shard was taken over from format 1");
    }
    Ok(())
}

async fn adopt(connection: &Connection, shard: Shard, gaps: Vec<(u64, u64)>) -> Result<(), Error> {
    tracing::warn!(%shard, ?gaps, "commits were missing already when the log was taken over: this is recorded");
    let epoch = connection.shard(shard).epoch;
    let subject = subjects::pruning(shard);
    let after = read::last(connection, shard, &subject).await?.map_or(0, |raw| raw.sequence);
    let pruning = Pruning::Adopted { at: clock::now(), gaps };
    let payload = record::encode(&connection.pruning_key, epoch, shard, &pruning)?;
    match append::append_to(connection, shard, subject, after, Encoded::record(payload, record::TYPE), Reserve::Ending).await {
        // Another process takes the log over at the same time.
        Ok(_) | Err(AppendError::Conflict) => Ok(()),
        Err(AppendError::Full) => Err(Error::unavailable("there is no room to record what is missing")),
        Err(AppendError::Broken(error)) => Err(error),
    }
}

/// Asks the leader for the sequences that a shard lacks.
async fn gaps(connection: &Connection, shard: Shard) -> Result<Vec<(u64, u64)>, Error> {
    let subject = format!("STREAM.INFO.{}", subjects::stream(shard));
    let request = json!({ "deleted_details": true });
    let Info { state } = connection.jetstream.request(subject, &request).await.map_err(Error::unavailable)?;
    let head = (1..state.first_seq.min(state.last_seq + 1)).chain(state.deleted);
    let mut gaps: Vec<(u64, u64)> = Vec::new();
    for sequence in head {
        match gaps.last_mut() {
            Some((_, last)) if *last + 1 == sequence => *last = sequence,
            _ => gaps.push((sequence, sequence)),
        }
    }
    Ok(gaps)
}
