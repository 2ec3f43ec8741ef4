//! Nothing is said past unread words: an agent's command says how far its key has read, and the session, which knows where the
//! person's words are, rejects it where there are words behind.

use imbl::Vector;
use serde::{Deserialize, Serialize};

use super::{Author, EndReason, Event, Reader, Rejection, Session, Verdict};
use crate::KeyId;

/// How many of the person's newest words a session knows the positions of; no count of unread words is higher.
const KNOWN: usize = 100;

/// The position of an event in its shard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventPosition {
    /// The log sequence of its commit.
    pub sequence: u64,
    /// Which of the commit's events it is.
    pub index: u16,
}

impl EventPosition {
    /// Returns the position of a commit's last event, however many it has.
    pub const fn whole(sequence: u64) -> Self {
        Self { sequence, index: u16::MAX }
    }
}

impl From<u64> for EventPosition {
    fn from(sequence: u64) -> Self {
        Self::whole(sequence)
    }
}

impl Session {
    /// Notes the positions of the person's words in a recorded commit.
    pub(super) fn note_words(&mut self, sequence: u64, events: &[Event]) {
        for (index, _) in (0..).zip(events).filter(|(_, event)| is_of_person(event)) {
            self.words.push_back(EventPosition { sequence, index });
            if self.words.len() > KNOWN {
                self.words.pop_front();
            }
        }
    }

    /// Returns up to where a key has read: its read mark, or what it was given since.
    pub fn read_by(&self, key: KeyId, given: Option<EventPosition>) -> EventPosition {
        let mark = self.read.get(&Reader::Agent(key)).map(|mark| EventPosition::whole(mark.upto));
        mark.max(given).unwrap_or_default()
    }

    /// Tells whether the person has said nothing behind `read`.
    pub fn is_read(&self, read: EventPosition) -> bool {
        self.words.last().is_none_or(|last| *last <= read)
    }

    /// Returns the last commit of which every word is read, where a reader has read up to `upto`: a mark is of whole commits.
    pub(super) fn read_whole(&self, upto: EventPosition) -> u64 {
        let is_cut = self.words.iter().any(|word| word.sequence == upto.sequence && *word > upto);
        if is_cut { upto.sequence - 1 } else { upto.sequence }
    }

    /// Passes where the person has said nothing behind `read`; none passes always.
    pub(super) fn has_read(&self, read: Option<EventPosition>) -> Result<(), Rejection> {
        let Some(read) = read else { return Ok(()) };
        match self.words.last() {
            Some(last) if *last > read => Err(Rejection::Unread { count: unread(&self.words, read), last: *last }),
            Some(_) | None => Ok(()),
        }
    }

    /// Passes events that may be recorded where the person has said nothing behind `read`; none say nothing. That the time was up says nothing
    /// of the agent's, whatever it closes.
    pub(super) fn unless_unread(&self, read: Option<EventPosition>, events: Vec<Event>) -> Result<Vec<Event>, Rejection> {
        let is_time_up = |event: &Event| matches!(event, Event::Ended { reason: EndReason::LinkExpired });
        if !events.is_empty() && !events.iter().any(is_time_up) {
            self.has_read(read)?;
        }
        Ok(events)
    }
}

/// Counts the words behind `read`.
fn unread(words: &Vector<EventPosition>, read: EventPosition) -> u32 {
    u32::try_from(words.iter().rev().take_while(|word| **word > read).count()).unwrap_or(u32::MAX)
}

/// Tells whether the person says something with an event that an agent is to have read before it speaks.
fn is_of_person(event: &Event) -> bool {
    match event {
        Event::MessagePosted { from: Author::Chatter, .. } | Event::QuestionAnswered { .. } => true,
        Event::DecisionMade { verdict, .. } => *verdict != Verdict::TimedOut,
        Event::MessagePosted { from: Author::Agent(_) | Author::System, .. }
        | Event::Started { .. }
        | Event::QuestionAsked { .. }
        | Event::QuestionClosed { .. }
        | Event::EndPlanned { .. }
        | Event::EndCalledOff { .. }
        | Event::MarkedRead { .. }
        | Event::WentIdle
        | Event::Resumed
        | Event::Rescheduled { .. }
        | Event::Rated { .. }
        | Event::HandoffOffered { .. }
        | Event::HandoffMissed
        | Event::DeviceAdded { .. }
        | Event::DeviceForgotten { .. }
        | Event::BudgetReached { .. }
        | Event::BudgetSet { .. }
        | Event::Reported { .. }
        | Event::Flooded { .. }
        | Event::AbuseNoticed { .. }
        | Event::Ended { .. }
        | Event::Erased => false,
    }
}
