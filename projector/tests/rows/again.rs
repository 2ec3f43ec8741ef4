//! The same log makes the same rows: twice, from the start, and after a crash at the worst moment.

use nats::Backbone;
use projector::Projector;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use crate::dump::everything;
use crate::story::Story;
use crate::world::World;

/// Several agents, so that every shard has some.
async fn story(world: &World) {
    let mut story = Story::on(&world.backbone);
    for n in 1..=6 {
        story.all(n, 5).await;
    }
}

async fn rebuild(backbone: &Backbone, pool: &PgPool) {
    for shard in backbone.shards() {
        let commits = projector::rebuild(backbone, pool, shard, |_| ()).await.unwrap();
        assert_eq!(commits, backbone.end(shard).await.unwrap());
    }
}

/// Puts the checkpoints back to the beginning and leaves the rows.
async fn forget_progress(pool: &PgPool) {
    let forget = "UPDATE checkpoint SET sequence = 0, running_hash = decode(repeat('00', 32), 'hex'), previous_hash = decode(repeat('00', 32), 'hex')";
    sqlx::query(forget).execute(pool).await.unwrap();
}

/// Somebody else's transaction, at which everyone stops who comes to the events: behind it the rows of the batch are written, they are not.
struct Barrier(PgConnection);

impl Barrier {
    /// Stops who deletes events, and who adds some.
    async fn before_all(pool: &PgPool) -> Self {
        Self::raise(pool, "LOCK TABLE event IN EXCLUSIVE MODE").await
    }

    /// Stops who adds the first event of shard 0: nobody knows yet whether it will be there.
    async fn before_the_first(pool: &PgPool) -> Self {
        let first = "INSERT INTO event (shard, sequence, index, agent, at, type, actor, command, body)
            VALUES (0, 1, 0, gen_random_uuid(), now(), '', 'timer', gen_random_uuid(), '')";
        Self::raise(pool, first).await
    }

    async fn raise(pool: &PgPool, lock: &str) -> Self {
        let mut connection = pool.acquire().await.unwrap().detach();
        sqlx::raw_sql(AssertSqlSafe(format!("BEGIN; {lock}"))).execute(&mut connection).await.unwrap();
        Self(connection)
    }

    /// Waits until somebody stands before it, and returns who.
    async fn met(&mut self) -> i32 {
        let waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' LIMIT 1";
        loop {
            // Within a transaction, activity is told as it was first asked for.
            sqlx::query("SELECT pg_stat_clear_snapshot()").execute(&mut self.0).await.unwrap();
            if let Some(pid) = sqlx::query_scalar(waiting).fetch_optional(&mut self.0).await.unwrap() {
                return pid;
            }
        }
    }

    async fn drop(self) {
        self.0.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn taking_everything_in_twice_changes_nothing() {
    let world = World::start().await;
    story(&world).await;
    world.project().await;
    let once = everything(&world.pool).await;
    forget_progress(&world.pool).await;
    world.project().await;
    assert_eq!(everything(&world.pool).await, once);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_commit_at_a_time_or_all_at_once() {
    let world = World::start().await;
    let stop = CancellationToken::new();
    let projector = Projector::start(&world.backbone, &world.pool, &stop);
    // The projector runs beside the writer, so its batches are small.
    story(&world).await;
    world.caught_up(&projector).await;
    stop.cancel();
    projector.finished().await;
    let small = everything(&world.pool).await;
    rebuild(&world.backbone, &world.pool).await;
    assert_eq!(everything(&world.pool).await, small);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_beside_running_projectors_ends_with_the_same_rows() {
    let world = World::start().await;
    story(&world).await;
    world.project().await;
    let before = everything(&world.pool).await;
    let stop = CancellationToken::new();
    let projectors = [0, 1].map(|_| Projector::start(&world.backbone, &world.pool, &stop));
    rebuild(&world.backbone, &world.pool).await;
    assert_eq!(everything(&world.pool).await, before);
    stop.cancel();
    for projector in projectors {
        projector.finished().await;
    }
    assert_eq!(everything(&world.pool).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_dies_inside_a_batch_leaves_nothing_half_done() {
    let world = World::start().await;
    story(&world).await;
    let mut barrier = Barrier::before_all(&world.pool).await;
    let stop = CancellationToken::new();
    let projector = Projector::start(&world.backbone, &world.pool, &stop);
    let pid = barrier.met().await;
    sqlx::query("SELECT pg_terminate_backend($1)").bind(pid).execute(&mut barrier.0).await.unwrap();
    barrier.drop().await;
    world.caught_up(&projector).await;
    stop.cancel();
    projector.finished().await;
    let after = everything(&world.pool).await;
    rebuild(&world.backbone, &world.pool).await;
    assert_eq!(everything(&world.pool).await, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_killed_inside_a_batch_is_finished_by_whoever_comes_next() {
    let world = World::start().await;
    story(&world).await;
    world.project().await;
    let before = everything(&world.pool).await;

    let shard = world.backbone.shards().next().unwrap();
    let waiting = "SELECT sequence < held_until FROM checkpoint WHERE shard = 0";
    let (backbone, pool) = (world.backbone.clone(), world.pool.clone());
    assert!(backbone.end(shard).await.unwrap() > 0);
    for deleted in [false, true] {
        let mut barrier = if deleted {
            // What is gone already does not keep the rebuild from deleting the rest.
            sqlx::query("DELETE FROM event WHERE shard = 0").execute(&pool).await.unwrap();
            Barrier::before_the_first(&pool).await
        } else {
            Barrier::before_all(&pool).await
        };
        let (rebuilt_from, rebuilt_into) = (backbone.clone(), pool.clone());
        let rebuild = tokio::spawn(async move { projector::rebuild(&rebuilt_from, &rebuilt_into, shard, |_| ()).await });
        barrier.met().await;
        rebuild.abort();
        assert!(rebuild.await.unwrap_err().is_cancelled());
        barrier.drop().await;
        let held: bool = sqlx::query_scalar(waiting).fetch_one(&pool).await.unwrap();
        assert_eq!(held, deleted, "scheduled commands wait while rows are missing");
    }

    world.project().await;
    assert_eq!(everything(&world.pool).await, before);
    let held: bool = sqlx::query_scalar(waiting).fetch_one(&world.pool).await.unwrap();
    assert!(!held);
}
