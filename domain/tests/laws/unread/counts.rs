//! What happened in schedules, so that a test can tell that it met what it is about.

use super::{Act, Terms};

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) said: u64,
    pub(super) held: u64,
    pub(super) held_after_a_conflict: u64,
    pub(super) replayed: u64,
    /// Commits whose acknowledgement was lost.
    pub(super) lost: u64,
    /// Words that stand behind unread ones, because their caller said so.
    pub(super) past_unread: u64,
    pub(super) words: u64,
    pub(super) held_words: u64,
    pub(super) replaced: u64,
    pub(super) held_replaced: u64,
    pub(super) withdrawn: u64,
    pub(super) held_withdrawn: u64,
    pub(super) planned: u64,
    pub(super) held_planned: u64,
    pub(super) ended: u64,
    pub(super) held_ended: u64,
    /// Times that questions timed out while a key had something to read.
    pub(super) timed_out_past_unread: u64,
    pub(super) ended_as_planned: u64,
    pub(super) called_off: u64,
    pub(super) verdicts: u64,
}

impl Counts {
    pub(super) fn note_said(&mut self, act: Act, is_acknowledged: bool) {
        self.said += 1;
        self.lost += u64::from(!is_acknowledged);
        match act {
            Act::Say => self.words += 1,
            Act::Ask(Terms { replaces, .. }) => self.replaced += u64::from(replaces.is_some()),
            Act::Withdraw { .. } => self.withdrawn += 1,
            Act::End => self.ended += 1,
            Act::PlanEnd => self.planned += 1,
        }
    }

    pub(super) fn note_held(&mut self, act: Act, after_a_conflict: bool) {
        self.held += 1;
        self.held_after_a_conflict += u64::from(after_a_conflict);
        match act {
            Act::Say => self.held_words += 1,
            Act::Ask(Terms { replaces, .. }) => self.held_replaced += u64::from(replaces.is_some()),
            Act::Withdraw { .. } => self.held_withdrawn += 1,
            Act::End => self.held_ended += 1,
            Act::PlanEnd => self.held_planned += 1,
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        let mut other = *other;
        for (sum, more) in self.all().into_iter().zip(other.all()) {
            *sum += *more;
        }
    }

    fn all(&mut self) -> [&mut u64; 20] {
        [
            &mut self.said,
            &mut self.held,
            &mut self.held_after_a_conflict,
            &mut self.replayed,
            &mut self.lost,
            &mut self.past_unread,
            &mut self.words,
            &mut self.held_words,
            &mut self.replaced,
            &mut self.held_replaced,
            &mut self.withdrawn,
            &mut self.held_withdrawn,
            &mut self.planned,
            &mut self.held_planned,
            &mut self.ended,
            &mut self.held_ended,
            &mut self.timed_out_past_unread,
            &mut self.ended_as_planned,
            &mut self.called_off,
            &mut self.verdicts,
        ]
    }
}
