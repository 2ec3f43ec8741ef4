//! The deliveries of one endpoint: claimed, called and settled in batches while something is due; several calls at once while it works,
//! one while it does not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::{AgentId, LinkId};
use follower::begin;
use futures_util::StreamExt;
use nats::{Audit, AuditedRefusal, WebhookSecrets};
use sqlx::PgPool;
use sqlx::types::Uuid;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::caller::{Answered, Call, CallError, Caller};
use crate::clock;
use crate::payload::Payloads;
use crate::retry_policy::RetryPolicy;
use crate::table::delivery::{self, Claimed, Failure};
use crate::table::endpoint::{self, Endpoint};
use crate::target::Target;

/// Deliveries claimed at once.
const CLAIMED_AT_ONCE: i64 = 64;
/// Calls to one endpoint at once.
const AT_ONCE: usize = 8;
/// From so many failures in a row on an endpoint is left alone for a while, and then tried with a single call: one that refuses a
/// single event is not one that is down.
const FAILING: i32 = 3;

/// How long calls that are under way may still take when the process stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// All that is needed to deliver.
#[derive(Debug, Clone)]
pub(crate) struct Deliverer {
    pub(crate) pool: PgPool,
    pub(crate) payloads: Payloads,
    pub(crate) caller: Caller,
    pub(crate) audit: Audit,
    pub(crate) secrets: WebhookSecrets,
    pub(crate) retry: RetryPolicy,
    pub(crate) stop: CancellationToken,
}

/// What became of one delivery.
enum Outcome {
    Called(Answered),
    /// It could not be put together; no fault of the endpoint's.
    NotReady(String),
    /// The endpoint had failed too often by then, or we are stopping.
    Untried,
}

impl Deliverer {
    /// Delivers what is due to an endpoint, until nothing is or it fails too often.
    pub(crate) async fn run(&self, id: Uuid) {
        while !self.stop.is_cancelled() {
            match self.deliver(id).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(endpoint = %id, %error, "the deliveries of a webhook wait");
                    return;
                }
            }
        }
    }

    /// Delivers what can be claimed at once; tells whether there may be more to do at once.
    async fn deliver(&self, id: Uuid) -> sqlx::Result<bool> {
        let now = clock::now();
        let mut transaction = begin(&self.pool).await?;
        let Some(endpoint) = endpoint::load(&mut transaction, id).await? else { return Ok(false) };
        let most = if endpoint.failures >= FAILING { 1 } else { CLAIMED_AT_ONCE };
        let claimed = delivery::claim(&mut transaction, id, now, now + self.lease(), most).await?;
        transaction.commit().await?;
        if claimed.is_empty() {
            return Ok(false);
        }
        let is_whole = i64::try_from(claimed.len()) == Ok(CLAIMED_AT_ONCE);
        let (outcomes, failures) = self.call_all(&endpoint, &claimed).await;
        if !self.settle(&endpoint, &claimed, &outcomes, failures).await? {
            // The endpoint is another one by now, and has failed nothing.
            return Ok(true);
        }
        // One that is tried again gets the rest in batches, too.
        Ok(is_whole && failures < FAILING || endpoint.failures >= FAILING && failures == 0)
    }

    /// A claim outlives every call of its batch, and not the day.
    fn lease(&self) -> Duration {
        let calls = u32::try_from(CLAIMED_AT_ONCE).unwrap_or(u32::MAX) / u32::try_from(AT_ONCE).unwrap_or(1);
        self.retry.call * (calls + 2)
    }

    /// Makes the calls of a batch; returns the outcomes with the numbers of their deliveries, and how many failed in a row at the end.
    async fn call_all(&self, endpoint: &Endpoint, claimed: &[Claimed]) -> (Vec<(usize, Outcome)>, i32) {
        let target = Target::parse(&endpoint.url);
        let secrets = self.secrets_of(endpoint);
        let enough = AtomicBool::new(false);
        let calls = (0..claimed.len()).map(|number| {
            let (target, secrets, enough) = (&target, &secrets, &enough);
            async move {
                match claimed.get(number) {
                    Some(delivery) if !enough.load(Ordering::Relaxed) && !self.stop.is_cancelled() => {
                        (number, self.call(endpoint, target, secrets, delivery).await)
                    }
                    Some(_) | None => (number, Outcome::Untried),
                }
            }
        });
        let mut calls = futures_util::stream::iter(calls).buffer_unordered(AT_ONCE);
        let mut outcomes = Vec::with_capacity(claimed.len());
        let mut failures = endpoint.failures;
        while let Some((number, outcome)) = calls.next().await {
            match &outcome {
                Outcome::Called(answered) if answered.is_delivered() => failures = 0,
                Outcome::Called(_) => failures = failures.saturating_add(1),
                Outcome::NotReady(_) | Outcome::Untried => {}
            }
            enough.fetch_or(failures >= FAILING, Ordering::Relaxed);
            outcomes.push((number, outcome));
        }
        (outcomes, failures)
    }

    async fn call(
        &self,
        endpoint: &Endpoint,
        target: &Result<Target, crate::TargetError>,
        secrets: &[Zeroizing<String>],
        delivery: &Claimed,
    ) -> Outcome {
        let target = match target {
            Ok(target) => target,
            Err(error) => {
                let outcome = Err(CallError::Target(error.clone()));
                return Outcome::Called(Answered { outcome, took: Duration::ZERO, retry_after: None });
            }
        };
        match self.payloads.write(endpoint, delivery).await {
            Ok(body) => {
                let answered = tokio::select! {
                    answered = self.caller.call(Call { target, secrets, id: &delivery.event, body }) => answered,
                    () = self.is_too_late() => return Outcome::Untried,
                };
                if let Err(CallError::Forbidden(_)) = &answered.outcome {
                    let (agent, link) = owner_of(endpoint);
                    let door = "webhook".to_owned();
                    let refused =
                        AuditedRefusal { code: "address_forbidden", door, agent: Some(agent), key: None, link, session: None };
                    self.audit.refused(refused, None);
                }
                let outcome = if answered.is_delivered() { "delivered" } else { "failed" };
                metrics::counter!("tempchat_webhook_calls_total", "outcome" => outcome).increment(1);
                metrics::histogram!("tempchat_webhook_call_seconds").record(answered.took.as_secs_f64());
                Outcome::Called(answered)
            }
            Err(error) => Outcome::NotReady(error.to_string()),
        }
    }

    /// Waits until whoever stops would have to wait for a call: it is made again, by whoever runs next.
    async fn is_too_late(&self) {
        self.stop.cancelled().await;
        tokio::time::sleep(FAREWELL).await;
    }

    /// Returns the newest secret and, for a while after a rotation, the one before.
    fn secrets_of(&self, endpoint: &Endpoint) -> Vec<Zeroizing<String>> {
        let (agent, link) = owner_of(endpoint);
        let newest = u32::try_from(endpoint.rotation).unwrap_or_default();
        let is_new = endpoint.rotated_at.is_some_and(|at| clock::now() - at < self.retry.both_secrets);
        let before = newest.checked_sub(1).filter(|_| is_new);
        std::iter::once(newest).chain(before).map(|rotation| self.secrets.text(agent, link, rotation)).collect()
    }

    /// Writes down what came of a batch, in one transaction; tells whether the endpoint is still the one that was called. Where it was set
    /// anew meanwhile, calls that failed say nothing of it: they are given back, and made again to where it leads now.
    async fn settle(
        &self,
        endpoint: &Endpoint,
        claimed: &[Claimed],
        outcomes: &[(usize, Outcome)],
        failures: i32,
    ) -> sqlx::Result<bool> {
        let now = clock::now();
        let (mut arrived, mut untried, mut asked_for) = (Vec::new(), Vec::new(), Duration::ZERO);
        let mut last_error = None;
        let mut transaction = begin(&self.pool).await?;
        let is_current = endpoint::lock(&mut transaction, endpoint.id).await? == Some(endpoint.version);
        for (number, outcome) in outcomes {
            let Some(delivery) = claimed.get(*number) else { continue };
            match outcome {
                Outcome::Called(answered) if answered.is_delivered() => arrived.push(delivery),
                Outcome::Untried => untried.push(delivery),
                Outcome::Called(_) if !is_current => untried.push(delivery),
                Outcome::Called(answered) => {
                    let error = answered.describe();
                    let pause = self.retry.pause(delivery.attempts).max(answered.retry_after.unwrap_or_default());
                    let is_over = answered.is_gone() || self.retry.is_over(delivery.since, now);
                    let failure = Failure {
                        claimed: delivery,
                        status: answered.outcome.as_ref().ok().and_then(|status| i16::try_from(*status).ok()),
                        error: &error,
                        due_at: now + pause.min(self.retry.longest_pause),
                        dead_at: is_over.then_some(now),
                    };
                    delivery::failed(&mut transaction, &failure).await?;
                    count_dead(u64::from(is_over));
                    asked_for = asked_for.max(answered.retry_after.unwrap_or_default()).min(self.retry.longest_pause);
                    last_error = Some(error);
                }
                Outcome::NotReady(error) => {
                    tracing::warn!(endpoint = %endpoint.id, error, "an event cannot be told yet");
                    let due_at = now + self.retry.pause(delivery.attempts);
                    let failure = Failure { claimed: delivery, status: None, error, due_at, dead_at: None };
                    delivery::failed(&mut transaction, &failure).await?;
                }
            }
        }
        delivery::delivered(&mut transaction, &arrived).await?;
        delivery::release(&mut transaction, &untried).await?;
        if is_current {
            let pause = (failures >= FAILING).then(|| self.retry.pause(failures - FAILING + 1).max(asked_for));
            let failing_since =
                endpoint::note(&mut transaction, endpoint.id, failures, now, pause.map(|pause| now + pause)).await?;
            if let (Some(since), Some(error)) = (failing_since, &last_error) {
                self.give_up(&mut transaction, endpoint.id, since, now, error).await?;
            }
        }
        endpoint::forget_retired(&mut transaction, endpoint.id).await?;
        transaction.commit().await?;
        Ok(is_current)
    }

    /// Gives up what has waited for its whole time for an endpoint that has not worked all the while.
    async fn give_up(
        &self,
        connection: &mut sqlx::PgConnection,
        endpoint: Uuid,
        failing_since: OffsetDateTime,
        now: OffsetDateTime,
        error: &str,
    ) -> sqlx::Result<()> {
        if self.retry.is_over(failing_since, now) {
            let before = now - self.retry.gives_up_after;
            count_dead(delivery::give_up(connection, endpoint, before, now, error).await?);
        }
        delivery::prune(connection, endpoint).await
    }
}

fn owner_of(endpoint: &Endpoint) -> (AgentId, Option<LinkId>) {
    (AgentId::new(endpoint.agent.into_bytes()), endpoint.link.map(|link| LinkId::new(link.into_bytes())))
}

fn count_dead(letters: u64) {
    metrics::counter!("tempchat_webhook_dead_letters_total").increment(letters);
}
