//! The codec of pruning records. The order of their fields and variants is a storage format.

use domain::session::EndReason;
use domain::{AgentId, LinkId, SessionId, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::log::commit::DecodeError;
use crate::log::position::{Epoch, Hash, Shard};

/// The type by which a record's header names it.
pub(crate) const TYPE: &str = "log.pruned";

/// Why commits are missing from a shard, or may be: with their leaves, so that the running hash goes over them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Pruning {
    /// Erased links and their sessions.
    Links {
        /// When the record was made.
        at: Timestamp,
        /// The links.
        links: Vec<PrunedLink>,
    },
    /// What was missing when a log of format 1 was taken over, from the first sequence of each gap to its last. The leaf of what was not
    /// recorded is all zeros.
    Adopted {
        /// When the record was made.
        at: Timestamp,
        /// The gaps.
        gaps: Vec<(u64, u64)>,
    },
    /// Commits of an aggregate that is too long for one record; the record that names it follows.
    Part {
        /// When the record was made.
        at: Timestamp,
        /// The commits.
        commits: PrunedCommits,
    },
}

/// An erased link: some of its sessions, or the rest and itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrunedLink {
    /// The agent.
    pub agent: AgentId,
    /// The link.
    pub link: LinkId,
    /// The link's own commits, in the record of its last sessions; absent while more sessions follow.
    pub whole: Option<WholeLink>,
    /// Its sessions.
    pub sessions: Vec<PrunedSession>,
}

/// A link of which nothing is left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WholeLink {
    /// Its commits.
    pub commits: PrunedCommits,
    /// The day it was opened on (UTC): days since 1970-01-01.
    pub day: i32,
}

/// An erased session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrunedSession {
    /// The session.
    pub session: SessionId,
    /// Its commits.
    pub commits: PrunedCommits,
    /// What stays of it.
    pub figures: SessionFigures,
}

/// What stays of a session: counts and lengths of time, no words and no ids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionFigures {
    /// The day it started on (UTC): days since 1970-01-01.
    pub day: i32,
    /// The chatter's messages.
    pub chatter_messages: u32,
    /// The agent's messages and questions.
    pub agent_messages: u32,
    /// Whether the chatter wrote or answered.
    pub wrote: bool,
    /// From the chatter's first word to the agent's first reply, in milliseconds.
    pub first_reply_ms: Option<u64>,
    /// From the start to the end, in milliseconds.
    pub length_ms: u64,
    /// Why it ended.
    pub end_reason: EndReason,
    /// The chatter's rating, 1 to 5.
    pub rating: Option<u8>,
    /// Whether the chatter's last word had no reply.
    pub is_unanswered: bool,
    /// Fields of questions that were answered.
    pub fields_answered: u32,
}

/// Which commits of an aggregate are pruned, and what stands for each in the running hash.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PrunedCommits {
    /// The first sequence, then the distance from each to the next.
    steps: Vec<u64>,
    /// The leaves, 32 bytes each.
    #[serde(with = "serde_bytes")]
    leaves: Vec<u8>,
}

impl PrunedCommits {
    /// Walks the commits.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Hash)> + '_ {
        let (leaves, _) = self.leaves.as_chunks::<32>();
        let sequences = self.steps.iter().scan(0_u64, |sequence, step| {
            *sequence = sequence.saturating_add(*step);
            Some(*sequence)
        });
        sequences.zip(leaves.iter().copied().map(Hash))
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Returns the last sequence.
    pub fn last(&self) -> Option<u64> {
        (!self.is_empty()).then(|| self.steps.iter().sum())
    }
}

impl FromIterator<(u64, Hash)> for PrunedCommits {
    /// Takes commits in the order of their sequences.
    fn from_iter<I: IntoIterator<Item = (u64, Hash)>>(commits: I) -> Self {
        let mut pruned = Self::default();
        let mut last = 0;
        for (sequence, leaf) in commits {
            pruned.steps.push(sequence - last);
            pruned.leaves.extend_from_slice(&leaf.0);
            last = sequence;
        }
        pruned
    }
}

impl Pruning {
    /// Walks the sequences that the record names, with their leaves.
    pub fn leaves(&self) -> impl Iterator<Item = (u64, Hash)> + '_ {
        let (links, gaps, part) = match self {
            Self::Links { links, .. } => (links.as_slice(), [].as_slice(), None),
            Self::Adopted { gaps, .. } => ([].as_slice(), gaps.as_slice(), None),
            Self::Part { commits, .. } => ([].as_slice(), [].as_slice(), Some(commits)),
        };
        let of_links = links.iter().flat_map(|link| {
            let whole = link.whole.iter().map(|whole| &whole.commits);
            whole.chain(link.sessions.iter().map(|session| &session.commits)).flat_map(PrunedCommits::iter)
        });
        let adopted = gaps.iter().flat_map(|(first, last)| (*first..=*last).map(|sequence| (sequence, Hash::default())));
        of_links.chain(adopted).chain(part.into_iter().flat_map(PrunedCommits::iter))
    }

    /// Returns when the record was made.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Links { at, .. } | Self::Adopted { at, .. } | Self::Part { at, .. } => *at,
        }
    }

    /// Returns the links that the record names.
    pub fn links(&self) -> &[PrunedLink] {
        match self {
            Self::Links { links, .. } => links,
            Self::Adopted { .. } | Self::Part { .. } => &[],
        }
    }
}

/// The key that authenticates an installation's pruning records.
pub(crate) type PruningKey = Zeroizing<[u8; 32]>;

/// A record as it is stored.
#[derive(Serialize, Deserialize)]
struct Envelope {
    #[serde(with = "serde_bytes")]
    record: Vec<u8>,
    #[serde(with = "serde_bytes")]
    tag: [u8; 32],
}

/// Computes the tag: keyed BLAKE3 over the stream's epoch, the shard (big-endian) and the record.
fn tag(key: &PruningKey, epoch: Epoch, shard: Shard, record: &[u8]) -> blake3::Hash {
    blake3::Hasher::new_keyed(key).update(&epoch.0).update(&shard.0.to_be_bytes()).update(record).finalize()
}

/// Writes a record for one shard of one log.
pub(crate) fn encode(
    key: &PruningKey,
    epoch: Epoch,
    shard: Shard,
    pruning: &Pruning,
) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    let record = rmp_serde::to_vec(pruning)?;
    let tag = *tag(key, epoch, shard, &record).as_bytes();
    rmp_serde::to_vec(&Envelope { record, tag })
}

/// Reads a record; fails where this installation did not write it for this very stream.
pub(crate) fn decode(key: &PruningKey, epoch: Epoch, shard: Shard, payload: &[u8]) -> Result<Pruning, DecodeError> {
    let envelope: Envelope = rmp_serde::from_slice(payload)?;
    // `blake3::Hash` compares in constant time.
    if tag(key, epoch, shard, &envelope.record) != envelope.tag {
        return Err(DecodeError::Tag);
    }
    Ok(rmp_serde::from_slice(&envelope.record)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commits() -> PrunedCommits {
        [(3, Hash([1; 32])), (4, Hash([2; 32])), (900, Hash([3; 32]))].into_iter().collect()
    }

    fn record() -> Pruning {
        let figures = SessionFigures {
            day: 20_784,
            chatter_messages: 3,
            agent_messages: 2,
            wrote: true,
            first_reply_ms: Some(2_500),
            length_ms: 60_000,
            end_reason: EndReason::ChatterLeft,
            rating: Some(5),
            is_unanswered: false,
            fields_answered: 1,
        };
        let session = PrunedSession { session: SessionId::new([3; 16]), commits: commits(), figures };
        Pruning::Links {
            at: Timestamp(1_795_000_000_000),
            links: vec![PrunedLink {
                agent: AgentId::new([1; 16]),
                link: LinkId::new([2; 16]),
                whole: Some(WholeLink { commits: [(2, Hash([9; 32]))].into_iter().collect(), day: 20_783 }),
                sessions: vec![session],
            }],
        }
    }

    #[test]
    fn pruned_commits_read_back_as_they_were_added() {
        let sequences: Vec<u64> = commits().iter().map(|(sequence, _)| sequence).collect();
        assert_eq!((sequences, commits().last()), (vec![3, 4, 900], Some(900)));
    }

    #[test]
    fn a_record_reads_back_and_its_bytes_never_change() {
        let bytes = rmp_serde::to_vec(&record()).unwrap();
        assert_eq!(rmp_serde::from_slice::<Pruning>(&bytes).unwrap(), record());
        assert_eq!(Hash::of(&bytes).to_string(), "9970d71721eb2b49e64492c376dda8713d59e1b3962e2424b037fa5936175266");
        let adopted = Pruning::Adopted { at: Timestamp(1), gaps: vec![(2, 3), (7, 7)] };
        let bytes = rmp_serde::to_vec(&adopted).unwrap();
        assert_eq!(rmp_serde::from_slice::<Pruning>(&bytes).unwrap(), adopted);
        assert_eq!(data_encoding::HEXLOWER.encode(&bytes), "81a741646f70746564920192920203920707");
        assert_eq!(adopted.leaves().map(|(sequence, _)| sequence).collect::<Vec<_>>(), [2, 3, 7]);
    }

    #[test]
    fn a_record_of_another_installation_stream_or_shard_is_refused() {
        let (key, epoch, shard) = (Zeroizing::new([7; 32]), Epoch([1; 16]), Shard(1));
        let payload = encode(&key, epoch, shard, &record()).unwrap();
        assert_eq!(decode(&key, epoch, shard, &payload).unwrap(), record());
        for (key, epoch, shard) in
            [(Zeroizing::new([8; 32]), epoch, shard), (key.clone(), Epoch([2; 16]), shard), (key.clone(), epoch, Shard(0))]
        {
            assert!(matches!(decode(&key, epoch, shard, &payload), Err(DecodeError::Tag)));
        }
    }
}
