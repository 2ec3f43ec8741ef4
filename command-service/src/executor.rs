//! Command, decision, append: the one way in which anything comes to be.

use std::sync::Arc;
use std::time::Duration;

use cqrs_es::Aggregate as _;
use cqrs_es::event_sink::EventSink;
use domain::{Address, Aggregate, CommandId, Fingerprint, Issued, Policy, Rejected, Remembered, Root};
use nats::{Actor, AppendError, Commit, Reserve, Store};

use crate::clock;
use crate::warm::{Warm, Warmth, count};

/// How often a command is decided again because another process wrote first.
const ATTEMPTS: u32 = 16;

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

impl<A: Aggregate> Executor<A> {
    /// Makes an executor whose warm states take at most `bytes`.
    pub(crate) fn new(store: Store, policy: Arc<Policy>, bytes: u64) -> Self {
        Self { warmth: Warmth::new(store.clone(), bytes), store, policy }
    }

    /// Carries out a command exactly once, however often it is sent.
    pub(crate) async fn execute(&self, address: Address, order: Order<A::Command>) -> Result<Outcome, Refused<A::Rejection>> {
        let slot = self.warmth.slot(address).await;
        let mut warm = self.warmth.lock(&slot, address).await?;
        for _ in 0..ATTEMPTS {
            if let Some(answer) = warm.root.replay(&order.id, &order.fingerprint)? {
                return Ok(Outcome { answer, replayed: true });
            }
            let mut next = warm.root.clone();
            let sink = EventSink::default();
            let issued = Issued { id: order.id, fingerprint: order.fingerprint, at: clock::now(), command: order.command.clone() };
            let decided = next.handle(issued, &self.policy, &sink).await;
            let events = sink.collect().await;

            let nothing_follows = match &decided {
                Err(Rejected::Rule(rejection)) => A::could_change(rejection),
                Err(Rejected::IdReused) => false,
                Ok(()) => events.is_empty(),
            };
            if nothing_follows && self.warmth.confirm_refusal(&mut warm, address).await? {
                continue;
            }
            decided?;
            if events.is_empty() {
                return Ok(Outcome { answer: unchanged(&warm, order.fingerprint), replayed: false });
            }
            match self.append(&mut warm, address, &order, next, events).await {
                Err(Refused::Busy) => self.warmth.catch_up(&mut warm, address).await?,
                done => {
                    let commands = warm.root.memory.len();
                    drop(warm);
                    self.warmth.weigh(&slot, address, commands).await;
                    return done;
                }
            }
        }
        Err(Refused::Busy)
    }

    /// Writes what was decided; only the acknowledgement makes it the warm state.
    async fn append(
        &self,
        warm: &mut Warm<A>,
        address: Address,
        order: &Order<A::Command>,
        next: Root<A>,
        events: Vec<A::Event>,
    ) -> Result<Outcome, Refused<A::Rejection>> {
        let commit = Commit {
            id: order.id,
            fingerprint: order.fingerprint,
            at: next.at,
            actor: order.actor,
            link: next.state.link(),
            previous: warm.head.hash,
            events,
        };
        let head = match self.store.append::<A>(address, &warm.head, &commit, order.reserve).await {
            Ok(head) => head,
            Err(AppendError::Conflict) => return Err(Refused::Busy),
            Err(AppendError::Full) => return Err(Refused::LogFull),
            Err(AppendError::Broken(error)) => return Err(Refused::Broken(error)),
        };
        let answer =
            Remembered { sequence: head.sequence, events: count(&commit.events), at: commit.at, fingerprint: order.fingerprint };
        warm.root = next;
        warm.root.remember(order.id, answer, &commit.events);
        warm.head = head;
        Ok(Outcome { answer, replayed: false })
    }

    /// Looks at an aggregate as the log had it no longer than `age` ago.
    pub(crate) async fn look<T>(&self, address: Address, age: Duration, view: impl FnOnce(&Root<A>) -> T) -> Result<T, nats::Error> {
        let slot = self.warmth.slot(address).await;
        let mut warm = self.warmth.lock(&slot, address).await?;
        self.warmth.confirm(&mut warm, address, age).await?;
        Ok(view(&warm.root))
    }
}

fn unchanged<A: Aggregate>(warm: &Warm<A>, fingerprint: Fingerprint) -> Remembered {
    Remembered { sequence: warm.head.sequence, events: 0, at: warm.root.at, fingerprint }
}
