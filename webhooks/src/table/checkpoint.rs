//! Table `webhook_checkpoint`: how far a shard was read, and what proves that the log is still the one that was read.

use nats::{Epoch, Hash, Shard};
use sqlx::PgConnection;

use super::{signed, unsigned};

/// A row of `webhook_checkpoint`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Checkpoint {
    pub(crate) shard: Shard,
    pub(crate) epoch: Epoch,
    /// The last commit read; 0 before the first.
    pub(crate) sequence: u64,
    /// The running hash at `sequence`.
    pub(crate) running: Hash,
    /// The running hash before `sequence`.
    pub(crate) previous: Hash,
    /// What happened up to there wakes nobody.
    pub(crate) held_until: u64,
}

struct Row {
    epoch: Vec<u8>,
    sequence: i64,
    running: Vec<u8>,
    previous: Vec<u8>,
    held_until: i64,
}

impl Checkpoint {
    /// Returns where reading begins that knows nothing yet, while the log ends at `end`.
    pub(crate) fn before_all(shard: Shard, epoch: Epoch, end: u64) -> Self {
        Self { shard, epoch, sequence: 0, running: Hash::default(), previous: Hash::default(), held_until: end }
    }
}

impl Row {
    fn checkpoint(self, shard: Shard) -> Checkpoint {
        let hash = |bytes: Vec<u8>| Hash(bytes.try_into().expect("the table checks the length"));
        Checkpoint {
            shard,
            epoch: Epoch(self.epoch.try_into().expect("the table checks the length")),
            sequence: unsigned(self.sequence),
            running: hash(self.running),
            previous: hash(self.previous),
            held_until: unsigned(self.held_until),
        }
    }
}

/// Reads a shard's checkpoint and keeps every other reader out until the transaction ends.
pub(crate) async fn lock(connection: &mut PgConnection, shard: Shard) -> sqlx::Result<Option<Checkpoint>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT epoch, sequence, running, previous, held_until
        FROM webhook_checkpoint
        WHERE shard = $1
        FOR UPDATE",
        i32::from(shard.0),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| row.checkpoint(shard)))
}

/// Makes a shard's checkpoint unless it is there.
pub(crate) async fn make(connection: &mut PgConnection, checkpoint: &Checkpoint) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO webhook_checkpoint (shard, epoch, sequence, running, previous, held_until)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (shard) DO NOTHING",
        i32::from(checkpoint.shard.0),
        &checkpoint.epoch.0,
        signed(checkpoint.sequence),
        &checkpoint.running.0,
        &checkpoint.previous.0,
        signed(checkpoint.held_until),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves a shard's checkpoint.
pub(crate) async fn save(connection: &mut PgConnection, checkpoint: &Checkpoint) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE webhook_checkpoint
        SET epoch = $2, sequence = $3, running = $4, previous = $5, held_until = $6
        WHERE shard = $1",
        i32::from(checkpoint.shard.0),
        &checkpoint.epoch.0,
        signed(checkpoint.sequence),
        &checkpoint.running.0,
        &checkpoint.previous.0,
        signed(checkpoint.held_until),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes all that was made of a shard but its checkpoint.
pub(crate) async fn delete_rows(connection: &mut PgConnection, shard: Shard) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM webhook_endpoint WHERE shard = $1", i32::from(shard.0)).execute(connection).await?;
    Ok(())
}
