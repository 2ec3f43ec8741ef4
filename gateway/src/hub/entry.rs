//! A commit on its way to listeners: sealed until someone needs it, then opened and encoded once for all.

use bytes::{BufMut, Bytes, BytesMut};
use domain::session::{Author, Event as SessionEvent};
use domain::{Address, Target};
use nats::{AnyEvent, Backbone, Fact, Position, Recorded};
use tokio::sync::OnceCell;

use super::Topic;
use crate::event::{self, Audience};

/// A commit, shared by all who listen.
#[derive(Debug)]
pub struct Entry {
    recorded: Recorded,
    /// The chatter's frames, one for each event.
    frames: OnceCell<Vec<Frame>>,
}

/// One event as an SSE frame.
#[derive(Debug)]
struct Frame {
    index: u16,
    bytes: Bytes,
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
        Self { recorded, frames: OnceCell::new() }
    }

    /// Returns the place in the shard.
    pub fn sequence(&self) -> u64 {
        self.recorded.sequence
    }

    /// Returns whose commit it is.
    pub fn address(&self) -> Address {
        self.recorded.address
    }

    /// Walks the events after `after`.
    pub fn facts(&self, after: Option<Position>) -> impl Iterator<Item = Fact> + '_ {
        let first = self.first_index(after);
        self.recorded.facts().filter(move |fact| fact.position.index >= first)
    }

    /// Returns the place of the last event.
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
            AnyEvent::Session(SessionEvent::QuestionAnswered { .. }) => Some(true),
            AnyEvent::Session(_) | AnyEvent::Link(_) | AnyEvent::Agent(_) => None,
        })
    }

    /// Tells whether the words of its session are gone with it.
    pub(crate) fn erases(&self) -> bool {
        self.recorded.commit.events.iter().any(|event| matches!(event, AnyEvent::Session(SessionEvent::Erased)))
    }

    /// Names the topics in which it is heard.
    pub(super) fn topics(&self) -> impl Iterator<Item = Topic> {
        let Address { agent, target } = self.recorded.address;
        let (session, link) = match target {
            Target::Agent => (None, None),
            Target::Link(link) => (None, Some(link)),
            Target::Session(_) => (Some(Topic::Session(self.recorded.address)), self.recorded.commit.link),
        };
        session.into_iter().chain(link.map(|link| Topic::Link(agent, link))).chain([Topic::Agent(agent)])
    }

    /// Returns the chatter's SSE frames of what comes after `after`; opened and encoded by the first who asks.
    pub async fn sse(&self, backbone: &Backbone, after: Option<Position>) -> Result<Bytes, EntryError> {
        let frames = self.frames.get_or_try_init(|| self.encode(backbone)).await?;
        let first = self.first_index(after);
        match frames.as_slice() {
            [only] if only.index >= first => Ok(only.bytes.clone()),
            frames => {
                let mut all = BytesMut::new();
                frames.iter().filter(|frame| frame.index >= first).for_each(|frame| all.put_slice(&frame.bytes));
                Ok(all.freeze())
            }
        }
    }

    async fn encode(&self, backbone: &Backbone) -> Result<Vec<Frame>, EntryError> {
        let vault = backbone.opener().vault(self.recorded.address).await?;
        let mut frames = Vec::with_capacity(self.recorded.commit.events.len());
        for fact in self.recorded.facts() {
            if let Some(event) = event::present(&fact, &vault, backbone.cursors(), Audience::Chatter)? {
                frames.push(Frame { index: fact.position.index, bytes: frame(&event) });
            }
        }
        Ok(frames)
    }

    fn first_index(&self, after: Option<Position>) -> u16 {
        match after {
            Some(after) if after.sequence == self.recorded.sequence => after.index.saturating_add(1),
            Some(_) | None => 0,
        }
    }
}

/// Writes an event as an SSE frame (WHATWG HTML, section 9.2.5): JSON has no line breaks, so one `data` line holds it.
fn frame(event: &event::Event) -> Bytes {
    let mut frame = BytesMut::with_capacity(512);
    frame.put_slice(b"id: ");
    frame.put_slice(event.cursor.as_deref().unwrap_or_default().as_bytes());
    frame.put_slice(b"\nevent: ");
    frame.put_slice(event.data.kind().as_bytes());
    frame.put_slice(b"\ndata: ");
    let mut writer = frame.writer();
    serde_json::to_writer(&mut writer, event).expect("an event is plain values");
    let mut frame = writer.into_inner();
    frame.put_slice(b"\n\n");
    frame.freeze()
}
