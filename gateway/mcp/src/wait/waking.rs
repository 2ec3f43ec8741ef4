//! What wakes a call that waits, and what only comes along with the next thing that does.

use std::collections::HashSet;

use domain::link;
use domain::session::{Author, Closing, Event as SessionEvent};
use nats::{AnyEvent, Fact};

/// What a call waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Wakes {
    /// Whatever is news, but somebody who came and was greeted: their first word wakes.
    #[default]
    News,
    /// A word, an answer, that the time for one is up, or the end.
    Words,
}

/// The commits in which a chatter came, and the link welcomed or asked them: nobody else need.
#[derive(Debug, Default)]
pub(crate) struct Greeted(HashSet<u64>);

impl Greeted {
    /// Finds them among all that happened.
    pub(crate) fn among<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Self {
        let is_greeting = |fact: &&Fact| {
            matches!(
                fact.event,
                AnyEvent::Session(
                    SessionEvent::MessagePosted { from: Author::System, .. }
                        | SessionEvent::QuestionAsked { from: Author::System, .. }
                )
            )
        };
        Self(facts.into_iter().filter(is_greeting).map(|fact| fact.position.sequence).collect())
    }
}

impl Wakes {
    /// Tells whether a fact wakes.
    pub(crate) fn by(self, fact: &Fact, greeted: &Greeted) -> bool {
        match &fact.event {
            AnyEvent::Session(event) => match event {
                SessionEvent::MessagePosted { .. }
                | SessionEvent::QuestionAnswered { .. }
                | SessionEvent::DecisionMade { .. }
                | SessionEvent::QuestionClosed { why: Closing::TimedOut, .. }
                | SessionEvent::Ended { .. }
                | SessionEvent::Erased => true,
                SessionEvent::Started { .. } => self == Self::News && !greeted.0.contains(&fact.position.sequence),
                SessionEvent::QuestionAsked { .. }
                | SessionEvent::QuestionClosed {
                    why: Closing::Answered | Closing::Replaced | Closing::Withdrawn | Closing::SessionEnded,
                    ..
                }
                | SessionEvent::EndPlanned { .. }
                | SessionEvent::EndCalledOff { .. }
                | SessionEvent::WentIdle
                | SessionEvent::Resumed
                | SessionEvent::Rescheduled { .. }
                | SessionEvent::Rated { .. }
                | SessionEvent::BudgetReached { .. }
                | SessionEvent::AbuseNoticed { .. } => self == Self::News,
                // No news at all.
                SessionEvent::MarkedRead { .. }
                | SessionEvent::HandoffOffered { .. }
                | SessionEvent::HandoffMissed
                | SessionEvent::DeviceAdded { .. }
                | SessionEvent::DeviceForgotten { .. }
                | SessionEvent::BudgetSet { .. }
                | SessionEvent::Flooded { .. }
                | SessionEvent::Reported { .. } => false,
            },
            AnyEvent::Link(link::Event::Expired | link::Event::Revoked { .. }) => true,
            AnyEvent::Link(_) | AnyEvent::Agent(_) => self == Self::News,
        }
    }
}
