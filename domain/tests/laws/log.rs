//! A log in memory, written as the executor writes the real one.

use domain::{Aggregate, CommandId, Decision, Issued, Policy, Rejected, Remembered, Root};

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
        let decided = self.root.decide(&issued.command, issued.at, &self.policy);
        let Decision { events, root: mut next } = decided.map_err(Rejected::Rule)?;
        if events.is_empty() {
            return Ok(None);
        }
        let answer = Remembered {
            sequence: self.commits.len() as u64 + 1,
            events: A::count_to_asked(&events),
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
