//! The trait of all aggregates, their addresses, the root that decides and folds, and the adapter to `cqrs_es`.

use std::fmt::Debug;

use cqrs_es::DomainEvent;
use cqrs_es::event_sink::EventSink;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{AgentId, CommandId, Fingerprint, LinkId, Memory, Policy, Remembered, SessionId, Timestamp};

/// State with rules: decides which events follow from a command, and evolves by events.
pub trait Aggregate: Default + Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The aggregate's name in a subject.
    const TYPE: &'static str;
    /// How many commands it remembers; `None` where its own limits bound them.
    const REMEMBERS: Option<usize>;

    /// Its commands.
    type Command: Clone + Debug + Send + Sync;
    /// Its events.
    type Event: DomainEvent + 'static;
    /// The reasons for which its rules reject a command.
    type Rejection: std::error::Error + Clone + PartialEq + Send + Sync + 'static;

    /// Decides what follows from `command` at `now`; no events means it is already so.
    fn decide(&self, command: &Self::Command, now: Timestamp, policy: &Policy) -> Result<Vec<Self::Event>, Self::Rejection>;

    /// Applies an event that happened at `at`; total: every recorded event can be applied.
    fn evolve(&mut self, event: &Self::Event, at: Timestamp);

    /// Notes where a recorded commit stands in the log, after its events were applied.
    fn recorded(&mut self, _sequence: u64, _events: &[Self::Event]) {}

    /// Tells whether a repeat of the command behind `event` must get its first answer; other commands can be decided again
    /// without harm.
    fn must_remember(event: &Self::Event) -> bool;

    /// Tells whether an event at the end of a commit only follows from the one before it, which was asked for.
    fn is_consequence(_event: &Self::Event) -> bool {
        false
    }

    /// Counts the events of a commit up to the one that its command asked for.
    fn count_to_asked(events: &[Self::Event]) -> u16 {
        let asked = events.iter().rposition(|event| !Self::is_consequence(event)).unwrap_or(0);
        u16::try_from(events.len().min(asked + 1)).unwrap_or(u16::MAX)
    }

    /// Tells whether an event by another writer could change `rejection`, so that it is valid only on fresh state.
    fn could_change(rejection: &Self::Rejection) -> bool;

    /// Returns what is known of an instance whose commits were pruned: that it ended and was erased. None where it has no such end.
    fn pruned() -> Vec<Self::Event> {
        Vec::new()
    }

    /// Returns the link to which it belongs: every commit of a session carries it, so that readers route without a look-up.
    fn link(&self) -> Option<LinkId> {
        None
    }
}

/// The address of an aggregate in the log: an agent, or one of its links or sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Address {
    /// The agent that owns it; decides the shard.
    pub agent: AgentId,
    /// Which of the agent's aggregates.
    pub target: Target,
}

/// One of an agent's aggregates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The agent itself.
    Agent,
    /// One of its links.
    Link(LinkId),
    /// One of its sessions.
    Session(SessionId),
}

impl Address {
    /// Returns the address of an agent.
    pub const fn agent(agent: AgentId) -> Self {
        Self { agent, target: Target::Agent }
    }

    /// Returns the address of a link.
    pub const fn link(agent: AgentId, link: LinkId) -> Self {
        Self { agent, target: Target::Link(link) }
    }

    /// Returns the address of a session.
    pub const fn session(agent: AgentId, session: SessionId) -> Self {
        Self { agent, target: Target::Session(session) }
    }
}

/// A command with the values that rules must be given: its identity and the time.
#[derive(Debug, Clone)]
pub struct Issued<C> {
    /// The same for every repeat of this attempt.
    pub id: CommandId,
    /// The same for every repeat with the same content.
    pub fingerprint: Fingerprint,
    /// The time of the decision.
    pub at: Timestamp,
    /// The command.
    pub command: C,
}

/// Why a command was rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected<R> {
    /// A rule rejects it.
    #[error(transparent)]
    Rule(R),
    /// The command's id was used before with other content.
    #[error("this id was used before with other content")]
    IdReused,
}

/// An aggregate with its memory of commands: the fold of one subject of the log.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Root<A: Aggregate> {
    /// The state that the rules read.
    pub state: A,
    /// The commands that were carried out.
    pub memory: Memory,
    /// The time of the last commit: time never runs backwards within an aggregate.
    pub at: Timestamp,
}

/// The events that follow from a command, and the root with them applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision<A: Aggregate> {
    /// The events; none if the command changes nothing.
    pub events: Vec<A::Event>,
    /// The root after the events; it does not remember the command yet.
    pub root: Root<A>,
}

impl<A: Aggregate> Root<A> {
    /// Decides what follows from `command` at `at`. The copy that evolves is cheap: its maps are persistent.
    pub fn decide(&self, command: &A::Command, at: Timestamp, policy: &Policy) -> Result<Decision<A>, A::Rejection> {
        let at = self.at.max(at);
        let events = self.state.decide(command, at, policy)?;
        let mut root = Self { at, ..self.clone() };
        for event in &events {
            root.state.evolve(event, at);
        }
        Ok(Decision { events, root })
    }

    /// Finds the first answer to a repeated command, before any rule is asked.
    pub fn replay(&self, id: &CommandId, fingerprint: &Fingerprint) -> Result<Option<Remembered>, Rejected<A::Rejection>> {
        match self.memory.get(id) {
            Some(answer) if answer.fingerprint == *fingerprint => Ok(Some(*answer)),
            Some(_) => Err(Rejected::IdReused),
            None => Ok(None),
        }
    }

    /// Applies a recorded commit.
    pub fn fold(&mut self, id: CommandId, answer: Remembered, events: &[A::Event]) {
        self.at = self.at.max(answer.at);
        for event in events {
            self.state.evolve(event, answer.at);
        }
        self.remember(id, answer, events);
    }

    /// Remembers a command whose events are already applied, and where its commit stands, once that is acknowledged.
    pub fn remember(&mut self, id: CommandId, answer: Remembered, events: &[A::Event]) {
        self.state.recorded(answer.sequence, events);
        if events.iter().any(A::must_remember) {
            self.memory.remember(id, answer, A::REMEMBERS);
        }
    }
}

/// The adapter to `cqrs_es`. The product never calls `handle` or `apply`: the executor calls [`Root::decide`], which is
/// synchronous and gives events and the evolved state at once. What the crate gives is the field's trait: its test framework and tools run these
/// aggregates unchanged, and `spec.rs` and the tests below do. The product uses its `DomainEvent`.
impl<A: Aggregate> cqrs_es::Aggregate for Root<A> {
    const TYPE: &'static str = A::TYPE;
    type Command = Issued<A::Command>;
    type Event = A::Event;
    type Error = Rejected<A::Rejection>;
    type Services = Policy;

    async fn handle(&mut self, issued: Self::Command, policy: &Policy, sink: &EventSink<Self>) -> Result<(), Self::Error> {
        if self.replay(&issued.id, &issued.fingerprint)?.is_some() {
            return Ok(());
        }
        let Decision { events, root } = self.decide(&issued.command, issued.at, policy).map_err(Rejected::Rule)?;
        self.at = root.at;
        for event in events {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: Self::Event) {
        self.state.evolve(&event, self.at);
    }
}

/// Implements `cqrs_es::DomainEvent` with the wire name that serde writes.
macro_rules! domain_event {
    ($event:ty) => {
        impl cqrs_es::DomainEvent for $event {
            fn event_type(&self) -> String {
                self.wire_name().to_owned()
            }

            fn event_version(&self) -> String {
                self.wire_name().splitn(3, '.').nth(2).unwrap_or("1").to_owned()
            }
        }

        impl $event {
            /// Returns the name under which this event is stored; the version is part of it.
            pub fn wire_name(&self) -> &'static str {
                serde_variant::to_variant_name(self).expect("every event is an enum variant")
            }
        }
    };
}
pub(crate) use domain_event;

#[cfg(test)]
mod tests {
    use cqrs_es::test::TestFramework;

    use super::*;
    use crate::agent::{Agent, Command, Event, Rejection};

    const REGISTER: [u8; 16] = [1; 16];

    fn register() -> Issued<Command> {
        let (id, fingerprint) = (CommandId::new(REGISTER), Fingerprint::new(REGISTER));
        Issued { id, fingerprint, at: Timestamp(1), command: Command::Register { name: "helper".to_owned() } }
    }

    fn registered() -> Event {
        Event::Registered { name: "helper".to_owned() }
    }

    #[test]
    fn the_test_framework_of_cqrs_es_runs_our_aggregates() {
        let framework = || TestFramework::<Root<Agent>>::with(Policy::default());
        framework().given_no_previous_events().when(register()).then_expect_events(vec![registered()]);
        framework().given(vec![registered()]).when(register()).then_expect_events(vec![]);
        let other = Issued { command: Command::Register { name: "another".to_owned() }, ..register() };
        let refused = framework().given(vec![registered()]).when(other);
        assert_eq!(refused.inspect_result(), Err(Rejected::Rule(Rejection::AlreadyRegistered)));
    }

    #[test]
    fn a_decision_holds_the_root_after_its_events() {
        let before = Root::<Agent>::default();
        let decision = before.decide(&register().command, Timestamp(7), &Policy::default()).unwrap();
        let mut folded = before.clone();
        let answer = Remembered { sequence: 1, events: 1, at: Timestamp(7), fingerprint: Fingerprint::new(REGISTER) };
        folded.fold(CommandId::new(REGISTER), answer, &decision.events);
        assert_eq!((decision.root.state, decision.root.at), (folded.state, folded.at));
        assert_eq!(before, Root::default());
    }
}
