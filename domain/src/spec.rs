//! Given/when/then, for every aggregate: what has happened, what is asked, and what follows.

use std::fmt::Debug;

use bytes::Bytes;

use crate::{Aggregate, Fingerprint, Millis, Policy, Sealed, Timestamp};

/// Something with the time at which it happens; without one, it happens when the thing before it did.
#[derive(Debug, Clone)]
pub(crate) struct At<T> {
    pub(crate) what: T,
    at: Option<Timestamp>,
}

impl<T> At<T> {
    pub(crate) fn at(self, at: Timestamp) -> Self {
        Self { at: Some(at), ..self }
    }
}

impl<T> From<T> for At<T> {
    fn from(what: T) -> Self {
        Self { what, at: None }
    }
}

/// A history taken in, and the limits under which the next decision falls.
#[derive(Debug)]
pub(crate) struct Given<A> {
    pub(crate) state: A,
    now: Timestamp,
    policy: Policy,
}

/// Takes in `history`, which begins at [`minutes`]`(0)`.
pub(crate) fn given<A: Aggregate>(history: impl IntoIterator<Item = At<A::Event>>) -> Given<A> {
    let mut given = Given { state: A::default(), now: minutes(0), policy: Policy::default() };
    for event in history {
        given.now = event.at.unwrap_or(given.now);
        given.state.evolve(&event.what, given.now);
    }
    given
}

impl<A: Aggregate> Given<A> {
    /// Changes the limits.
    pub(crate) fn under(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        change(&mut self.policy);
        self
    }

    /// Decides.
    pub(crate) fn when(self, command: impl Into<At<A::Command>>) -> Decided<A> {
        let command = command.into();
        Decided(self.state.decide(&command.what, command.at.unwrap_or(self.now), &self.policy))
    }
}

/// What was decided.
#[derive(Debug)]
pub(crate) struct Decided<A: Aggregate>(Result<Vec<A::Event>, A::Rejection>);

impl<A: Aggregate> Decided<A> {
    /// Holds if exactly these events follow; their times do not matter.
    #[track_caller]
    pub(crate) fn then(self, expected: impl IntoIterator<Item = At<A::Event>>) {
        same(&self.0, &Ok(expected.into_iter().map(|event| event.what).collect()));
    }

    /// Holds if it is already so.
    #[track_caller]
    pub(crate) fn does_nothing(self) {
        same(&self.0, &Ok(vec![]));
    }

    /// Holds if the business says no, in these words.
    #[track_caller]
    pub(crate) fn rejects(self, expected: A::Rejection) {
        same(&self.0, &Err(expected));
    }
}

#[track_caller]
fn same<T: Debug + PartialEq>(decided: &T, expected: &T) {
    assert_eq!(decided, expected, "decided, against expected");
}

/// Returns the moment so many minutes after everything began.
pub(crate) fn minutes(minutes: i64) -> Timestamp {
    Timestamp::default() + Millis::minutes(minutes)
}

/// Returns the moment so many seconds after everything began.
pub(crate) fn seconds(seconds: i64) -> Timestamp {
    Timestamp::default() + Millis::seconds(seconds)
}

/// Returns the last moment before `at`.
pub(crate) fn just_before(at: Timestamp) -> Timestamp {
    at - Millis(1)
}

/// Returns a sealed text of so many characters.
pub(crate) fn text(characters: u32) -> Sealed {
    Sealed { bytes: Bytes::from_static(b"sealed"), characters, fingerprint: Fingerprint::new([1; 16]) }
}

/// Returns the bytes of the `n`th id of a kind.
pub(crate) const fn id(n: u8) -> [u8; 16] {
    [n; 16]
}
