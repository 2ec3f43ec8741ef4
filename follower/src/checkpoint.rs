//! Table `checkpoint`: how far a projection's rows of a shard have come, and what proves that the log is still the one they came from.

use nats::{Epoch, Hash, Shard};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::column::{signed, unsigned};

/// A row of `checkpoint`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Checkpoint {
    pub(crate) shard: Shard,
    pub(crate) epoch: Epoch,
    /// The last commit applied; 0 before the first.
    pub(crate) sequence: u64,
    /// The running hash at `sequence`.
    pub(crate) running: Hash,
    /// The running hash before `sequence`.
    pub(crate) previous: Hash,
    /// Where the log ended when the rows were begun from nothing.
    pub(crate) held_until: u64,
    pub(crate) at: Option<OffsetDateTime>,
    /// The format of the hashes: [`FORMAT`], or 1 before the log was taken over.
    pub(crate) hash_format: i16,
}

/// The format of the running hash.
pub(crate) const FORMAT: i16 = 2;

struct Row {
    epoch: Vec<u8>,
    sequence: i64,
    running_hash: Vec<u8>,
    previous_hash: Vec<u8>,
    held_until: i64,
    at: Option<OffsetDateTime>,
    hash_format: i16,
}

impl Checkpoint {
    /// Returns where rows begin that are made from nothing, while the log ends at `end`.
    pub(crate) fn before_all(shard: Shard, epoch: Epoch, end: u64) -> Self {
        let (running, previous) = (Hash::default(), Hash::default());
        Self { shard, epoch, sequence: 0, running, previous, held_until: end, at: None, hash_format: FORMAT }
    }

    /// Moves on to a message that comes alone.
    pub(crate) fn advance(&mut self, sequence: u64, running: Hash) {
        self.previous = std::mem::replace(&mut self.running, running);
        self.sequence = sequence;
    }
}

impl Row {
    fn checkpoint(self, shard: Shard) -> Checkpoint {
        let hash = |bytes: Vec<u8>| Hash(bytes.try_into().expect("the table checks the length"));
        Checkpoint {
            shard,
            epoch: Epoch(self.epoch.try_into().expect("the table checks the length")),
            sequence: unsigned(self.sequence),
            running: hash(self.running_hash),
            previous: hash(self.previous_hash),
            held_until: unsigned(self.held_until),
            at: self.at,
            hash_format: self.hash_format,
        }
    }
}

/// Reads a shard's checkpoint and keeps every other follower and rebuild out until the transaction ends.
pub(crate) async fn lock(connection: &mut PgConnection, projection: &str, shard: Shard) -> sqlx::Result<Option<Checkpoint>> {
    let row = sqlx::query_as!(
        Row,
        "SELECT epoch, sequence, running_hash, previous_hash, held_until, at, hash_format
        FROM checkpoint
        WHERE projection = $1 AND shard = $2
        FOR UPDATE",
        projection,
        i32::from(shard.0),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| row.checkpoint(shard)))
}

/// Makes a shard's checkpoint unless it is there.
pub(crate) async fn make(connection: &mut PgConnection, projection: &str, checkpoint: &Checkpoint) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO checkpoint (projection, shard, epoch, sequence, running_hash, previous_hash, held_until, at, hash_format)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (projection, shard) DO NOTHING",
        projection,
        i32::from(checkpoint.shard.0),
        &checkpoint.epoch.0,
        signed(checkpoint.sequence),
        &checkpoint.running.0,
        &checkpoint.previous.0,
        signed(checkpoint.held_until),
        checkpoint.at,
        checkpoint.hash_format,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves a shard's checkpoint.
pub(crate) async fn save(connection: &mut PgConnection, projection: &str, checkpoint: &Checkpoint) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE checkpoint
        SET epoch = $3, sequence = $4, running_hash = $5, previous_hash = $6, held_until = $7, at = $8, hash_format = $9
        WHERE projection = $1 AND shard = $2",
        projection,
        i32::from(checkpoint.shard.0),
        &checkpoint.epoch.0,
        signed(checkpoint.sequence),
        &checkpoint.running.0,
        &checkpoint.previous.0,
        signed(checkpoint.held_until),
        checkpoint.at,
        checkpoint.hash_format,
    )
    .execute(connection)
    .await?;
    Ok(())
}
