//! Reads the log in batches, and the next batch while one is being written.

use std::pin::pin;
use std::time::Instant;

use nats::{Feed, FeedError, Hash, Recorded, Shard, Unknown};

/// Commits in one transaction.
const BATCH: usize = 1000;
/// Commits in a batch that tell of more to come.
const LAGGING: usize = BATCH / 2;

/// What was read, and from where: from after `after`.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) after: u64,
    pub(crate) content: Content,
}

/// What was read.
#[derive(Debug)]
pub(crate) enum Content {
    /// Commits, at least one.
    Commits(Vec<Recorded>),
    /// One that a newer program wrote.
    Unknown(Unknown),
}

impl Content {
    /// Returns the running hash at a commit, where it was read.
    pub(crate) fn running_at(&self, sequence: u64) -> Option<Hash> {
        match self {
            Self::Commits(commits) => {
                commits.iter().find(|recorded| recorded.sequence == sequence).map(|recorded| recorded.running)
            }
            Self::Unknown(unknown) => (unknown.sequence == sequence).then_some(unknown.running),
        }
    }

    fn commits(&self) -> usize {
        match self {
            Self::Commits(commits) => commits.len(),
            Self::Unknown(_) => 1,
        }
    }
}

/// A feed, and what was read from it ahead of time.
#[derive(Debug)]
pub(crate) struct Reader {
    shard: Shard,
    feed: Feed,
    ahead: Vec<Recorded>,
    /// Where what comes next is read from.
    after: u64,
}

impl Reader {
    pub(crate) fn new(shard: Shard, feed: Feed) -> Self {
        let after = feed.last();
        Self { shard, feed, ahead: Vec::new(), after }
    }

    /// Waits for the next batch; a commit that a newer program wrote comes alone.
    pub(crate) async fn next(&mut self) -> Result<Read, FeedError> {
        let content = if self.ahead.is_empty() { self.read().await? } else { Content::Commits(std::mem::take(&mut self.ahead)) };
        Ok(Read { after: std::mem::replace(&mut self.after, self.feed.last()), content })
    }

    async fn read(&mut self) -> Result<Content, FeedError> {
        match self.feed.next(BATCH).await {
            Ok(batch) => Ok(Content::Commits(batch)),
            Err(error @ FeedError::Broken(nats::Error::Corrupt { .. })) => match self.feed.pass_over().await? {
                Some(unknown) => Ok(Content::Unknown(unknown)),
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// Waits until `content` is written. A projection that lags behind the log reads the next batch meanwhile.
    pub(crate) async fn during<T>(&mut self, content: &Content, written: impl Future<Output = T>) -> T {
        let (commits, began) = (content.commits(), Instant::now());
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
        tracing::debug!(shard = %self.shard, commits, took = ?began.elapsed(), ahead = self.ahead.len(), "a batch is applied");
        written
    }
}
