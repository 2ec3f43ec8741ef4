//! What should be done and is not, for the operator: counted far enough to be seen, and no further.

use domain::Millis;

use crate::columns::{count, moment};
use crate::progress::LATE_AFTER;
use crate::{Error, Queries, clock, role};

/// How much of what should be done is not, each counted to 1,000 at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unfinished {
    /// Erasures that failed so often that they are tried at a slow pace only.
    pub failing_erasures: u32,
    /// Other scheduled commands that failed for good.
    pub dead_commands: u32,
    /// Scheduled commands that have been due for minutes.
    pub late_commands: u32,
    /// Commits that the projection passed over, because a newer version wrote them.
    pub passed_over: u32,
    /// Calls to webhooks that were given up.
    pub dead_deliveries: u32,
    /// Reports of chats by people that came lately and that the operator has not seen.
    pub reports: u32,
}

/// How long a report is told of that nobody has marked as seen.
const REPORTED_LATELY: Millis = Millis::minutes(7 * 24 * 60);

impl Unfinished {
    /// Where counting stops, for anyone may ask how the service is: so many are at least as many.
    pub const COUNTED: u32 = 1_000;
}

impl Queries {
    /// Counts what is not done.
    pub async fn unfinished(&self) -> Result<Unfinished, Error> {
        let mut transaction = role::operator(&self.inner.pool).await?;
        let row = sqlx::query!(
            "SELECT
                (SELECT count(*) FROM (
                    SELECT FROM scheduled WHERE dead_at IS NOT NULL AND purpose = 'erase' LIMIT $1
                ) AS counted) AS \"failing_erasures!\",
                (SELECT count(*) FROM (
                    SELECT FROM scheduled WHERE dead_at IS NOT NULL AND purpose <> 'erase' LIMIT $1
                ) AS counted) AS \"dead_commands!\",
                (SELECT count(*) FROM (
                    SELECT FROM scheduled WHERE dead_at IS NULL AND shard = ANY ($3) AND due_at < $2 LIMIT $1
                ) AS counted) AS \"late_commands!\",
                (SELECT count(*) FROM (SELECT FROM dead_letter LIMIT $1) AS counted) AS \"passed_over!\",
                (SELECT count(*) FROM (
                    SELECT FROM webhook_delivery WHERE dead_at IS NOT NULL LIMIT $1
                ) AS counted) AS \"dead_deliveries!\",
                (SELECT count(*) FROM (
                    SELECT FROM event WHERE type = 'session.reported' AND at > greatest($4, (SELECT upto FROM reports_seen)) LIMIT $1
                ) AS counted) AS \"reports!\"",
            i64::from(Unfinished::COUNTED),
            moment(clock::now() - LATE_AFTER),
            &self.inner.backbone.shards().map(|shard| i32::from(shard.0)).collect::<Vec<_>>(),
            moment(clock::now() - REPORTED_LATELY),
        )
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Unfinished {
            failing_erasures: count(row.failing_erasures),
            dead_commands: count(row.dead_commands),
            late_commands: count(row.late_commands),
            passed_over: count(row.passed_over),
            dead_deliveries: count(row.dead_deliveries),
            reports: count(row.reports),
        })
    }
}
