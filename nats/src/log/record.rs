//! What readers get: a stored commit with its position, and its events one by one.

use async_nats::HeaderMap;
use bytes::Bytes;
use domain::{Address, CommandId, LinkId, Timestamp};

use crate::Error;
use crate::log::commit::{Actor, AnyEvent, Commit, DecodeError, command_id, dispatched_headers, event_types};
use crate::log::head::{Head, Last};
use crate::log::position::{Epoch, EventId, Hash, Position, Shard};
use crate::log::pruning::record::{Pruning, PruningKey};
use crate::log::{pruning, subjects};

/// A commit as it stands in the log.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The aggregate.
    pub address: Address,
    /// The stream.
    pub shard: Shard,
    /// The sequence in the stream, from 1.
    pub sequence: u64,
    /// The commit.
    pub commit: Commit<AnyEvent>,
    /// The hash of the stored bytes.
    pub hash: Hash,
    /// The shard's running hash up to and with this commit; zeros where it was not read by a proving feed.
    pub running: Hash,
    /// The length of the stored bytes.
    pub size: usize,
}

/// One event, with what readers need of its commit.
#[derive(Debug, Clone)]
pub struct Fact {
    /// The aggregate.
    pub address: Address,
    /// The link of a session's event.
    pub link: Option<LinkId>,
    /// The position in the log.
    pub position: Position,
    /// When it happened.
    pub at: Timestamp,
    /// Who caused it.
    pub actor: Actor,
    /// The command that made it.
    pub command: CommandId,
    /// What happened.
    pub event: AnyEvent,
}

impl Fact {
    /// Returns the event's public id.
    pub fn id(&self) -> EventId {
        EventId::of(&self.command, self.position.index)
    }
}

impl Recorded {
    /// Returns the events in order.
    pub fn facts(&self) -> impl Iterator<Item = Fact> + '_ {
        let commit = &self.commit;
        commit.events.iter().zip(0_u16..).map(|(event, index)| Fact {
            address: self.address,
            link: commit.link,
            position: Position { shard: self.shard, sequence: self.sequence, index },
            at: commit.at,
            actor: commit.actor,
            command: commit.id,
            event: event.clone(),
        })
    }
}

/// What a feed gives.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "nearly all are commits: a box would be an allocation for each")]
pub enum Message {
    /// A commit.
    Commit(Recorded),
    /// A record of commits that may be gone from the log.
    Pruning(Box<RecordedPruning>),
}

/// A pruning record as it stands in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedPruning {
    /// The stream.
    pub shard: Shard,
    /// The sequence in the stream.
    pub sequence: u64,
    /// The shard's running hash up to and with this record; zeros where it was not read by a proving feed.
    pub running: Hash,
    /// What it says.
    pub pruning: Pruning,
}

impl Message {
    /// Returns the sequence in the stream.
    pub fn sequence(&self) -> u64 {
        match self {
            Self::Commit(recorded) => recorded.sequence,
            Self::Pruning(recorded) => recorded.sequence,
        }
    }

    /// Returns the shard's running hash up to and with this message; zeros where it was not read by a proving feed.
    pub fn running(&self) -> Hash {
        match self {
            Self::Commit(recorded) => recorded.running,
            Self::Pruning(recorded) => recorded.running,
        }
    }

    /// Returns the commit, if it is one.
    pub fn commit(self) -> Option<Recorded> {
        match self {
            Self::Commit(recorded) => Some(recorded),
            Self::Pruning(_) => None,
        }
    }
}

/// A message of the log, not yet decoded.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    pub(crate) subject: String,
    pub(crate) sequence: u64,
    pub(crate) headers: Option<HeaderMap>,
    pub(crate) payload: Bytes,
}

impl Raw {
    /// Decodes the commit by its subject's kind.
    pub(crate) fn decode(&self) -> Result<Recorded, Error> {
        let (shard, address) = self.shard_and_address()?;
        let commit = Commit::decode_any(address.target.into(), self.headers.as_ref(), &self.payload)
            .map_err(|error| self.corrupt(&error))?;
        Ok(Recorded {
            address,
            shard,
            sequence: self.sequence,
            commit,
            hash: Hash::of(&self.payload),
            running: Hash::default(),
            size: self.payload.len(),
        })
    }

    /// Tells whether this is a pruning record of `shard`.
    pub(crate) fn is_pruning(&self, shard: Shard) -> bool {
        self.subject == subjects::pruning(shard)
    }

    /// Reads a pruning record; fails where this installation did not write it for this very stream.
    pub(crate) fn pruning(&self, key: &PruningKey, epoch: Epoch, shard: Shard) -> Result<RecordedPruning, Error> {
        let pruning = pruning::record::decode(key, epoch, shard, &self.payload).map_err(|error| self.corrupt(&error))?;
        Ok(RecordedPruning { shard, sequence: self.sequence, running: Hash::default(), pruning })
    }

    /// Hashes all that tells this message from any other: `L(n) = BLAKE3(sequence, subject, the headers that readers dispatch on,
    /// payload)`, each behind its length. What traces a request is left out.
    pub(crate) fn leaf(&self) -> Hash {
        let sequence = self.sequence.to_be_bytes();
        let headers = dispatched_headers(self.headers.as_ref());
        let parts = [&sequence[..], self.subject.as_bytes()].into_iter();
        Hash::of_parts(parts.chain(headers.iter().map(|value| value.as_bytes())).chain([&*self.payload]))
    }

    /// Reads the aggregate's address from the subject.
    pub(crate) fn address(&self) -> Result<Address, Error> {
        Ok(self.shard_and_address()?.1)
    }

    fn shard_and_address(&self) -> Result<(Shard, Address), Error> {
        subjects::parse_event(&self.subject).ok_or_else(|| self.corrupt(&DecodeError::Subject))
    }

    /// Reads the headers, without decoding the body.
    pub(crate) fn last(&self) -> Result<Last, Error> {
        let command = self.headers.as_ref().and_then(command_id).ok_or_else(|| self.corrupt(&DecodeError::NoCommand))?;
        let types = self.headers.as_ref().and_then(event_types).unwrap_or_default().to_owned();
        Ok(Last { head: Head { sequence: self.sequence, hash: Hash::of(&self.payload) }, command, types })
    }

    /// Makes the error for a message that cannot be read.
    pub(crate) fn corrupt(&self, reason: &DecodeError) -> Error {
        Error::Corrupt { subject: self.subject.clone(), sequence: self.sequence, reason: reason.to_string() }
    }
}
