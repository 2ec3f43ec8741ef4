//! A commit on its way to listeners: sealed until the first of them needs it, then opened and encoded once for all.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use domain::session::{Author, Event as SessionEvent, Verdict};
use domain::{Address, Target};
use nats::{AnyEvent, Backbone, Fact, Position, Recorded, Vault};
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::frames::Frames;
use super::topic::Topic;

/// A commit, shared by all who listen.
pub struct Entry {
    recorded: Recorded,
    shown: Mutex<Shown>,
}

/// What chatters are shown of a commit.
#[derive(Default)]
struct Shown {
    /// Filled by the first caller; later ones wait for it.
    frames: Option<Arc<OnceCell<Frames>>>,
    /// Whether the words are known to be gone.
    is_erased: bool,
}

/// What a commit means for the words of its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// No more come: what is opened of them is dropped.
    Ended,
    /// They are gone.
    Erased,
}

/// Why a commit could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// The key cannot be fetched.
    #[error(transparent)]
    Unavailable(#[from] nats::Error),
    /// The words do not open.
    #[error(transparent)]
    Unreadable(#[from] nats::OpenError),
}

impl Entry {
    pub(super) fn new(recorded: Recorded) -> Self {
        Self { recorded, shown: Mutex::default() }
    }

    /// Returns the sequence in the shard.
    pub fn sequence(&self) -> u64 {
        self.recorded.sequence
    }

    /// Returns the aggregate of the commit.
    pub fn address(&self) -> Address {
        self.recorded.address
    }

    /// Returns the length of the stored bytes.
    pub(super) fn size(&self) -> usize {
        self.recorded.size
    }

    /// Walks the events after `after`.
    pub fn facts(&self, after: Option<Position>) -> impl Iterator<Item = Fact> + '_ {
        let first = self.first_index(after);
        self.recorded.facts().filter(move |fact| fact.position.index >= first)
    }

    /// Returns the position of the last event.
    pub fn last_position(&self) -> Position {
        let events = u16::try_from(self.recorded.commit.events.len()).unwrap_or(u16::MAX);
        Position { shard: self.recorded.shard, sequence: self.recorded.sequence, index: events.saturating_sub(1) }
    }

    /// Tells whether the agent owes a reply after this, where it says anything about that.
    pub fn leaves_reply_owed(&self) -> Option<bool> {
        self.recorded.commit.events.iter().rev().find_map(|event| match event {
            AnyEvent::Session(SessionEvent::MessagePosted { from, .. } | SessionEvent::QuestionAsked { from, .. }) => {
                match from {
                    Author::Chatter => Some(true),
                    Author::Agent(_) => Some(false),
                    Author::System => None,
                }
            }
            AnyEvent::Session(SessionEvent::QuestionAnswered { missing, .. }) => (*missing == 0).then_some(true),
            AnyEvent::Session(SessionEvent::DecisionMade { verdict, .. }) => (*verdict != Verdict::TimedOut).then_some(true),
            AnyEvent::Session(_) | AnyEvent::Link(_) | AnyEvent::Agent(_) => None,
        })
    }

    /// Tells whether its session has ended with it, and its words are still there.
    pub fn ends(&self) -> bool {
        self.fate() == Some(Fate::Ended)
    }

    /// Tells whether the words of its session are gone with it.
    pub fn erases(&self) -> bool {
        self.fate() == Some(Fate::Erased)
    }

    /// Tells whether its session has forgotten a device with it; which one that is, by any name, is for the session to say.
    pub fn forgets(&self) -> bool {
        let is_it = |event: &AnyEvent| matches!(event, AnyEvent::Session(SessionEvent::DeviceForgotten { .. }));
        self.recorded.commit.events.iter().any(is_it)
    }

    /// Tells what becomes of its session's words, if anything.
    pub(super) fn fate(&self) -> Option<Fate> {
        self.recorded.commit.events.iter().rev().find_map(|event| match event {
            AnyEvent::Session(SessionEvent::Erased) => Some(Fate::Erased),
            AnyEvent::Session(SessionEvent::Ended { .. }) => Some(Fate::Ended),
            AnyEvent::Session(_) | AnyEvent::Link(_) | AnyEvent::Agent(_) => None,
        })
    }

    /// Names the topics it belongs to.
    pub(super) fn topics(&self) -> impl Iterator<Item = Topic> {
        let address = self.recorded.address;
        let session = matches!(address.target, Target::Session(_)).then_some(Topic::Session(address));
        let link = self.link().map(|link| Topic::Link(address.agent, link));
        session.into_iter().chain(link).chain([Topic::Agent(address.agent)])
    }

    /// Tells whether it belongs to a topic.
    pub fn is_heard_in(&self, topic: Topic) -> bool {
        match topic {
            Topic::Session(session) => self.recorded.address == session,
            Topic::Link(agent, link) => self.recorded.address.agent == agent && self.link() == Some(link),
            Topic::Agent(agent) => self.recorded.address.agent == agent,
        }
    }

    fn link(&self) -> Option<domain::LinkId> {
        match self.recorded.address.target {
            Target::Agent => None,
            Target::Link(link) => Some(link),
            Target::Session(_) => self.recorded.commit.link,
        }
    }

    /// Returns the chatter's SSE frames of what comes after `after`; opened and encoded by the first who asks.
    pub async fn sse(&self, backbone: &Backbone, after: Option<Position>) -> Result<Bytes, EntryError> {
        let (frames, is_erased) = {
            let mut shown = self.shown.lock();
            (Arc::clone(shown.frames.get_or_insert_default()), shown.is_erased)
        };
        let frames = frames.get_or_try_init(|| self.encode(backbone, is_erased)).await?;
        Ok(frames.from(self.first_index(after)))
    }

    /// Drops its opened frames; readers that have them may finish.
    pub(super) fn forget(&self, fate: Fate) {
        let mut shown = self.shown.lock();
        shown.frames = None;
        shown.is_erased |= fate == Fate::Erased;
    }

    async fn encode(&self, backbone: &Backbone, is_erased: bool) -> Result<Frames, EntryError> {
        let owner = self.recorded.address;
        let vault = if is_erased { Vault::erased(owner) } else { backbone.opener().vault(owner).await? };
        Ok(Frames::encode(&self.recorded, &vault, backbone.cursors())?)
    }

    fn first_index(&self, after: Option<Position>) -> u16 {
        match after {
            Some(after) if after.sequence == self.recorded.sequence => after.index.saturating_add(1),
            Some(_) | None => 0,
        }
    }

    /// Tells whether words are kept opened.
    #[cfg(test)]
    pub(super) fn is_open(&self) -> bool {
        self.shown.lock().frames.as_ref().is_some_and(|frames| frames.initialized())
    }
}

impl fmt::Debug for Entry {
    /// Tells which commit it is, never its words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Recorded { sequence, address, .. } = &self.recorded;
        f.debug_struct("Entry").field("sequence", sequence).field("address", address).finish_non_exhaustive()
    }
}
