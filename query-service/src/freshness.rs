//! Read your writes: an answer waits until the rows have reached a given position, and is marked stale if they do not in time.

use std::time::Duration;

use nats::Shard;
use tokio::time::{Instant, timeout_at};

use crate::role::View;
use crate::{Error, Queries, Viewer};

/// How long an answer waits for the projector.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How fresh an answer must be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freshness {
    /// The sequence of the agent's shard that the rows must have taken in; `None` takes the shard's end from its leader.
    pub at_least: Option<u64>,
}

impl Freshness {
    /// Asks for rows that have taken in this commit of the agent's shard; 0 takes them as they are.
    pub const fn at_least(sequence: u64) -> Self {
        Self { at_least: Some(sequence) }
    }
}

/// An answer, and whether it is as fresh as requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// The answer.
    pub value: T,
    /// Whether the rows were still behind after 2 s of waiting.
    pub stale: bool,
}

/// A snapshot, and whether it is stale.
pub(crate) struct Snapshot {
    pub(crate) view: View,
    pub(crate) stale: bool,
}

impl Queries {
    /// Begins a snapshot as soon as the rows are fresh enough, or after 2 s as they are.
    pub(crate) async fn snapshot(&self, viewer: Viewer, fresh: Freshness) -> Result<Snapshot, Error> {
        let deadline = Instant::now() + TIMEOUT;
        let at_least = match fresh.at_least {
            Some(sequence) => Some(sequence),
            None => self.end_by(deadline, self.inner.backbone.shard_of(viewer.agent())).await,
        };
        let (reached, shard) = (&self.inner.reached, self.inner.backbone.shard_of(viewer.agent()));
        if let Some(at_least) = at_least.filter(|at_least| reached.is_worth_waiting(shard, *at_least)) {
            reached.wait(&self.inner.pool, &self.inner.backbone, (shard, at_least), deadline).await?;
        }
        loop {
            let before = reached.known(shard);
            let view = View::begin(&self.inner.pool, &self.inner.backbone, viewer).await?;
            reached.see(shard, before, view.reached);
            let Some(at_least) = at_least.filter(|at_least| view.reached < *at_least && Instant::now() < deadline) else {
                let stale = at_least.is_none_or(|sequence| view.reached < sequence);
                return Ok(Snapshot { view, stale });
            };
            // No connection is held while waiting.
            view.end().await?;
            reached.wait(&self.inner.pool, &self.inner.backbone, (shard, at_least), deadline).await?;
        }
    }

    /// Asks a shard's leader for its end; `None` where it does not answer, since the required freshness is then unknown.
    async fn end_by(&self, deadline: Instant, shard: Shard) -> Option<u64> {
        match timeout_at(deadline, self.inner.backbone.end(shard)).await {
            Ok(Ok(end)) => Some(end),
            Ok(Err(error)) => {
                tracing::warn!(%shard, %error, "the end of the log is not known, so the answer counts as stale");
                None
            }
            Err(_) => {
                tracing::warn!(%shard, "the leader took too long to tell the end of the log, so the answer counts as stale");
                None
            }
        }
    }
}
