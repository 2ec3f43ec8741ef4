//! The projection's progress and the age of due commands, for the operator.

use domain::{Millis, Timestamp};
use nats::Shard;

use crate::columns::{moment, sequence, timestamp};
use crate::{Error, Queries, clock, role};

/// A command that has been due for this long is late: retries come sooner.
pub(crate) const LATE_AFTER: Millis = Millis::minutes(5);

/// The progress of the rows and of scheduled commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The last commit of each shard of this log that the rows have taken in; 0 before the first.
    pub reached: Vec<(Shard, u64)>,
    /// Since when the oldest scheduled command has been due, if it is late.
    pub late_since: Option<Timestamp>,
}

impl Queries {
    /// Reads the progress.
    pub async fn progress(&self) -> Result<Progress, Error> {
        let mut transaction = role::operator(&self.inner.pool).await?;
        let checkpoints = sqlx::query!("SELECT shard, epoch, sequence FROM checkpoint WHERE projection = 'rows'")
            .fetch_all(&mut *transaction)
            .await?;
        let shards: Vec<i32> = self.inner.backbone.shards().map(|shard| i32::from(shard.0)).collect();
        let late_since = sqlx::query_scalar!(
            "SELECT min(due_at) FROM scheduled WHERE dead_at IS NULL AND shard = ANY ($1) AND due_at < $2",
            &shards,
            moment(clock::now() - LATE_AFTER)
        )
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        let reached = self.inner.backbone.shards().map(|shard| {
            let epoch = self.inner.backbone.epoch(shard).0;
            let found = checkpoints.iter().find(|row| row.shard == i32::from(shard.0) && row.epoch == epoch);
            (shard, found.map_or(0, |row| sequence(row.sequence)))
        });
        Ok(Progress { reached: reached.collect(), late_since: late_since.map(timestamp) })
    }
}
