//! The one form of all aggregates, their addresses, and the thin adapter to `cqrs_es`.

use std::fmt::Debug;

use cqrs_es::DomainEvent;
use cqrs_es::event_sink::EventSink;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{AgentId, CommandId, Fingerprint, LinkId, Memory, Policy, Remembered, SessionId, Timestamp};

/// A thing with rules: decides what follows from a command, and evolves by what followed.
pub trait Aggregate: Default + Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The aggregate's name in a subject.
    const TYPE: &'static str;
    /// How many commands it remembers; `None` where its own limits bound them.
    const REMEMBERS: Option<usize>;

    /// What one may ask of it.
    type Command: Clone + Debug + Send + Sync;
    /// What may have happened to it.
    type Event: DomainEvent + 'static;
    /// Its ways of saying no.
    type Rejection: std::error::Error + Clone + PartialEq + Send + Sync + 'static;

    /// Decides what follows from `command` at `now`; no events means it is already so.
    fn decide(&self, command: &Self::Command, now: Timestamp, policy: &Policy) -> Result<Vec<Self::Event>, Self::Rejection>;

    /// Takes in what happened at `at`; total: whatever was recorded can be taken in.
    fn evolve(&mut self, event: &Self::Event, at: Timestamp);

    /// Tells whether a repeat of the command behind `event` must be told its first answer; the others are harmless when decided again.
    fn must_remember(event: &Self::Event) -> bool;

    /// Tells whether a later event of others could overturn `rejection`, so that it holds only on fresh state.
    fn could_change(rejection: &Self::Rejection) -> bool;

    /// Names the link to which it belongs: every commit of a session carries it, so that readers route without a look-up.
    fn link(&self) -> Option<LinkId> {
        None
    }
}

/// Where an aggregate lives in the log: an agent, or something of that agent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Address {
    /// The agent to whom it belongs; decides the shard.
    pub agent: AgentId,
    /// Which thing of the agent's.
    pub target: Target,
}

/// Which of an agent's aggregates is meant.
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

/// A command as it reaches an aggregate: with all that the rules may not fetch for themselves.
#[derive(Debug, Clone)]
pub struct Issued<C> {
    /// The same for every repeat of this attempt.
    pub id: CommandId,
    /// The same for every repeat with the same content.
    pub fingerprint: Fingerprint,
    /// The time of the decision.
    pub at: Timestamp,
    /// What is asked.
    pub command: C,
}

/// Why nothing was decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected<R> {
    /// The business says no.
    #[error(transparent)]
    Rule(R),
    /// The command's id was used before for something else.
    #[error("this id was used before with other content")]
    IdReused,
}

/// An aggregate with its memory: what the log holds of one subject, folded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Root<A: Aggregate> {
    /// The state the rules look at.
    pub state: A,
    /// The commands carried out.
    pub memory: Memory,
    /// The time of the last commit: time never runs backwards within an aggregate.
    pub at: Timestamp,
}

impl<A: Aggregate> Root<A> {
    /// Finds the first answer to a repeated command, before any rule is asked.
    pub fn replay(&self, id: &CommandId, fingerprint: &Fingerprint) -> Result<Option<Remembered>, Rejected<A::Rejection>> {
        match self.memory.get(id) {
            Some(answer) if answer.fingerprint == *fingerprint => Ok(Some(*answer)),
            Some(_) => Err(Rejected::IdReused),
            None => Ok(None),
        }
    }

    /// Takes in a recorded commit.
    pub fn fold(&mut self, id: CommandId, answer: Remembered, events: &[A::Event]) {
        self.at = self.at.max(answer.at);
        for event in events {
            self.state.evolve(event, answer.at);
        }
        self.remember(id, answer, events);
    }

    /// Remembers a command whose events are already taken in, once its commit is acknowledged.
    pub fn remember(&mut self, id: CommandId, answer: Remembered, events: &[A::Event]) {
        if events.iter().any(A::must_remember) {
            self.memory.remember(id, answer, A::REMEMBERS);
        }
    }
}

impl<A: Aggregate> cqrs_es::Aggregate for Root<A> {
    const TYPE: &'static str = A::TYPE;
    type Command = Issued<A::Command>;
    type Event = A::Event;
    type Error = Rejected<A::Rejection>;
    type Services = Policy;

    async fn handle(&mut self, issued: Self::Command, policy: &Policy, sink: &EventSink<Self>) -> Result<(), Self::Error> {
        self.at = self.at.max(issued.at);
        for event in self.state.decide(&issued.command, self.at, policy).map_err(Rejected::Rule)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: Self::Event) {
        self.state.evolve(&event, self.at);
    }
}

/// Implements `cqrs_es::DomainEvent` by the wire name that serde writes.
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
