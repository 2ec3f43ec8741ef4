//! Reads the log in batches, and the next batch while one is being written.

use std::pin::pin;
use std::time::Instant;

use nats::{Feed, FeedError, Recorded, Shard, Unknown};

/// Commits in one transaction.
const BATCH: usize = 1000;
/// Commits in a batch that tell of more to come.
const LAGGING: usize = BATCH / 2;

/// What was read, and from where: from after `after`.
#[derive(Debug)]
pub(crate) struct Read<T> {
    pub(crate) after: u64,
    pub(crate) what: T,
}

/// A feed, and what was read from it ahead of time.
#[derive(Debug)]
pub(crate) struct Reading {
    shard: Shard,
    feed: Feed,
    ahead: Vec<Recorded>,
    /// Where what comes next is read from.
    after: u64,
}

impl Reading {
    pub(crate) fn new(shard: Shard, feed: Feed) -> Self {
        let after = feed.last();
        Self { shard, feed, ahead: Vec::new(), after }
    }

    /// Waits for the next batch.
    pub(crate) async fn next(&mut self) -> Result<Read<Vec<Recorded>>, FeedError> {
        let batch = if self.ahead.is_empty() { self.feed.next(BATCH).await? } else { std::mem::take(&mut self.ahead) };
        Ok(self.read(batch))
    }

    /// Passes over the commit on which `next` failed, where a newer program wrote it.
    pub(crate) async fn pass_over(&mut self, error: &FeedError) -> Result<Option<Read<Unknown>>, FeedError> {
        match error {
            FeedError::Broken(nats::Error::Corrupt { .. }) => Ok(self.feed.pass_over().await?.map(|unknown| self.read(unknown))),
            FeedError::Broken(_) | FeedError::OtherEpoch(_) | FeedError::AheadOfLog { .. } => Ok(None),
        }
    }

    /// Waits until a batch of so many `commits` is written. A projection that lags behind the log reads the next one meanwhile.
    pub(crate) async fn during<T>(&mut self, commits: usize, written: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let mut written = pin!(written);
        let written = loop {
            if commits < LAGGING || self.ahead.len() >= BATCH {
                break written.await;
            }
            tokio::select! {
                written = &mut written => break written,
                read = self.feed.next(BATCH - self.ahead.len()) => match read {
                    Ok(batch) => self.ahead.extend(batch),
                    // It is met again once what was read before it is written.
                    Err(_) => break written.await,
                },
            }
        };
        tracing::debug!(shard = %self.shard, commits, took = ?began.elapsed(), ahead = self.ahead.len(), "a batch is taken in");
        written
    }

    fn read<T>(&mut self, what: T) -> Read<T> {
        Read { after: std::mem::replace(&mut self.after, self.feed.last()), what }
    }
}
