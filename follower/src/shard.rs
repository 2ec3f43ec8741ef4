//! Follows one shard: reads on from the checkpoint, batch by batch.

use std::ops::ControlFlow;

use nats::{Backbone, Shard};
use sqlx::PgPool;

use crate::checkpoint::{self, Checkpoint};
use crate::reader::Reader;
use crate::{Error, Projection, begin, upkeep_lock};

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
            self.prove(&checkpoint).await?;
            if noted(&checkpoint).is_break() {
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
        // A pruner reads either all rows of the shard or none.
        upkeep_lock::wait(&mut transaction, self.shard).await?;
        checkpoint::make(&mut transaction, P::NAME, &fresh).await?;
        checkpoint::lock(&mut transaction, P::NAME, self.shard).await?;
        self.projection.clear(&mut transaction, self.shard).await?;
        checkpoint::save(&mut transaction, P::NAME, &fresh).await?;
        transaction.commit().await?;
        Ok(fresh)
    }

    /// Tells whether the log still says what it said when the rows applied their last commit; fails where that cannot be told.
    pub(crate) async fn is_of_this_log(&self) -> Result<bool, Error> {
        let proven = match self.open().await {
            Ok(checkpoint) => self.prove(&checkpoint).await,
            Err(error) => Err(error),
        };
        match proven {
            Ok(()) => Ok(true),
            Err(error) if error.is_another_log() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes the checkpoint's own message into the running hash again, or its leaf where it was pruned: that the same comes out proves
    /// that nothing before it has changed.
    async fn prove(&self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let (shard, sequence) = (self.shard, checkpoint.sequence);
        if sequence == 0 {
            return Ok(());
        }
        let leaf = self.backbone.leaf(shard, sequence).await.map_err(|source| Error::Log { shard, source })?;
        match leaf.map(|leaf| checkpoint.previous.advance(&leaf)) {
            Some(running) if running == checkpoint.running => Ok(()),
            Some(_) | None => Err(self.other_history(sequence)),
        }
    }

    pub(crate) fn other_history(&self, sequence: u64) -> Error {
        Error::OtherHistory { shard: self.shard, rows: P::LABELS.rows, sequence }
    }

    /// Compares the hashes of a checkpoint from a log of format 1 with the whole log, and gives it those of the present format.
    async fn take_over(&self, checkpoint: &Checkpoint) -> Result<Checkpoint, Error> {
        let (shard, sequence) = (self.shard, checkpoint.sequence);
        tracing::info!(%shard, sequence, "the checkpoint of {} is taken over from format 1", P::LABELS.rows);
        let hashes = self.backbone.take_over_checkpoint(shard, sequence, checkpoint.running).await;
        let hashes = hashes.map_err(|source| Error::Log { shard, source })?.ok_or_else(|| self.other_history(sequence))?;
        let mut transaction = begin(&self.pool).await?;
        let now = checkpoint::lock(&mut transaction, P::NAME, shard).await?;
        // Another process may have done it, and may be further.
        let Some(mut now) = now.filter(|now| now == checkpoint) else {
            // What reads it next locks the row again.
            transaction.rollback().await?;
            return self.read_checkpoint().await;
        };
        now.running = hashes.running;
        now.previous = hashes.previous;
        now.hash_format = checkpoint::FORMAT;
        checkpoint::save(&mut transaction, P::NAME, &now).await?;
        transaction.commit().await?;
        Ok(now)
    }

    /// Returns the log's end, from the leader.
    pub(crate) async fn end(&self) -> Result<u64, Error> {
        let shard = self.shard;
        self.backbone.end(shard).await.map_err(|source| match source {
            nats::Error::OtherEpoch { .. } => Error::OtherEpoch { shard, rows: P::LABELS.rows },
            source => Error::Log { shard, source },
        })
    }

    /// Reads or makes the checkpoint, compares it with what is known of the log without reading it, and takes it over once.
    async fn open(&self) -> Result<Checkpoint, Error> {
        let mut checkpoint = self.read_checkpoint().await?;
        while checkpoint.hash_format != checkpoint::FORMAT {
            checkpoint = self.take_over(&checkpoint).await?;
        }
        Ok(checkpoint)
    }

    async fn read_checkpoint(&self) -> Result<Checkpoint, Error> {
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

    fn reader(&self, checkpoint: &Checkpoint) -> Reader {
        Reader::new(self.shard, self.backbone.feed(self.shard, checkpoint.sequence, checkpoint.running))
    }

    fn feed_error(&self, checkpoint: &Checkpoint, error: nats::FeedError) -> Error {
        Error::of_feed(self.shard, P::LABELS.rows, checkpoint.sequence, error)
    }
}
