//! Reads the log in batches, and the next batch while one is being written.

use std::collections::VecDeque;
use std::pin::pin;
use std::time::Instant;

use nats::{Feed, FeedError, Hash, Message, Recorded, RecordedPruning, Shard, Unknown};

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
    /// A record of what was pruned.
    Pruning(Box<RecordedPruning>),
    /// A commit that a newer program wrote.
    Unknown(Unknown),
}

impl Content {
    /// Returns the running hash at a message, where it was read.
    pub(crate) fn running_at(&self, sequence: u64) -> Option<Hash> {
        match self {
            Self::Commits(commits) => {
                commits.iter().find(|recorded| recorded.sequence == sequence).map(|recorded| recorded.running)
            }
            Self::Pruning(record) => (record.sequence == sequence).then_some(record.running),
            Self::Unknown(unknown) => (unknown.sequence == sequence).then_some(unknown.running),
        }
    }

    fn commits(&self) -> usize {
        match self {
            Self::Commits(commits) => commits.len(),
            Self::Pruning(_) | Self::Unknown(_) => 1,
        }
    }

    /// Returns the last sequence.
    fn last(&self) -> u64 {
        match self {
            Self::Commits(commits) => commits.last().map_or(0, |recorded| recorded.sequence),
            Self::Pruning(record) => record.sequence,
            Self::Unknown(unknown) => unknown.sequence,
        }
    }
}

/// A feed, and what was read from it ahead of time.
#[derive(Debug)]
pub(crate) struct Reader {
    shard: Shard,
    feed: Feed,
    ahead: VecDeque<Message>,
    /// Where what comes next is read from.
    after: u64,
}

impl Reader {
    pub(crate) fn new(shard: Shard, feed: Feed) -> Self {
        let after = feed.last();
        Self { shard, feed, ahead: VecDeque::new(), after }
    }

    /// Waits for the next batch; a pruning record comes alone, and so does a commit that a newer program wrote.
    pub(crate) async fn next(&mut self) -> Result<Read, FeedError> {
        let content = match self.take_ahead() {
            Some(content) => content,
            None => self.read().await?,
        };
        Ok(Read { after: std::mem::replace(&mut self.after, content.last()), content })
    }

    /// Takes what was read up to the next pruning record, or that.
    fn take_ahead(&mut self) -> Option<Content> {
        let mut commits = Vec::new();
        while let Some(message) = self.ahead.pop_front() {
            match message {
                Message::Commit(recorded) => commits.push(recorded),
                Message::Pruning(record) if commits.is_empty() => return Some(Content::Pruning(record)),
                record @ Message::Pruning(_) => {
                    self.ahead.push_front(record);
                    break;
                }
            }
        }
        (!commits.is_empty()).then_some(Content::Commits(commits))
    }

    async fn read(&mut self) -> Result<Content, FeedError> {
        loop {
            match self.feed.next(BATCH).await {
                Ok(messages) => self.ahead.extend(messages),
                Err(error @ FeedError::Broken(nats::Error::Corrupt { .. })) => {
                    return self.feed.pass_over().await?.map(Content::Unknown).ok_or(error);
                }
                Err(error) => return Err(error),
            }
            if let Some(content) = self.take_ahead() {
                return Ok(content);
            }
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
