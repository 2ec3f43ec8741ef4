//! Table `scheduled`: rows are claimed under a lease, and settled only if the projector has not changed them meanwhile.

use std::collections::HashMap;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use domain::{Millis, Timestamp};
use nats::{Backbone, Shard};
use sqlx::types::Uuid;
use sqlx::{PgPool, PgTransaction};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::{clock, random};

/// How many commands are claimed at once.
pub(super) const CLAIMED_AT_ONCE: usize = 64;
/// How long a claim lasts; after it another worker may claim the row.
const LEASE: time::Duration = time::Duration::seconds(30);
/// How often a command fails before it becomes a dead letter; an erasure is tried further, ever more slowly.
const ATTEMPTS: i32 = 20;
/// The purpose of the commands that are never given up: the erasure was promised.
const ERASE: &str = "erase";
/// The wait after an erasure became a dead letter; it doubles from then on, up to [`LONGEST_DEAD_BACK_OFF`].
const DEAD_BACK_OFF: Duration = Duration::from_hours(1);
/// The longest wait between two tries of a dead erasure.
const LONGEST_DEAD_BACK_OFF: Duration = Duration::from_hours(24);
/// The longest wait between two tries.
const LONGEST_BACK_OFF: Duration = Duration::from_mins(5);
/// The waits after failures, before jitter.
const BACK_OFFS: ExponentialBuilder =
    ExponentialBuilder::new().with_min_delay(Duration::from_secs(1)).with_max_delay(LONGEST_BACK_OFF).without_max_times();
/// After so many doublings every wait is the longest.
const DOUBLINGS: usize = 20;
/// The wait while no command can be carried out.
const NOT_NOW_FOR: Millis = Millis::seconds(5);
/// The greatest time that PostgreSQL and the `time` crate can both represent.
const END_OF_TIME: OffsetDateTime = datetime!(9999-12-31 23:59 UTC);

/// A scheduled command that this worker has claimed.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) target_kind: String,
    pub(super) target: Uuid,
    pub(super) purpose: String,
    pub(super) agent: Uuid,
    pub(super) link: Uuid,
    version: i64,
    attempts: i32,
    /// Since when it is a dead letter: an erasure that is tried all the same.
    dead_at: Option<OffsetDateTime>,
}

/// What happens to a claimed row.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// It was carried out, or there is nothing left to do.
    Done,
    /// It is not due before this time.
    Later(Timestamp),
    /// No command can be carried out right now; this is not counted as a failure.
    NotNow(String),
    /// It failed, and is tried again.
    Failed(String),
}

impl Verdict {
    /// Returns the name under which the metrics count it.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Later(_) => "later",
            Self::NotNow(_) => "not_now",
            Self::Failed(_) => "failed",
        }
    }
}

/// The table.
#[derive(Debug)]
pub(super) struct Scheduled {
    pool: PgPool,
}

impl Scheduled {
    pub(super) const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Claims due rows of the shards whose projection has this log's epoch and has reached `ends`.
    pub(super) async fn claim(&self, backbone: &Backbone, ends: &HashMap<Shard, u64>) -> Result<Vec<Due>, sqlx::Error> {
        let now = moment(clock::now());
        let shards: Vec<i32> = ends.keys().map(|shard| i32::from(shard.0)).collect();
        let epochs: Vec<Vec<u8>> = ends.keys().map(|shard| backbone.epoch(*shard).0.to_vec()).collect();
        let ends: Vec<i64> = ends.values().map(|end| i64::try_from(*end).expect("sequences fit in 63 bits")).collect();
        let mut transaction = self.begin().await?;
        let claimed = sqlx::query_as!(
            Due,
            "
            WITH due AS MATERIALIZED (
                SELECT scheduled.target, scheduled.purpose
                FROM scheduled
                JOIN checkpoint ON checkpoint.projection = 'rows' AND checkpoint.shard = scheduled.shard
                JOIN UNNEST($3::INTEGER[], $4::BYTEA[], $5::BIGINT[]) AS log (shard, epoch, sequence) ON log.shard = scheduled.shard
                WHERE (scheduled.dead_at IS NULL OR scheduled.purpose = 'erase')
                    AND scheduled.due_at <= $1
                    AND (scheduled.lease_until IS NULL OR scheduled.lease_until < $1)
                    AND checkpoint.epoch = log.epoch
                    AND checkpoint.sequence >= GREATEST(checkpoint.held_until, log.sequence)
                ORDER BY scheduled.due_at
                LIMIT $6
                FOR UPDATE OF scheduled SKIP LOCKED
            )
            UPDATE scheduled
            SET lease_until = $2, attempts = scheduled.attempts + 1
            FROM due
            WHERE scheduled.target = due.target AND scheduled.purpose = due.purpose
            RETURNING
                scheduled.target_kind, scheduled.target, scheduled.purpose, scheduled.agent, scheduled.link, scheduled.version,
                scheduled.attempts, scheduled.dead_at
            ",
            now,
            now + LEASE,
            &shards,
            &epochs,
            &ends,
            i64::try_from(CLAIMED_AT_ONCE).expect("a small number"),
        )
        .fetch_all(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(claimed)
    }

    /// Deletes or reschedules a row, if it is still the version that was claimed.
    pub(super) async fn settle(&self, due: &Due, verdict: Verdict) -> Result<(), sqlx::Error> {
        let now = clock::now();
        match verdict {
            Verdict::Done => self.delete(due).await,
            Verdict::Later(until) => self.reschedule(due, until, 0, None, None).await,
            Verdict::NotNow(why) => {
                tracing::debug!(purpose = due.purpose, why, "a scheduled command waits");
                let attempts = if due.dead_at.is_some() { due.attempts - 1 } else { 0 };
                self.reschedule(due, now + jittered(NOT_NOW_FOR), attempts, Some(&why), due.dead_at).await
            }
            Verdict::Failed(error) => {
                let dead_at = due.dead_at.or((due.attempts >= ATTEMPTS).then(|| moment(now)));
                let is_dead = dead_at.is_some();
                tracing::warn!(purpose = due.purpose, target = %due.target, attempts = due.attempts, is_dead, error, "a scheduled command failed");
                let wait = if due.purpose == ERASE && is_dead { dead_back_off(due.attempts) } else { back_off(due.attempts) };
                self.reschedule(due, now + wait, due.attempts, Some(&error), dead_at).await
            }
        }
    }

    async fn delete(&self, due: &Due) -> Result<(), sqlx::Error> {
        let mut transaction = self.begin().await?;
        sqlx::query!(
            "DELETE FROM scheduled
            WHERE target = $1 AND purpose = $2 AND version = $3",
            due.target,
            due.purpose,
            due.version,
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await
    }

    async fn reschedule(
        &self,
        due: &Due,
        until: Timestamp,
        attempts: i32,
        error: Option<&str>,
        dead_at: Option<OffsetDateTime>,
    ) -> Result<(), sqlx::Error> {
        let mut transaction = self.begin().await?;
        sqlx::query!(
            "UPDATE scheduled
            SET due_at = $4, lease_until = NULL, attempts = $5, last_error = $6, dead_at = $7
            WHERE target = $1 AND purpose = $2 AND version = $3",
            due.target,
            due.purpose,
            due.version,
            moment(until),
            attempts,
            error,
            dead_at,
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await
    }

    async fn begin(&self) -> Result<PgTransaction<'static>, sqlx::Error> {
        begin(&self.pool).await
    }
}

/// Begins a transaction that sees and writes every row. Its plans are forced, as those of all readers and writers: what was must not be
/// read to find what is due.
pub(crate) async fn begin(pool: &PgPool) -> Result<PgTransaction<'static>, sqlx::Error> {
    let begin = "BEGIN; SET LOCAL ROLE tempchat_writer; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; \
        SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_material = off; \
        SET LOCAL enable_memoize = off; SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL jit = off";
    pool.begin_with(begin).await
}

/// Returns the wait after a failure: it doubles with every attempt.
fn back_off(attempts: i32) -> Millis {
    doubled(BACK_OFFS, attempts, LONGEST_BACK_OFF)
}

/// Returns the wait of an erasure that is a dead letter.
fn dead_back_off(attempts: i32) -> Millis {
    let waits = BACK_OFFS.with_min_delay(DEAD_BACK_OFF).with_max_delay(LONGEST_DEAD_BACK_OFF);
    doubled(waits, attempts - ATTEMPTS + 1, LONGEST_DEAD_BACK_OFF)
}

fn doubled(waits: ExponentialBuilder, attempts: i32, longest: Duration) -> Millis {
    let earlier = usize::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(DOUBLINGS);
    let wait = waits.build().nth(earlier).unwrap_or(longest);
    jittered(Millis(i64::try_from(wait.as_millis()).expect("a day at most")))
}

/// Takes off a random part of up to half, so that rows that failed together are not retried together.
fn jittered(length: Millis) -> Millis {
    let [share] = random::bytes::<1>();
    Millis(length.0 / 2 + length.0 / 2 * i64::from(share) / 255)
}

pub(crate) fn moment(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000).map_or(END_OF_TIME, |moment| moment.min(END_OF_TIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_until_it_is_five_minutes() {
        for (attempts, longest) in [(1, 1_000), (2, 2_000), (5, 16_000), (9, 256_000), (10, 300_000), (i32::MAX, 300_000)] {
            let waits = std::array::from_fn::<_, 64, _>(|_| back_off(attempts).0);
            assert!(waits.iter().all(|wait| (longest / 2..=longest).contains(wait)), "attempt {attempts}: {waits:?}");
        }
    }

    #[test]
    fn a_dead_erasure_waits_an_hour_and_then_up_to_a_day() {
        let hour = 3_600_000;
        for (attempts, longest) in [(20, hour), (21, 2 * hour), (24, 16 * hour), (25, 24 * hour), (i32::MAX, 24 * hour)] {
            let waits = std::array::from_fn::<_, 64, _>(|_| dead_back_off(attempts).0);
            assert!(waits.iter().all(|wait| (longest / 2..=longest).contains(wait)), "attempt {attempts}: {waits:?}");
        }
    }

    #[test]
    fn a_time_out_of_range_becomes_the_greatest_one() {
        assert_eq!(moment(Timestamp(i64::MAX)), END_OF_TIME);
        assert_eq!(moment(Timestamp(1_000)), datetime!(1970-01-01 00:00:01 UTC));
    }
}
