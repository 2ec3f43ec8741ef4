//! How far each projection has come, for proving the log.

use nats::{Hash, Shard, Verified};
use sqlx::PgPool;

use crate::checkpoint::FORMAT;
use crate::column::unsigned;
use crate::projection::begin;

/// How far a projection's rows of a shard have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The projection's stored name.
    pub projection: String,
    /// The shard.
    pub shard: Shard,
    /// The last message applied; 0 before the first.
    pub sequence: u64,
    epoch: Vec<u8>,
    running: Vec<u8>,
    hash_format: i16,
}

impl Progress {
    /// Tells whether the rows were made of the log that was proven. A checkpoint from before the log was taken over tells nothing.
    pub fn agrees_with(&self, verified: &Verified) -> bool {
        let running = match self.sequence {
            0 => Some(Hash::default()),
            sequence => verified.running_at.get(&sequence).copied(),
        };
        let is_proven = running.is_some_and(|running| self.running == running.0);
        self.epoch == verified.epoch.0 && (self.hash_format != FORMAT || is_proven)
    }
}

/// Reads all checkpoints.
pub async fn checkpoints(pool: &PgPool) -> sqlx::Result<Vec<Progress>> {
    let mut transaction = begin(pool).await?;
    let rows = sqlx::query!(
        "SELECT projection, shard, epoch, sequence, running_hash, hash_format FROM checkpoint ORDER BY projection, shard"
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.rollback().await?;
    let progress = rows.into_iter().map(|row| Progress {
        projection: row.projection,
        shard: Shard(u16::try_from(row.shard).unwrap_or(u16::MAX)),
        sequence: unsigned(row.sequence),
        epoch: row.epoch,
        running: row.running_hash,
        hash_format: row.hash_format,
    });
    Ok(progress.collect())
}
