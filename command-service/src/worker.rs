//! Sends the commands that have fallen due. The projector wrote down when; the decision says whether.

use std::collections::HashMap;
use std::time::Duration;

use domain::link::Release;
use domain::session::Status;
use domain::{Address, AgentId, CommandId, LinkId, Millis, SessionId, Timestamp, link, session};
use futures_util::StreamExt;
use nats::{Actor, Shard};
use sqlx::PgPool;
use sqlx::types::Uuid;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::{Commands, Refusal, chance, clock};

/// How often the worker looks for due commands.
const LOOKS_EVERY: Duration = Duration::from_millis(200);
/// How many commands are claimed at once.
const CLAIMED_AT_ONCE: i64 = 64;
/// How many are carried out at once.
const CARRIED_OUT_AT_ONCE: usize = 16;
/// How long a claim holds: another worker takes over after that.
const LEASE: time::Duration = time::Duration::seconds(30);
/// How often a command is tried before it becomes a dead letter.
const ATTEMPTS: i32 = 20;
/// The longest wait between two tries.
const LONGEST_BACK_OFF: Millis = Millis::minutes(5);
/// How long a link that is still in use waits before it is looked at again.
const IN_USE_FOR: Millis = Millis::minutes(1);

/// Why the worker could not go on; it tries again at its next look.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the scheduled commands cannot be read: {0}")]
    Postgres(#[from] sqlx::Error),
    #[error("the log's end cannot be read: {0}")]
    Log(#[from] nats::Error),
}

/// A scheduled command that this worker has claimed.
#[derive(Debug)]
struct Due {
    target: Uuid,
    purpose: String,
    agent: Uuid,
    link: Uuid,
    version: i64,
    attempts: i32,
}

/// What is to become of a claimed row.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// It was carried out, or there is nothing left to do.
    Done,
    /// Its time has not come.
    Later(Timestamp),
    /// It failed, and may succeed another time.
    Failed(String),
}

/// Carries out due commands until told to stop.
pub async fn run(commands: Commands, pool: PgPool, stop: CancellationToken) {
    let mut worker = Worker { commands, pool, ends: HashMap::new() };
    let mut look = tokio::time::interval(LOOKS_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut broken = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = look.tick() => {}
        }
        match worker.look().await {
            Ok(()) => broken = false,
            Err(error) => {
                // Said once, not five times a second.
                if !broken {
                    tracing::warn!(%error, "the worker waits");
                }
                broken = true;
            }
        }
    }
}

struct Worker {
    commands: Commands,
    pool: PgPool,
    /// Where the log ended when this worker first saw a shard: older rows may be outdated until the projection is past that.
    ends: HashMap<Shard, u64>,
}

impl Worker {
    /// Carries out what is due now, all of it.
    async fn look(&mut self) -> Result<(), Error> {
        self.note_ends().await?;
        loop {
            let claimed = self.claim().await?;
            let more = claimed.len() >= usize::try_from(CLAIMED_AT_ONCE).expect("a small number");
            let worker = &*self;
            let settled: Vec<_> =
                futures_util::stream::iter(claimed).map(|due| worker.carry_out(due)).buffer_unordered(CARRIED_OUT_AT_ONCE).collect().await;
            for settled in settled {
                settled?;
            }
            if !more {
                return Ok(());
            }
        }
    }

    async fn note_ends(&mut self) -> Result<(), Error> {
        for shard in self.commands.inner.backbone.shards() {
            if !self.ends.contains_key(&shard) {
                let end = self.commands.inner.backbone.end(shard).await?;
                self.ends.insert(shard, end);
            }
        }
        Ok(())
    }

    /// Claims due rows, of shards whose projection has caught up.
    async fn claim(&self) -> Result<Vec<Due>, Error> {
        let now = moment(clock::now());
        let shards: Vec<i16> = self.ends.keys().map(|shard| i16::try_from(shard.0).expect("few shards")).collect();
        let ends: Vec<i64> = self.ends.values().map(|end| i64::try_from(*end).expect("sequences fit")).collect();
        let mut transaction = self.pool.begin().await?;
        act_as_writer(&mut transaction).await?;
        let claimed = sqlx::query_as!(
            Due,
            r#"
            UPDATE scheduled
            SET lease_until = $2, attempts = scheduled.attempts + 1
            FROM (
                SELECT row.target, row.purpose
                FROM scheduled AS row
                JOIN checkpoint ON checkpoint.shard = row.shard
                JOIN unnest($3::SMALLINT[], $4::BIGINT[]) AS started (shard, sequence) ON started.shard = row.shard
                WHERE row.dead_at IS NULL
                    AND row.due_at <= $1
                    AND (row.lease_until IS NULL OR row.lease_until < $1)
                    AND checkpoint.sequence >= checkpoint.held_until
                    AND checkpoint.sequence >= started.sequence
                ORDER BY row.due_at
                LIMIT $5
                FOR UPDATE OF row SKIP LOCKED
            ) AS due
            WHERE scheduled.target = due.target AND scheduled.purpose = due.purpose
            RETURNING scheduled.target, scheduled.purpose, scheduled.agent, scheduled.link, scheduled.version, scheduled.attempts
            "#,
            now,
            now + LEASE,
            &shards,
            &ends,
            CLAIMED_AT_ONCE,
        )
        .fetch_all(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(claimed)
    }

    async fn carry_out(&self, due: Due) -> Result<(), Error> {
        let verdict = self.send(&due).await;
        metrics::counter!("scheduled_commands", "purpose" => due.purpose.clone()).increment(1);
        self.settle(&due, verdict).await
    }

    /// Sends the command behind a row.
    async fn send(&self, due: &Due) -> Verdict {
        let agent = AgentId::new(due.agent.into_bytes());
        let at_link = Address::link(agent, LinkId::new(due.link.into_bytes()));
        let target = SessionId::new(due.target.into_bytes());
        let at_session = Address::session(agent, target);
        let of_link = due.target == due.link;
        let sent = match (of_link, due.purpose.as_str()) {
            (true, "expire") => self.ask_link(at_link, link::Command::Expire).await,
            (true, "erase") => self.commands.erase_link(at_link).await.map(drop),
            (false, "release_unused" | "release") => self.release(at_link, at_session, target).await,
            (false, "expire") => self.ask_session(at_session, session::Command::Expire).await,
            (false, "idle") => self.ask_session(at_session, session::Command::GoIdle).await,
            (false, "end_with_link") => self.commands.end_with_link(at_session).await.map(drop),
            (false, "reschedule") => self.reschedule(at_link, at_session).await,
            (false, "erase") => self.commands.erase_when_due(at_session).await.map(drop),
            (_, purpose) => return Verdict::Failed(format!("this version knows no scheduled command {purpose:?}")),
        };
        verdict(sent)
    }

    async fn ask_link(&self, link: Address, command: link::Command) -> Result<(), Refusal> {
        self.commands.ask_link(link, Actor::Timer, CommandId::new(chance::bytes()), command).await.map(drop)
    }

    async fn ask_session(&self, session: Address, command: session::Command) -> Result<(), Refusal> {
        self.commands.ask_session(session, Actor::Timer, command).await.map(drop)
    }

    /// Gives back the place of a session that ended or fell idle, or that never started and now cannot any more.
    async fn release(&self, link: Address, session: Address, id: SessionId) -> Result<(), Refusal> {
        let status = self.commands.inner.sessions.look(session, Duration::ZERO, |root| root.state.status).await?;
        let reason = match status {
            Status::Active => return Ok(()),
            Status::Ended | Status::Erased => Release::Left,
            // It may be coming back this very moment, in a place reserved anew.
            Status::Idle => Release::Idle,
            Status::Unknown => Release::Unused,
        };
        self.ask_link(link, link::Command::Release { session: id, reason }).await
    }

    /// Moves a session's end to its link's.
    async fn reschedule(&self, link: Address, session: Address) -> Result<(), Refusal> {
        let end = self.commands.inner.links.look(link, Duration::ZERO, |root| root.state.settings.as_ref().map(|settings| settings.expires_at));
        match end.await? {
            Some(expires_at) => self.ask_session(session, session::Command::Reschedule { expires_at }).await,
            None => Ok(()),
        }
    }

    /// Deletes or re-times a row, unless the projector has learned something newer about it.
    async fn settle(&self, due: &Due, verdict: Verdict) -> Result<(), Error> {
        let mut transaction = self.pool.begin().await?;
        act_as_writer(&mut transaction).await?;
        match verdict {
            Verdict::Done => {
                sqlx::query!(
                    "DELETE FROM scheduled WHERE target = $1 AND purpose = $2 AND version = $3",
                    due.target,
                    due.purpose,
                    due.version
                )
                .execute(&mut *transaction)
                .await?;
            }
            Verdict::Later(until) => {
                sqlx::query!(
                    "UPDATE scheduled SET due_at = $4, lease_until = NULL, attempts = 0, last_error = NULL
                    WHERE target = $1 AND purpose = $2 AND version = $3",
                    due.target,
                    due.purpose,
                    due.version,
                    moment(until)
                )
                .execute(&mut *transaction)
                .await?;
            }
            Verdict::Failed(error) => {
                let dead = due.attempts >= ATTEMPTS;
                let now = clock::now();
                tracing::warn!(purpose = due.purpose, attempts = due.attempts, dead, error, "a scheduled command failed");
                sqlx::query!(
                    "UPDATE scheduled SET due_at = $4, lease_until = NULL, last_error = $5, dead_at = $6
                    WHERE target = $1 AND purpose = $2 AND version = $3",
                    due.target,
                    due.purpose,
                    due.version,
                    moment(now + back_off(due.attempts)),
                    error,
                    dead.then(|| moment(now))
                )
                .execute(&mut *transaction)
                .await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// Judges a refusal: most mean that there is nothing left to do.
fn verdict(sent: Result<(), Refusal>) -> Verdict {
    match sent {
        Ok(()) => Verdict::Done,
        Err(Refusal::Link(link::Rejection::NotDue { until }) | Refusal::Session(session::Rejection::NotDue { until })) => Verdict::Later(until),
        Err(Refusal::Link(link::Rejection::InUse)) => Verdict::Later(clock::now() + IN_USE_FOR),
        Err(Refusal::Session(session::Rejection::StillOpen | session::Rejection::Unknown | session::Rejection::Erased))
        | Err(Refusal::Session(session::Rejection::Ended { .. }))
        | Err(Refusal::Link(link::Rejection::Unknown | link::Rejection::Erased)) => Verdict::Done,
        Err(
            refusal @ (Refusal::Agent(_)
            | Refusal::Link(_)
            | Refusal::Session(_)
            | Refusal::IdReused
            | Refusal::KeyInvalid
            | Refusal::ClientIdUsed
            | Refusal::TooManyReturns { .. }
            | Refusal::LogFull
            | Refusal::Busy
            | Refusal::Unavailable(_)
            | Refusal::Unreadable(_)
            | Refusal::Passcode(_)),
        ) => Verdict::Failed(refusal.to_string()),
    }
}

/// Doubles with every attempt, with some chance in it so that many failures do not come back together.
fn back_off(attempts: i32) -> Millis {
    let doubled = 500_i64.saturating_mul(1 << attempts.clamp(0, 12));
    let [share] = chance::bytes::<1>();
    Millis(doubled.min(LONGEST_BACK_OFF.0) / 2 * (256 + i64::from(share)) / 256)
}

async fn act_as_writer(transaction: &mut sqlx::PgTransaction<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!("SELECT set_config('role', 'tempchat_writer', true)").fetch_one(&mut **transaction).await.map(drop)
}

fn moment(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
