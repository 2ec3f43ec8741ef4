//! Table `checkpoint`: how far a shard's rows have come, and what proves that the log is still the one they came from.

use nats::{Epoch, Hash, Shard};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::column::sequence;

/// A row of `checkpoint`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Checkpoint {
    pub(crate) shard: Shard,
    pub(crate) epoch: Epoch,
    /// The last commit taken in; 0 before the first.
    pub(crate) sequence: u64,
    /// The running hash at `sequence`.
    pub(crate) running: Hash,
    /// The running hash before `sequence`.
    pub(crate) previous: Hash,
    /// Scheduled commands wait until `sequence` has come this far.
    pub(crate) held_until: u64,
    pub(crate) at: Option<OffsetDateTime>,
}

struct Row {
    epoch: Vec<u8>,
    sequence: i64,
    running: Vec<u8>,
    previous: Vec<u8>,
    held_until: i64,
    at: Option<OffsetDateTime>,
}

impl Checkpoint {
    /// Returns where rows begin that are made from nothing, while the log ends at `end`.
    pub(crate) fn before_all(shard: Shard, epoch: Epoch, end: u64) -> Self {
        Self { shard, epoch, sequence: 0, running: Hash::default(), previous: Hash::default(), held_until: end, at: None }
    }
}

impl Row {
    fn checkpoint(self, shard: Shard) -> Checkpoint {
        let number = |number: i64| u64::try_from(number).expect("the table checks the sign");
        let hash = |bytes: Vec<u8>| Hash(bytes.try_into().expect("the table checks the length"));
        Checkpoint {
            shard,
            epoch: Epoch(self.epoch.try_into().expect("the table checks the length")),
            sequence: number(self.sequence),
            running: hash(self.running),
            previous: hash(self.previous),
            held_until: number(self.held_until),
            at: self.at,
        }
    }
}

/// Reads a shard's checkpoint and keeps every other projector and rebuild out until the transaction ends.
pub(crate) async fn lock(connection: &mut PgConnection, shard: Shard) -> sqlx::Result<Option<Checkpoint>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT epoch, sequence, running, previous, held_until, at
        FROM checkpoint
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
        "INSERT INTO checkpoint (shard, epoch, sequence, running, previous, held_until, at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (shard) DO NOTHING",
        i32::from(checkpoint.shard.0),
        &checkpoint.epoch.0,
        sequence(checkpoint.sequence),
        &checkpoint.running.0,
        &checkpoint.previous.0,
        sequence(checkpoint.held_until),
        checkpoint.at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves a shard's checkpoint.
pub(crate) async fn save(connection: &mut PgConnection, checkpoint: &Checkpoint) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE checkpoint
        SET epoch = $2, sequence = $3, running = $4, previous = $5, held_until = $6, at = $7
        WHERE shard = $1",
        i32::from(checkpoint.shard.0),
        &checkpoint.epoch.0,
        sequence(checkpoint.sequence),
        &checkpoint.running.0,
        &checkpoint.previous.0,
        sequence(checkpoint.held_until),
        checkpoint.at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes every row of a shard but its checkpoint.
pub(crate) async fn delete_rows(connection: &mut PgConnection, shard: Shard) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH agents AS (DELETE FROM agent WHERE shard = $1),
            keys AS (DELETE FROM agent_key WHERE shard = $1),
            links AS (DELETE FROM link WHERE shard = $1),
            sessions AS (DELETE FROM session WHERE shard = $1),
            admissions AS (DELETE FROM admission WHERE shard = $1),
            questions AS (DELETE FROM question WHERE shard = $1),
            read_marks AS (DELETE FROM read_mark WHERE shard = $1),
            events AS (DELETE FROM event WHERE shard = $1),
            dead_letters AS (DELETE FROM dead_letter WHERE shard = $1)
        DELETE FROM scheduled
        WHERE shard = $1",
        i32::from(shard.0),
    )
    .execute(connection)
    .await?;
    Ok(())
}
