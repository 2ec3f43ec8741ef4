//! Executes commands: decide, append, acknowledge. Every event in the log comes from here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{Address, Aggregate, CommandId, Decision, Fingerprint, Policy, Rejected, Remembered, Root};
use nats::{Actor, AppendError, Backbone, Commit, Head, Reserve, Store};

use crate::cache_weight::CacheWeight;
use crate::state_cache::{Cached, StateCache};
use crate::{clock, random};

/// How long a command is decided again while other processes keep appending first.
const RETRIED_FOR: Duration = Duration::from_secs(5);
/// How old the confirmation of a cached state may be for an answer that newer events could change.
const CONFIRMED_FOR: Duration = Duration::from_secs(1);

/// Executes the commands of one kind of aggregate.
#[derive(Debug)]
pub(crate) struct Executor<A: Aggregate> {
    states: StateCache<A>,
    store: Store,
    policy: Arc<Policy>,
}

/// A command with what identifies it.
#[derive(Debug, Clone)]
pub(crate) struct Request<C> {
    /// The same for every repeat of this attempt.
    pub(crate) id: CommandId,
    /// The same for every repeat with the same content.
    pub(crate) fingerprint: Fingerprint,
    /// Who caused it.
    pub(crate) actor: Actor,
    /// The command.
    pub(crate) command: C,
}

impl<C> Request<C> {
    /// Makes a request whose id alone tells what it asks for: no repeat of it has other content.
    pub(crate) fn new(id: CommandId, actor: Actor, command: C) -> Self {
        Self { id, fingerprint: Fingerprint::new(*id.bytes()), actor, command }
    }

    /// Makes a request with a random id: it is never repeated.
    pub(crate) fn once(actor: Actor, command: C) -> Self {
        Self::new(CommandId::new(random::bytes()), actor, command)
    }
}

/// The result of a command.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The command that made the answering commit.
    pub(crate) command: CommandId,
    /// Its commit; where nothing had to be written, the aggregate's last.
    pub(crate) answer: Remembered,
    /// Whether this very command had been carried out before.
    pub(crate) replayed: bool,
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError<R> {
    /// A rule rejected it, or its id was used before.
    #[error(transparent)]
    Rejected(#[from] Rejected<R>),
    /// The log has only its reserve left, which this command may not use.
    #[error("the log is full")]
    LogFull,
    /// Other processes kept appending first.
    #[error("too many writers at once")]
    Busy,
    /// The log cannot be reached, or is broken.
    #[error(transparent)]
    Broken(#[from] nats::Error),
}

/// Why a commit was not appended.
enum AppendFailure {
    /// Another process appended first.
    Conflict,
    /// The log has no space for it.
    Full,
    /// The append failed, or its outcome is unknown.
    Broken(nats::Error),
}

impl<A: Aggregate + CacheWeight> Executor<A> {
    /// Makes an executor whose cached states take at most `bytes`.
    pub(crate) fn new(backbone: &Backbone, policy: Arc<Policy>, bytes: u64) -> Self {
        Self { states: StateCache::new(backbone.clone(), bytes), store: backbone.store(), policy }
    }

    /// Carries out a command exactly once, however often it is sent; a caller that dropped the future may send it again.
    pub(crate) async fn execute(
        &self,
        address: Address,
        request: Request<A::Command>,
        reserve: Reserve,
    ) -> Result<Outcome, CommandError<A::Rejection>> {
        let began = Instant::now();
        let mut cached = self.states.lock(address).await?;
        loop {
            if let Some(answer) = cached.root.replay(&request.id, &request.fingerprint)? {
                return Ok(Outcome { command: request.id, answer, replayed: true });
            }
            let decided = cached.root.decide(&request.command, clock::now(), &self.policy);
            // Events are checked by the append itself; an answer without events is only as good as the state behind it.
            let depends_on_newest = match &decided {
                Ok(decision) => decision.events.is_empty(),
                Err(rejection) => A::could_change(rejection),
            };
            if depends_on_newest {
                let age = if must_be_fresh(request.actor, decided.is_ok()) { began.elapsed() } else { CONFIRMED_FOR };
                if self.states.confirm(&mut cached, address, age).await? {
                    continue;
                }
            }
            let decision = decided.map_err(Rejected::Rule)?;
            if decision.events.is_empty() {
                return Ok(unchanged(&cached, &request));
            }
            // A purge leaves a subject as empty as one that never was, so the append itself cannot tell the two apart.
            if cached.head == Head::default() && self.states.confirm(&mut cached, address, began.elapsed()).await? {
                continue;
            }
            match self.append(&mut cached, address, &request, decision, reserve).await {
                Ok(outcome) => {
                    self.states.update_weight(&mut cached, address).await;
                    return Ok(outcome);
                }
                Err(AppendFailure::Conflict) if began.elapsed() < RETRIED_FOR => {
                    self.states.reload(&mut cached, address).await?;
                }
                Err(AppendFailure::Conflict) => return Err(CommandError::Busy),
                Err(AppendFailure::Full) => return Err(CommandError::LogFull),
                Err(AppendFailure::Broken(error)) => return Err(CommandError::Broken(error)),
            }
        }
    }

    /// Appends what was decided; the cached state changes only once the append is acknowledged.
    async fn append(
        &self,
        cached: &mut Cached<A>,
        address: Address,
        request: &Request<A::Command>,
        decision: Decision<A>,
        reserve: Reserve,
    ) -> Result<Outcome, AppendFailure> {
        let Decision { events, root: next } = decision;
        let commit = Commit {
            id: request.id,
            fingerprint: request.fingerprint,
            at: next.at,
            actor: request.actor,
            link: next.state.link(),
            previous: cached.head.hash,
            events,
        };
        let sent = Instant::now();
        // If this future is dropped, the append's outcome is unknown: the cached state stays unconfirmed.
        let confirmed = cached.confirmed.take();
        let head = match self.store.append::<A>(address, &cached.head, &commit, reserve).await {
            Ok(head) => head,
            Err(AppendError::Conflict) => return Err(AppendFailure::Conflict),
            Err(AppendError::Full) => {
                cached.confirmed = confirmed;
                return Err(AppendFailure::Full);
            }
            Err(AppendError::Broken(error)) => return Err(AppendFailure::Broken(error)),
        };
        let Commit { events, at, .. } = commit;
        let answer =
            Remembered { sequence: head.sequence, events: A::count_to_asked(&events), at, fingerprint: request.fingerprint };
        // The copy shares its memory with the original; once it is dropped, the original grows in place.
        let Root { state, at, memory } = next;
        drop(memory);
        cached.root.state = state;
        cached.root.at = at;
        cached.root.remember(request.id, answer, &events);
        cached.follow(head, (request.id, answer), sent);
        Ok(Outcome { command: request.id, answer, replayed: false })
    }

    /// Reads an aggregate as the log had it no longer than `age` before this call.
    pub(crate) async fn look<T>(
        &self,
        address: Address,
        age: Duration,
        view: impl FnOnce(&Root<A>) -> T,
    ) -> Result<T, nats::Error> {
        let began = Instant::now();
        let mut cached = self.states.lock(address).await?;
        self.states.confirm(&mut cached, address, age.saturating_add(began.elapsed())).await?;
        Ok(view(&cached.root))
    }
}

/// Tells whether an answer that newer events could change needs a confirmation made during this call. Chatters' commands do not:
/// they
/// could cause any number of requests to the leader.
fn must_be_fresh(actor: Actor, is_so_already: bool) -> bool {
    match actor {
        // The scheduled command is deleted on this answer, so the answer must not be older than the projection.
        Actor::Timer => true,
        // An answer that nothing is left to do must be true even right after another process changed the aggregate.
        Actor::Agent(_) | Actor::Operator => is_so_already,
        Actor::Chatter => false,
    }
}

/// Answers with the last commit, because the command changes nothing.
fn unchanged<A: Aggregate>(cached: &Cached<A>, request: &Request<A::Command>) -> Outcome {
    let nothing = Remembered { sequence: 0, events: 0, at: cached.root.at, fingerprint: request.fingerprint };
    let (command, answer) = cached.newest.unwrap_or((request.id, nothing));
    Outcome { command, answer, replayed: false }
}
