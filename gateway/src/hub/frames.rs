//! A commit's events as SSE frames (WHATWG HTML, section 9.2.5), encoded once and shared by all who are shown them.

use bytes::{BufMut, Bytes};
use events::{Audience, Event, present};
use nats::{Cursors, OpenError, Recorded, Vault};

/// The chatter's frames, one after the other.
pub(super) struct Frames {
    bytes: Bytes,
    /// Of each event that is shown its index in the commit, and where its frame begins.
    starts: Box<[(u16, usize)]>,
}

impl Frames {
    pub(super) fn encode(recorded: &Recorded, vault: &Vault, cursors: &Cursors) -> Result<Self, OpenError> {
        let mut bytes = Vec::with_capacity(2 * recorded.size);
        let mut starts = Vec::with_capacity(recorded.commit.events.len());
        for fact in recorded.facts() {
            if let Some(event) = present(&fact, vault, cursors, Audience::Chatter)? {
                starts.push((fact.position.index, bytes.len()));
                write(&event, &mut bytes);
            }
        }
        // To size: they may be kept for a while.
        Ok(Self { bytes: Bytes::from(bytes.into_boxed_slice()), starts: starts.into() })
    }

    /// Returns the frames of the events from the index `first` on.
    pub(super) fn from(&self, first: u16) -> Bytes {
        let start = self.starts.iter().find(|(index, _)| *index >= first);
        self.bytes.slice(start.map_or(self.bytes.len(), |(_, start)| *start)..)
    }
}

/// Writes an event as a frame: JSON has no line breaks, so one `data` line holds it.
fn write(event: &Event, bytes: &mut Vec<u8>) {
    bytes.put_slice(b"id: ");
    bytes.put_slice(event.cursor.as_deref().unwrap_or_default().as_bytes());
    bytes.put_slice(b"\nevent: ");
    bytes.put_slice(event.data.kind().as_bytes());
    bytes.put_slice(b"\ndata: ");
    serde_json::to_writer(&mut *bytes, event).expect("an event is plain values");
    bytes.put_slice(b"\n\n");
}
