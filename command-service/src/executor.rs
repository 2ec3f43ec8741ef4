//! Command, decision, append: the one way in which anything comes to be.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cqrs_es::Aggregate as _;
use cqrs_es::event_sink::EventSink;
use domain::{Address, Aggregate, CommandId, Fingerprint, Issued, Policy, Rejected, Remembered, Root};
use nats::{Actor, AppendError, Commit, Reserve, Store};

use crate::clock;
use crate::warm::{Held, Warmth, count};
use crate::weight::Weighed;

/// How long a command is decided again and again because other processes write first.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a confirmation of warm state holds for an answer that fresher state could overturn.
const CONFIRMED_FOR: Duration = Duration::from_secs(1);

/// Carries out the commands of one kind of aggregate.
#[derive(Debug)]
pub(crate) struct Executor<A: Aggregate> {
    warmth: Warmth<A>,
    store: Store,
    policy: Arc<Policy>,
}

/// A command on its way to the log.
#[derive(Debug, Clone)]
pub(crate) struct Order<C> {
    /// The same for every repeat of this attempt.
    pub(crate) id: CommandId,
    /// The same for every repeat with the same content.
    pub(crate) fingerprint: Fingerprint,
    /// On whose behalf.
    pub(crate) actor: Actor,
    /// Whether it may use the part of the log kept for endings.
    pub(crate) reserve: Reserve,
    /// What is asked.
    pub(crate) command: C,
}

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The command that made the commit behind the answer; another one where nothing had to be written.
    pub(crate) command: CommandId,
    /// The commit that carries the answer; where nothing had to be written, the aggregate's last.
    pub(crate) answer: Remembered,
    /// Whether this very command had been carried out before.
    pub(crate) replayed: bool,
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused<R> {
    /// The rules say no.
    #[error(transparent)]
    Rejected(#[from] Rejected<R>),
    /// The log has no room but for endings.
    #[error("the log is full")]
    LogFull,
    /// Other processes wrote first, again and again.
    #[error("too many writers at once")]
    Busy,
    /// The log cannot be reached, or is broken.
    #[error(transparent)]
    Broken(#[from] nats::Error),
}

/// Why a commit was not written.
enum Lost {
    /// Another process wrote first.
    Race,
    /// The log has no room for it.
    Full,
    /// It could not be done, or nobody knows whether it was.
    Broken(nats::Error),
}

impl<A: Aggregate + Weighed> Executor<A> {
    /// Makes an executor whose warm states take at most `bytes`.
    pub(crate) fn new(store: Store, policy: Arc<Policy>, bytes: u64) -> Self {
        Self { warmth: Warmth::new(store.clone(), bytes), store, policy }
    }

    /// Carries out a command exactly once, however often it is sent. Whoever drops the wait may send it again.
    pub(crate) async fn execute(&self, address: Address, order: Order<A::Command>) -> Result<Outcome, Refused<A::Rejection>> {
        let began = Instant::now();
        let mut warm = self.warmth.hold(address).await?;
        loop {
            if let Some(answer) = warm.root.replay(&order.id, &order.fingerprint)? {
                return Ok(Outcome { command: order.id, answer, replayed: true });
            }
            let (next, events) = self.decide(&warm.root, &order).await;
            let is_doubtful = match &events {
                Ok(events) => events.is_empty(),
                Err(Rejected::Rule(rejection)) => A::could_change(rejection),
                Err(Rejected::IdReused) => false,
            };
            if is_doubtful {
                let age = if must_be_fresh(order.actor, events.is_ok()) { began.elapsed() } else { CONFIRMED_FOR };
                if self.warmth.confirm(&mut warm, address, age).await? {
                    continue;
                }
            }
            let events = events?;
            if events.is_empty() {
                return Ok(unchanged(&warm, &order));
            }
            match self.append(&mut warm, address, &order, next, events).await {
                Ok(outcome) => {
                    self.warmth.weigh(&mut warm, address).await;
                    return Ok(outcome);
                }
                Err(Lost::Race) if began.elapsed() < PATIENCE => self.warmth.lose(&mut warm, address).await?,
                Err(Lost::Race) => return Err(Refused::Busy),
                Err(Lost::Full) => return Err(Refused::LogFull),
                Err(Lost::Broken(error)) => return Err(Refused::Broken(error)),
            }
        }
    }

    /// Decides on a cheap copy of the state, for the framework takes events in before they are written.
    async fn decide(
        &self,
        root: &Root<A>,
        order: &Order<A::Command>,
    ) -> (Root<A>, Result<Vec<A::Event>, Rejected<A::Rejection>>) {
        let mut next = root.clone();
        let sink = EventSink::default();
        let Order { id, fingerprint, command, .. } = order.clone();
        let decided = next.handle(Issued { id, fingerprint, at: clock::now(), command }, &self.policy, &sink).await;
        let events = sink.collect().await;
        (next, decided.map(|()| events))
    }

    /// Writes what was decided; only the acknowledgement makes it the warm state.
    async fn append(
        &self,
        warm: &mut Held<A>,
        address: Address,
        order: &Order<A::Command>,
        next: Root<A>,
        events: Vec<A::Event>,
    ) -> Result<Outcome, Lost> {
        let commit = Commit {
            id: order.id,
            fingerprint: order.fingerprint,
            at: next.at,
            actor: order.actor,
            link: next.state.link(),
            previous: warm.head.hash,
            events,
        };
        let sent = Instant::now();
        // Whoever drops this wait leaves a state behind of which nobody knows whether it is still the log's.
        let confirmed = warm.confirmed.take();
        let head = match self.store.append::<A>(address, &warm.head, &commit, order.reserve).await {
            Ok(head) => head,
            Err(AppendError::Conflict) => return Err(Lost::Race),
            Err(AppendError::Full) => {
                warm.confirmed = confirmed;
                return Err(Lost::Full);
            }
            Err(AppendError::Broken(error)) => return Err(Lost::Broken(error)),
        };
        let Commit { events, at, .. } = commit;
        let answer = Remembered { sequence: head.sequence, events: count(&events), at, fingerprint: order.fingerprint };
        // The copy shares its memory with the original; once it is gone, the original grows in place.
        let Root { state, at, memory } = next;
        drop(memory);
        warm.root.state = state;
        warm.root.at = at;
        warm.root.remember(order.id, answer, &events);
        warm.head = head;
        warm.newest = Some((order.id, answer));
        warm.confirmed = Some(sent);
        Ok(Outcome { command: order.id, answer, replayed: false })
    }

    /// Looks at an aggregate as the log had it no longer than `age` before this call.
    pub(crate) async fn look<T>(
        &self,
        address: Address,
        age: Duration,
        view: impl FnOnce(&Root<A>) -> T,
    ) -> Result<T, nats::Error> {
        let began = Instant::now();
        let mut warm = self.warmth.hold(address).await?;
        self.warmth.confirm(&mut warm, address, age.saturating_add(began.elapsed())).await?;
        Ok(view(&warm.root))
    }
}

/// Tells whether an answer that fresher state could overturn must be confirmed whenever it was last; a chatter could ask for that at will.
fn must_be_fresh(actor: Actor, is_so_already: bool) -> bool {
    match actor {
        // Its command is struck off the list by what it is told, so it must know as much as the projection.
        Actor::Timer => true,
        // What an agent is told to be so must be so, even right after another process changed it.
        Actor::Agent(_) | Actor::Operator => is_so_already,
        Actor::Chatter => false,
    }
}

/// Answers with the last commit: it is already so.
fn unchanged<A: Aggregate>(warm: &Held<A>, order: &Order<A::Command>) -> Outcome {
    let nothing = Remembered { sequence: 0, events: 0, at: warm.root.at, fingerprint: order.fingerprint };
    let (command, answer) = warm.newest.unwrap_or((order.id, nothing));
    Outcome { command, answer, replayed: false }
}
