//! The projection of one shard: reads on from the checkpoint, batch by batch.

use nats::{Backbone, Feed, Shard};
use sqlx::PgPool;

use crate::Error;
use crate::batch::{Outcome, begin, pass_over, take_in};
use crate::reading::{Read, Reading};
use crate::table::checkpoint::{self, Checkpoint};

/// A shard, its log and its rows.
#[derive(Debug, Clone)]
pub(crate) struct ShardProjection {
    pub(crate) backbone: Backbone,
    pub(crate) pool: PgPool,
    pub(crate) shard: Shard,
}

impl ShardProjection {
    /// Keeps the rows up with the log until `noted`, told after every batch where they stand, says that it is enough.
    /// Cancel safe: what is not committed is done again.
    pub(crate) async fn follow(&self, mut noted: impl FnMut(&Checkpoint) -> Enough) -> Result<(), Error> {
        loop {
            let mut checkpoint = self.open().await?;
            // Any other checkpoint is proven first: its own commit is read again.
            if checkpoint.sequence == 0 && noted(&checkpoint) == Enough::Yes {
                return Ok(());
            }
            let mut reading = Reading::new(self.shard, self.feed(&checkpoint));
            let broken = |checkpoint: &Checkpoint, error| Error::of_feed(self.shard, checkpoint.sequence, error);
            loop {
                let outcome = match reading.next().await {
                    Ok(Read { after, what: batch }) => {
                        reading.during(batch.len(), take_in(&self.pool, self.shard, after, &batch)).await?
                    }
                    Err(error) => match reading.pass_over(&error).await.map_err(|error| broken(&checkpoint, error))? {
                        Some(Read { after, what: unknown }) => pass_over(&self.pool, after, &unknown).await?,
                        None => return Err(broken(&checkpoint, error)),
                    },
                };
                checkpoint = match outcome {
                    Outcome::TakenIn(checkpoint) => checkpoint,
                    Outcome::BegunAnew => break,
                };
                if noted(&checkpoint) == Enough::Yes {
                    return Ok(());
                }
            }
        }
    }

    /// Deletes the shard's rows and puts its checkpoint before the first commit, in one transaction.
    pub(crate) async fn begin_anew(&self) -> Result<Checkpoint, Error> {
        let fresh = Checkpoint::before_all(self.shard, self.backbone.epoch(self.shard), self.end().await?);
        let mut transaction = begin(&self.pool).await?;
        checkpoint::make(&mut transaction, &fresh).await?;
        checkpoint::lock(&mut transaction, self.shard).await?;
        checkpoint::delete_rows(&mut transaction, self.shard).await?;
        checkpoint::save(&mut transaction, &fresh).await?;
        transaction.commit().await?;
        Ok(fresh)
    }

    /// Returns the log's end, from the leader.
    pub(crate) async fn end(&self) -> Result<u64, Error> {
        let shard = self.shard;
        self.backbone.end(shard).await.map_err(|source| match source {
            nats::Error::OtherEpoch { .. } => Error::OtherEpoch { shard },
            source => Error::Log { shard, source },
        })
    }

    /// Reads or makes the checkpoint, and compares it with what is known of the log without reading it.
    async fn open(&self) -> Result<Checkpoint, Error> {
        let (shard, epoch, end) = (self.shard, self.backbone.epoch(self.shard), self.end().await?);
        let fresh = Checkpoint::before_all(shard, epoch, end);
        let mut transaction = begin(&self.pool).await?;
        checkpoint::make(&mut transaction, &fresh).await?;
        let checkpoint = checkpoint::lock(&mut transaction, shard).await?.unwrap_or(fresh);
        transaction.commit().await?;
        if checkpoint.epoch != epoch {
            return Err(Error::OtherEpoch { shard });
        }
        if checkpoint.sequence > end {
            return Err(Error::LogCut { shard, sequence: checkpoint.sequence, end });
        }
        Ok(checkpoint)
    }

    /// Reads on from the checkpoint's own commit: that its running hash comes out again proves that nothing before it has changed.
    fn feed(&self, checkpoint: &Checkpoint) -> Feed {
        self.backbone.feed(self.shard, checkpoint.sequence.saturating_sub(1), checkpoint.previous)
    }
}

/// Whether following goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enough {
    /// It ends here.
    Yes,
    /// It goes on.
    No,
}
