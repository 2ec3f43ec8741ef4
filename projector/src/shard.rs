//! The projection of one shard: reads on from the checkpoint, batch by batch.

use std::pin::pin;

use nats::{Backbone, Feed, FeedError, Recorded, Shard, Unknown};
use sqlx::PgPool;

use crate::Error;
use crate::batch::{Outcome, begin, pass_over, take_in};
use crate::table::checkpoint::{self, Checkpoint};

/// Commits in one transaction.
const BATCH: usize = 1000;
/// Commits in a batch that tell of more to come.
const LAGGING: usize = BATCH / 2;

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
            let mut feed = self.feed(&checkpoint);
            let mut after = feed.last();
            let mut ahead = Vec::new();
            loop {
                let read = if ahead.is_empty() { feed.next(BATCH).await } else { Ok(std::mem::take(&mut ahead)) };
                let outcome = match read {
                    Ok(batch) => {
                        let from = std::mem::replace(&mut after, feed.last());
                        let written = take_in(&self.pool, self.shard, from, &batch);
                        // One that lags behind the log reads the next batch while it writes this one; else there is nothing to read.
                        if batch.len() < LAGGING { written.await? } else { read_ahead(written, &mut feed, &mut ahead).await? }
                    }
                    Err(error) => match self.unknown(&mut feed, &error).await? {
                        Some(unknown) => {
                            let from = std::mem::replace(&mut after, feed.last());
                            pass_over(&self.pool, from, &unknown).await?
                        }
                        None => return Err(Error::of_feed(self.shard, checkpoint.sequence, error)),
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

    /// Passes over the commit that could not be read, where a newer program wrote it.
    async fn unknown(&self, feed: &mut Feed, error: &FeedError) -> Result<Option<Unknown>, Error> {
        match error {
            FeedError::Broken(nats::Error::Corrupt { .. }) => {
                feed.pass_over().await.map_err(|error| Error::of_feed(self.shard, feed.last(), error))
            }
            FeedError::Broken(_) | FeedError::OtherEpoch(_) | FeedError::AheadOfLog { .. } => Ok(None),
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

/// Waits until a batch is written, and meanwhile reads the next one.
async fn read_ahead(
    written: impl Future<Output = Result<Outcome, Error>>,
    feed: &mut Feed,
    ahead: &mut Vec<Recorded>,
) -> Result<Outcome, Error> {
    let mut written = pin!(written);
    while ahead.len() < BATCH {
        tokio::select! {
            outcome = &mut written => return outcome,
            read = feed.next(BATCH - ahead.len()) => match read {
                Ok(batch) => ahead.extend(batch),
                // It is met again once what was read before it is written.
                Err(_) => break,
            },
        }
    }
    written.await
}

/// Whether following goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enough {
    /// It ends here.
    Yes,
    /// It goes on.
    No,
}
