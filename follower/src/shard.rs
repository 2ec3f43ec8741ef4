//! Follows one shard: reads on from the checkpoint, batch by batch.

use std::ops::ControlFlow;

use nats::{Backbone, Shard};
use sqlx::PgPool;

use crate::checkpoint::{self, Checkpoint};
use crate::reader::Reader;
use crate::{Error, Projection, begin};

/// A shard, its log and its rows.
#[derive(Debug, Clone)]
pub(crate) struct ShardFollower<P> {
    pub(crate) projection: P,
    pub(crate) pool: PgPool,
    backbone: Backbone,
    shard: Shard,
}

impl<P: Projection> ShardFollower<P> {
    pub(crate) fn new(projection: &P, backbone: &Backbone, pool: &PgPool, shard: Shard) -> Self {
        Self { projection: projection.clone(), pool: pool.clone(), backbone: backbone.clone(), shard }
    }

    pub(crate) const fn shard(&self) -> Shard {
        self.shard
    }

    /// Keeps the rows up with the log until `noted`, told after every batch where they stand, breaks off.
    /// Cancel safe: what is not committed is done again. Others may follow the same shard.
    pub(crate) async fn follow(&self, mut noted: impl FnMut(&Checkpoint) -> ControlFlow<()>) -> Result<(), Error> {
        loop {
            let mut checkpoint = self.open().await?;
            // Any other checkpoint is proven first: its own commit is read again.
            if checkpoint.sequence == 0 && noted(&checkpoint).is_break() {
                return Ok(());
            }
            let mut reader = self.reader(&checkpoint);
            loop {
                let read = reader.next().await.map_err(|error| self.feed_error(&checkpoint, error))?;
                match reader.during(&read.content, self.apply(&read)).await? {
                    Some(moved) => checkpoint = moved,
                    // The rows were begun anew: reading has to start again from their checkpoint.
                    None => break,
                }
                if noted(&checkpoint).is_break() {
                    return Ok(());
                }
            }
        }
    }

    /// Clears the shard's rows and puts its checkpoint before the first commit, in one transaction.
    pub(crate) async fn begin_anew(&self) -> Result<Checkpoint, Error> {
        let fresh = Checkpoint::before_all(self.shard, self.backbone.epoch(self.shard), self.end().await?);
        let mut transaction = begin(&self.pool).await?;
        checkpoint::make(&mut transaction, P::NAME, &fresh).await?;
        checkpoint::lock(&mut transaction, P::NAME, self.shard).await?;
        self.projection.clear(&mut transaction, self.shard).await?;
        checkpoint::save(&mut transaction, P::NAME, &fresh).await?;
        transaction.commit().await?;
        Ok(fresh)
    }

    /// Tells whether the log still says what it said when the rows applied their last commit; fails where that cannot be told.
    pub(crate) async fn is_of_this_log(&self) -> Result<bool, Error> {
        match self.prove().await {
            Ok(()) => Ok(true),
            Err(error) if error.is_another_log() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn prove(&self) -> Result<(), Error> {
        let checkpoint = self.open().await?;
        if checkpoint.sequence == 0 {
            return Ok(());
        }
        let read = self.reader(&checkpoint).next().await.map_err(|error| self.feed_error(&checkpoint, error))?;
        self.agree(&checkpoint, &read.content)
    }

    /// Returns the log's end, from the leader.
    pub(crate) async fn end(&self) -> Result<u64, Error> {
        let shard = self.shard;
        self.backbone.end(shard).await.map_err(|source| match source {
            nats::Error::OtherEpoch { .. } => Error::OtherEpoch { shard, rows: P::LABELS.rows },
            source => Error::Log { shard, source },
        })
    }

    /// Reads or makes the checkpoint, and compares it with what is known of the log without reading it.
    async fn open(&self) -> Result<Checkpoint, Error> {
        let (shard, rows) = (self.shard, P::LABELS.rows);
        let (epoch, end) = (self.backbone.epoch(shard), self.end().await?);
        let fresh = Checkpoint::before_all(shard, epoch, end);
        let mut transaction = begin(&self.pool).await?;
        checkpoint::make(&mut transaction, P::NAME, &fresh).await?;
        let checkpoint = checkpoint::lock(&mut transaction, P::NAME, shard).await?.unwrap_or(fresh);
        transaction.commit().await?;
        if checkpoint.epoch != epoch {
            return Err(Error::OtherEpoch { shard, rows });
        }
        if checkpoint.sequence > end {
            return Err(Error::LogCut { shard, rows, sequence: checkpoint.sequence, end });
        }
        Ok(checkpoint)
    }

    /// Reads on from the checkpoint's own commit: that its running hash comes out again proves that nothing before it has changed.
    fn reader(&self, checkpoint: &Checkpoint) -> Reader {
        let feed = self.backbone.feed(self.shard, checkpoint.sequence.saturating_sub(1), checkpoint.previous);
        Reader::new(self.shard, feed)
    }

    fn feed_error(&self, checkpoint: &Checkpoint, error: nats::FeedError) -> Error {
        Error::of_feed(self.shard, P::LABELS.rows, checkpoint.sequence, error)
    }
}
