//! Given/when/then for every aggregate, through the adapter to `cqrs_es`: a history, a command, and the events that follow.

use std::fmt::Debug;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use cqrs_es::Aggregate as _;
use cqrs_es::event_sink::EventSink;

use crate::{Aggregate, CommandId, Fingerprint, Issued, Memory, Millis, Policy, Rejected, Root, Sealed, Timestamp};

/// An event or command with its time; without one, it has the time of the one before it.
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

/// An applied history, and the limits of the next decision.
#[derive(Debug)]
pub(crate) struct Given<A> {
    pub(crate) state: A,
    now: Timestamp,
    policy: Policy,
}

/// Applies `history`, which begins at [`minutes`]`(0)`.
pub(crate) fn given<A: Aggregate>(history: impl IntoIterator<Item = At<A::Event>>) -> Given<A> {
    let mut root = Root { at: minutes(0), ..Root::default() };
    for event in history {
        root.at = event.at.unwrap_or(root.at);
        root.apply(event.what);
    }
    Given { state: root.state, now: root.at, policy: Policy::default() }
}

impl<A: Aggregate> Given<A> {
    /// Changes the limits.
    pub(crate) fn under(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        change(&mut self.policy);
        self
    }

    /// Decides.
    pub(crate) fn when(self, command: impl Into<At<A::Command>>) -> Decided<A> {
        let At { what: command, at } = command.into();
        let issued = Issued { id: CommandId::new([0; 16]), fingerprint: FINGERPRINT, at: at.unwrap_or(self.now), command };
        let mut root = Root { state: self.state, memory: Memory::default(), at: self.now };
        let mut handled = pin!(async {
            let sink = EventSink::default();
            root.handle(issued, &self.policy, &sink).await?;
            Ok(sink.collect().await)
        });
        let Poll::Ready(decided) = handled.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
            unreachable!("the adapter never waits");
        };
        Decided(decided.map_err(|rejected| match rejected {
            Rejected::Rule(rejection) => rejection,
            Rejected::IdReused => unreachable!("the root remembers no command"),
        }))
    }
}

const FINGERPRINT: Fingerprint = Fingerprint::new([1; 16]);

/// The result of a decision.
#[derive(Debug)]
pub(crate) struct Decided<A: Aggregate>(Result<Vec<A::Event>, A::Rejection>);

impl<A: Aggregate> Decided<A> {
    /// Passes if exactly these events follow; their times are not compared.
    #[track_caller]
    pub(crate) fn then(self, expected: impl IntoIterator<Item = At<A::Event>>) {
        same(&self.0, &Ok(expected.into_iter().map(|event| event.what).collect()));
    }

    /// Passes if no events follow.
    #[track_caller]
    pub(crate) fn does_nothing(self) {
        same(&self.0, &Ok(vec![]));
    }

    /// Passes if the command is rejected for exactly this reason.
    #[track_caller]
    pub(crate) fn rejects(self, expected: A::Rejection) {
        same(&self.0, &Err(expected));
    }
}

#[track_caller]
fn same<T: Debug + PartialEq>(decided: &T, expected: &T) {
    assert_eq!(decided, expected, "decided, against expected");
}

/// Returns the time so many minutes after the history began.
pub(crate) fn minutes(minutes: i64) -> Timestamp {
    Timestamp::default() + Millis::minutes(minutes)
}

/// Returns the time so many seconds after the history began.
pub(crate) fn seconds(seconds: i64) -> Timestamp {
    Timestamp::default() + Millis::seconds(seconds)
}

/// Returns the last millisecond before `at`.
pub(crate) fn just_before(at: Timestamp) -> Timestamp {
    at - Millis(1)
}

/// Returns a sealed text of so many characters.
pub(crate) fn text(characters: u32) -> Sealed {
    Sealed { bytes: Bytes::from_static(b"sealed"), characters, fingerprint: FINGERPRINT }
}

/// Returns the bytes of the `n`th id of a kind.
pub(crate) const fn id(n: u8) -> [u8; 16] {
    [n; 16]
}
