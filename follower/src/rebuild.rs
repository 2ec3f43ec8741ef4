//! A shard's rows again from the log, beside running followers and readers.

use std::ops::ControlFlow;

use nats::{Backbone, Shard};
use sqlx::PgPool;

use crate::shard::ShardFollower;
use crate::{Error, Projection};

/// How far the rebuild of a shard has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebuilt {
    /// The last commit applied.
    pub sequence: u64,
    /// Where the log ended when the rebuild began.
    pub until: u64,
}

/// Clears a shard's rows and makes them again, up to where its log ended when this began; returns how many commits that were.
///
/// Clearing is one transaction. What follows is ordinary following from the first commit on: a running follower joins in, and one that
/// starts after a crash goes on. Readers meanwhile see rows that come back in the log's order. `progress` is told after every batch.
pub async fn rebuild<P: Projection>(
    projection: &P,
    backbone: &Backbone,
    pool: &PgPool,
    shard: Shard,
    mut progress: impl FnMut(Rebuilt),
) -> Result<u64, Error> {
    let follower = ShardFollower::new(projection, backbone, pool, shard);
    let until = follower.begin_anew().await?.held_until;
    tracing::info!(%shard, until, "the rows are made again");
    follower
        .follow(|checkpoint| {
            progress(Rebuilt { sequence: checkpoint.sequence, until });
            if checkpoint.sequence >= until { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .await?;
    Ok(until)
}

/// Clears the rows of the shards whose rows are of another log than this one, and puts their checkpoints before its first commit; returns
/// those shards. Of the others nothing changes.
pub async fn mend<P: Projection>(projection: &P, backbone: &Backbone, pool: &PgPool) -> Result<Vec<Shard>, Error> {
    let mut mended = Vec::new();
    for shard in backbone.shards() {
        let follower = ShardFollower::new(projection, backbone, pool, shard);
        if !follower.is_of_this_log().await? {
            follower.begin_anew().await?;
            mended.push(shard);
        }
    }
    Ok(mended)
}
