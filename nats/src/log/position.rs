//! Positions in the log, and the hashes that chain its commits.

use std::fmt;

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use domain::session::EventPosition;
use domain::{AgentId, CommandId};
use serde::{Deserialize, Serialize};

/// One of the streams that make up the log; an agent, its links and its sessions are all in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shard(pub u16);

impl Shard {
    /// Returns the shard of `agent` among `shards`: BLAKE3 of its 16 bytes, the first 8 as a big-endian number, modulo `shards`.
    pub fn of(agent: AgentId, shards: u16) -> Self {
        let hash = blake3::hash(agent.bytes());
        let (head, _) = hash.as_bytes().split_first_chunk::<8>().expect("a hash has 32 bytes");
        let shard = u64::from_be_bytes(*head) % u64::from(shards.max(1));
        Self(u16::try_from(shard).expect("a remainder is less than its divisor"))
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The position of an event; positions are ordered within one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The stream.
    pub shard: Shard,
    /// The commit's sequence in the stream, from 1.
    pub sequence: u64,
    /// The event's index in its commit, from 0.
    pub index: u16,
}

/// Within its shard.
impl From<Position> for EventPosition {
    fn from(Position { sequence, index, .. }: Position) -> Self {
        Self { sequence, index }
    }
}

/// The public id of an event: the same on every channel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId([u8; 16]);

impl EventId {
    /// Derives the id of the event at `index` of the commit that `command` made: BLAKE3 of the 16 bytes and the big-endian index,
    /// cut to 16.
    pub fn of(command: &CommandId, index: u16) -> Self {
        let hash = blake3::Hasher::new().update(command.bytes()).update(&index.to_be_bytes()).finalize();
        let (id, _) = hash.as_bytes().split_first_chunk::<16>().expect("a hash has 32 bytes");
        Self(*id)
    }

    /// Takes the 16 bytes of an id.
    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the 16 bytes.
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "evt_{}", BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for EventId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A BLAKE3 hash; all zeros stands for nothing before the first.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hash(#[serde(with = "serde_bytes")] pub [u8; 32]);

impl Hash {
    /// Hashes the stored bytes of a commit: the link of its subject's chain.
    pub fn of(payload: &[u8]) -> Self {
        Self(*blake3::hash(payload).as_bytes())
    }

    /// Reads the text form: 64 hexadecimal digits, lower case.
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self(HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()?))
    }

    /// Takes the next message of a shard into the running hash: `R(n) = BLAKE3(R(n-1) | L(n))`, where `L(n)` is the message's leaf.
    #[must_use]
    pub fn advance(&self, leaf: &Self) -> Self {
        Self(*blake3::Hasher::new().update(&self.0).update(&leaf.0).finalize().as_bytes())
    }

    /// Hashes parts, each behind its length in 8 bytes, big-endian.
    pub(crate) fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_be_bytes()).update(part);
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// Takes the next message into the running hash as logs of format 1 counted it:
    /// `R(n) = BLAKE3(R(n-1) | sequence | length, subject | length, payload)`, numbers big-endian in 8 bytes.
    #[must_use]
    pub(crate) fn advance_format_1(&self, sequence: u64, subject: &str, payload: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0).update(&sequence.to_be_bytes());
        for part in [subject.as_bytes(), payload] {
            hasher.update(&(part.len() as u64).to_be_bytes()).update(part);
        }
        Self(*hasher.finalize().as_bytes())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The identity of a stream: a random id given when the stream is created, so that a later stream of the same name is told apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(#[serde(with = "serde_bytes")] pub [u8; 16]);

impl Epoch {
    /// Reads the text form: 32 hexadecimal digits, lower case.
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self(HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()?))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shard_of_an_agent_never_changes() {
        let shards: Vec<u16> = (0..8).map(|n| Shard::of(AgentId::new([n; 16]), 4).0).collect();
        assert_eq!(shards, [3, 1, 2, 3, 2, 0, 1, 0]);
    }

    #[test]
    fn the_id_of_an_event_never_changes() {
        assert_eq!(EventId::of(&CommandId::new([1; 16]), 2).to_string(), "evt_7vqohzq243s3elq6lixix5m6f4");
    }

    #[test]
    fn a_hash_of_parts_tells_where_one_part_ends() {
        let hash = |parts: [&str; 2]| Hash::of_parts(parts.map(str::as_bytes));
        assert_ne!(hash(["ab", "c"]), hash(["a", "bc"]));
        assert_eq!(hash(["a", "b"]).to_string(), "7587c926f485dc3348fdb05803b179f1ac9240d24d0704769b7a8ddbadbe3b23");
    }

    #[test]
    fn the_running_hash_never_changes() {
        let start = Hash::default();
        assert_eq!(start.advance(&Hash([1; 32])).to_string(), "4e349255d382a791fd28b807968fce93d39ab678acfe8ad039e6e54ca3ea7e73");
        assert_eq!(
            start.advance_format_1(1, "a", b"b").to_string(),
            "59a86103a573eb2d8654a01bace16be5ebf5648a6ddcda9dbcbcaa9c743553f6"
        );
    }

    #[test]
    fn an_epoch_reads_back_as_it_was_written() {
        let epoch = Epoch([0xa5; 16]);
        assert_eq!(Epoch::parse(&epoch.to_string()), Some(epoch));
        assert_eq!(Epoch::parse("a5"), None);
    }
}
