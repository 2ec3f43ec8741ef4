//! Takes the commits of erased aggregates out of the log, after a record that stands for them.

use bytes::Bytes;
use domain::{Address, AgentId, Timestamp, link, session};

use crate::log::append::{self, AppendError, Reserve};
use crate::log::commit::{Encoded, event_types};
use crate::log::position::{Hash, Shard};
use crate::log::pruning::lookup;
use crate::log::pruning::record::{self, Pruning};
use crate::log::record::{Raw, RecordedPruning};
use crate::log::{read, subjects};
use crate::{Backbone, Error};

/// A stored message of an erased aggregate, as an archive keeps it.
#[derive(Debug, Clone)]
pub struct PrunableMessage {
    /// The sequence in the stream.
    pub sequence: u64,
    /// What stands for it in the running hash.
    pub leaf: Hash,
    /// The subject.
    pub subject: String,
    /// All headers, in the order of their names.
    pub headers: Vec<(String, String)>,
    /// The stored bytes; words in them are sealed under a key that is gone.
    pub payload: Bytes,
}

impl Backbone {
    /// Reads all commits of an aggregate whose last event is its erasure; none where it is not, or where nothing is left of it.
    pub async fn prunable(&self, address: Address) -> Result<Option<Vec<PrunableMessage>>, Error> {
        let shard = self.shard_of(address.agent);
        let raws = read::complete(&self.connection, shard, &subjects::event(shard, &address), 0).await?;
        let types = raws.last().and_then(|raw| raw.headers.as_ref()).and_then(event_types).unwrap_or_default();
        let erasures = [link::Event::Erased.wire_name(), session::Event::Erased.wire_name()];
        let is_erased = types.split(',').any(|name| erasures.contains(&name));
        Ok(is_erased.then(|| raws.into_iter().map(prunable).collect()))
    }

    /// Appends a record and returns its sequence; `after` is the shard's last record, so that of two writers one fails with
    /// [`AppendError::Conflict`].
    pub async fn record_pruning(&self, shard: Shard, after: u64, pruning: &Pruning) -> Result<u64, AppendError> {
        let connection = &self.connection;
        let payload = record::encode(&connection.pruning_key, self.epoch(shard), shard, pruning).map_err(Error::Encode)?;
        let subject = subjects::pruning(shard);
        let encoded = Encoded::record(payload, record::TYPE);
        let head = append::append_to(connection, shard, subject, after, encoded, Reserve::Ending).await?;
        Ok(head.sequence)
    }

    /// Reads the last record of a shard.
    pub async fn last_pruning(&self, shard: Shard) -> Result<Option<RecordedPruning>, Error> {
        let raw = read::last(&self.connection, shard, &subjects::pruning(shard)).await?;
        raw.map(|raw| raw.pruning(&self.connection.pruning_key, self.epoch(shard), shard)).transpose()
    }

    /// Purges all commits of an aggregate, which a record must name; returns how many there were.
    pub async fn purge(&self, address: Address) -> Result<u64, Error> {
        let shard = self.shard_of(address.agent);
        let stream = self.connection.jetstream.get_stream_no_info(subjects::stream(shard)).await.map_err(Error::unavailable)?;
        let purged = stream.purge().filter(subjects::event(shard, &address)).await.map_err(Error::unavailable)?;
        Ok(purged.purged)
    }

    /// Returns when a link or session of which nothing is left was pruned, to the next full minute; none where it was not.
    pub async fn pruned_at(&self, address: Address) -> Result<Option<Timestamp>, Error> {
        lookup::pruned_at(&self.connection, address).await
    }

    /// Returns the last of an agent's sequences that was pruned; 0 for none.
    pub async fn newest_pruned(&self, agent: AgentId) -> Result<u64, Error> {
        lookup::newest(&self.connection, agent).await
    }
}

fn prunable(raw: Raw) -> PrunableMessage {
    let leaf = raw.leaf();
    let mut headers: Vec<(String, String)> = raw
        .headers
        .iter()
        .flat_map(|headers| headers.iter())
        .flat_map(|(name, values)| values.iter().map(|value| (name.to_string(), value.to_string())))
        // Direct reads add headers of their own.
        .filter(|(name, _)| !name.starts_with("Nats-"))
        .collect();
    headers.sort();
    PrunableMessage { sequence: raw.sequence, leaf, subject: raw.subject, headers, payload: raw.payload }
}
