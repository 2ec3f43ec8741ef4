//! All rows again from the log, beside running projectors and readers.

use futures_util::future::try_join_all;
use nats::{Backbone, Shard};
use sqlx::PgPool;

use crate::Error;
use crate::shard::{Enough, ShardProjection};

/// How far the rebuild of a shard has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebuilt {
    /// The shard.
    pub shard: Shard,
    /// The last commit taken in.
    pub sequence: u64,
    /// Where the log ended when the rebuild began.
    pub until: u64,
}

/// Deletes the rows of every shard and makes them again, up to where the log ended when it began; tells `progress` after every batch.
///
/// Deleting is one transaction a shard. What follows is ordinary projection from the first commit on: a running projector joins in, and
/// one that starts after a crash goes on. Until a shard has come to that end, its scheduled commands wait: nothing is fired for a fact
/// that a later one takes back. Readers meanwhile see rows that come back in the log's order, and are told that they are behind.
pub async fn rebuild(backbone: &Backbone, pool: &PgPool, progress: impl Fn(Rebuilt) + Sync) -> Result<(), Error> {
    try_join_all(backbone.shards().map(|shard| {
        let projection = ShardProjection { backbone: backbone.clone(), pool: pool.clone(), shard };
        let progress = &progress;
        async move {
            let until = projection.begin_anew().await?.held_until;
            projection
                .follow(|checkpoint| {
                    progress(Rebuilt { shard, sequence: checkpoint.sequence, until });
                    if checkpoint.sequence >= until { Enough::Yes } else { Enough::No }
                })
                .await
        }
    }))
    .await?;
    Ok(())
}
