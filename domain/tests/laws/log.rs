//! A log in memory, written as the executor writes the real one.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use cqrs_es::Aggregate as _;
use cqrs_es::event_sink::EventSink;
use domain::{Aggregate, CommandId, Issued, Policy, Rejected, Remembered, Root};

/// One aggregate, and every commit that made it what it is.
#[derive(Debug)]
pub(crate) struct Log<A: Aggregate> {
    pub(crate) root: Root<A>,
    pub(crate) commits: Vec<Commit<A::Event>>,
    policy: Policy,
}

/// What one command led to.
#[derive(Debug, Clone)]
pub(crate) struct Commit<E> {
    pub(crate) id: CommandId,
    pub(crate) answer: Remembered,
    pub(crate) events: Vec<E>,
}

impl<A: Aggregate> Log<A> {
    pub(crate) fn new(policy: Policy) -> Self {
        Self { root: Root::default(), commits: vec![], policy }
    }

    /// Carries out a command; no answer means that it is already so.
    pub(crate) fn execute(&mut self, issued: &Issued<A::Command>) -> Result<Option<Remembered>, Rejected<A::Rejection>> {
        if let Some(answer) = self.root.replay(&issued.id, &issued.fingerprint)? {
            return Ok(Some(answer));
        }
        let mut next = self.root.clone();
        let events = handle(&mut next, issued.clone(), &self.policy)?;
        if events.is_empty() {
            return Ok(None);
        }
        let answer = Remembered {
            sequence: self.commits.len() as u64 + 1,
            events: u16::try_from(events.len()).expect("a commit has few events"),
            at: next.at,
            fingerprint: issued.fingerprint,
        };
        next.remember(issued.id, answer, &events);
        self.root = next;
        self.commits.push(Commit { id: issued.id, answer, events });
        Ok(Some(answer))
    }

    /// Carries out commands whatever each comes to, and looks at the log after every one.
    pub(crate) fn execute_all<E>(
        &mut self,
        commands: &[Issued<A::Command>],
        mut look: impl FnMut(&Self, &Issued<A::Command>) -> Result<(), E>,
    ) -> Result<(), E> {
        for issued in commands {
            // A refusal is as good an outcome as any.
            let _ = self.execute(issued);
            look(self, issued)?;
        }
        Ok(())
    }

    /// All events with the times at which they happened.
    pub(crate) fn events(&self) -> impl Iterator<Item = (&A::Event, domain::Timestamp)> {
        self.commits.iter().flat_map(|commit| commit.events.iter().map(|event| (event, commit.answer.at)))
    }
}

/// Decides through the adapter to `cqrs_es`, which never waits.
fn handle<A: Aggregate>(
    root: &mut Root<A>,
    issued: Issued<A::Command>,
    policy: &Policy,
) -> Result<Vec<A::Event>, Rejected<A::Rejection>> {
    let decided = pin!(async {
        let sink = EventSink::default();
        root.handle(issued, policy, &sink).await?;
        Ok(sink.collect().await)
    });
    let Poll::Ready(decided) = decided.poll(&mut Context::from_waker(Waker::noop())) else {
        unreachable!("a decision waits for nothing");
    };
    decided
}
