//! A shard's rows again from the log, beside running projectors and readers.

use nats::{Backbone, Shard};
use sqlx::PgPool;

use crate::Error;
use crate::shard::{Enough, ShardProjection};

/// How far the rebuild of a shard has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebuilt {
    /// The last commit taken in.
    pub sequence: u64,
    /// Where the log ended when the rebuild began.
    pub until: u64,
}

/// Deletes a shard's rows and makes them again, up to where its log ended when this began; returns how many commits that were.
///
/// Deleting is one transaction. What follows is ordinary projection from the first commit on: a running projector joins in, and one that
/// starts after a crash goes on. Until the rows have come to that end, the shard's scheduled commands wait: nothing is fired for a fact
/// that a later one takes back. Readers meanwhile see rows that come back in the log's order, and are told that they are behind.
/// `progress` is told after every batch.
pub async fn rebuild(backbone: &Backbone, pool: &PgPool, shard: Shard, mut progress: impl FnMut(Rebuilt)) -> Result<u64, Error> {
    let projection = ShardProjection { backbone: backbone.clone(), pool: pool.clone(), shard };
    let until = projection.begin_anew().await?.held_until;
    tracing::info!(%shard, until, "the rows are made again");
    projection
        .follow(|checkpoint| {
            progress(Rebuilt { sequence: checkpoint.sequence, until });
            if checkpoint.sequence >= until { Enough::Yes } else { Enough::No }
        })
        .await?;
    Ok(until)
}
