//! Rows that do not belong to the log they are shown: the shard stops, says so, and a rebuild sets it going again.

use nats::{Backbone, Shard};
use projector::Projector;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::dump::everything;
use crate::story::Story;
use crate::world::World;

/// Every shard's reason to stop.
async fn reasons(backbone: &Backbone, pool: &PgPool) -> Vec<Option<String>> {
    let stop = CancellationToken::new();
    let projector = Projector::start(backbone, pool, &stop);
    let mut reasons = Vec::new();
    for shard in backbone.shards() {
        let end = backbone.end(shard).await.unwrap();
        reasons.push(projector.reached(shard, end.max(1)).await.stopped);
    }
    stop.cancel();
    projector.finished().await;
    reasons
}

async fn projected() -> World {
    let world = World::start().await;
    let mut story = Story::on(&world.backbone);
    for n in 1..=6 {
        story.all(n, 2).await;
    }
    world.project().await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn another_log_is_not_taken_for_this_one() {
    let world = projected().await.with_another_log().await;
    let before = everything(&world.pool).await;
    for reason in reasons(&world.backbone, &world.pool).await {
        assert!(reason.unwrap().contains("come from another log; run `tempchat rebuild`"));
    }
    assert_eq!(everything(&world.pool).await, before, "nothing is written");

    for shard in world.backbone.shards() {
        assert_eq!(projector::rebuild(&world.backbone, &world.pool, shard, |_| ()).await.unwrap(), 0);
    }
    assert!(everything(&world.pool).await["event"].is_empty(), "the other log is empty");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_used_again_for_something_else_is_noticed() {
    let world = projected().await;
    sqlx::query("UPDATE checkpoint SET running_hash = decode(repeat('5a', 32), 'hex') WHERE shard = 1")
        .execute(&world.pool)
        .await
        .unwrap();
    let stop = CancellationToken::new();
    let projector = Projector::start(&world.backbone, &world.pool, &stop);
    let end = world.backbone.end(Shard(1)).await.unwrap();
    let stopped = projector.reached(Shard(1), end).await.stopped.unwrap();
    assert!(stopped.contains("the log differs from what the rows were made of"), "{stopped}");
    assert_eq!(projector.reached(Shard(0), 1).await.stopped, None, "the other shard goes on");

    // A rebuild, here as if by another process, is enough: the stopped shard looks again.
    projector::rebuild(&world.backbone, &world.pool, Shard(1), |_| ()).await.unwrap();
    loop {
        let standing = projector.reached(Shard(1), end).await;
        if standing.stopped.is_none() {
            break;
        }
        tokio::task::yield_now().await;
    }
    stop.cancel();
    projector.finished().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_lost_its_tail_is_noticed() {
    let world = projected().await;
    sqlx::query("UPDATE checkpoint SET sequence = sequence + 1").execute(&world.pool).await.unwrap();
    for reason in reasons(&world.backbone, &world.pool).await {
        assert!(reason.unwrap().contains("the log ends at"));
    }
}
