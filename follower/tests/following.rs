//! Two projections of one log, each with a checkpoint of its own.

#![cfg(test)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use command_service::Commands;
use domain::Policy;
use follower::{Batch, Follower, Labels, Projection, signed};
use nats::{Backbone, RecordedPruning, Shard, Unknown};
use servers::NatsServer;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

/// Notes the sequences of commits in a table of its own.
#[derive(Debug, Clone, Default)]
struct Notes<const OTHER: bool> {
    /// Commits whose transactions are through.
    committed: Arc<AtomicUsize>,
}

impl<const OTHER: bool> Projection for Notes<OTHER> {
    const NAME: &'static str = if OTHER { "other_notes" } else { "notes" };
    const LABELS: Labels = Labels {
        rows: "the notes",
        tries_again: "notes try again",
        has_stopped: "notes have stopped",
        position: "notes_position",
        lag: None,
    };
    type Written = usize;

    async fn apply(&self, connection: &mut PgConnection, batch: Batch<'_>) -> sqlx::Result<usize> {
        for recorded in batch.commits {
            let insert = format!("INSERT INTO {} VALUES ($1, $2)", Self::NAME);
            sqlx::query(AssertSqlSafe(insert))
                .bind(i32::from(batch.shard.0))
                .bind(signed(recorded.sequence))
                .execute(&mut *connection)
                .await?;
        }
        Ok(batch.commits.len())
    }

    async fn unknown(&self, _: &mut PgConnection, _: &Unknown) -> sqlx::Result<()> {
        Ok(())
    }

    async fn pruned(&self, _: &mut PgConnection, _: &RecordedPruning) -> sqlx::Result<()> {
        Ok(())
    }

    async fn clear(&self, connection: &mut PgConnection, shard: Shard) -> sqlx::Result<()> {
        let delete = format!("DELETE FROM {} WHERE shard = $1", Self::NAME);
        sqlx::query(AssertSqlSafe(delete)).bind(i32::from(shard.0)).execute(connection).await?;
        Ok(())
    }

    fn committed(&self, commits: usize) {
        self.committed.fetch_add(commits, Ordering::SeqCst);
    }
}

struct World {
    backbone: Backbone,
    commands: Commands,
    pool: PgPool,
    _nats: NatsServer,
}

impl World {
    async fn start() -> Self {
        let (pool, (backbone, nats)) = (testbed::database().await, testbed::log().await);
        let tables = "CREATE TABLE notes (shard INTEGER, sequence BIGINT, PRIMARY KEY (shard, sequence));
            CREATE TABLE other_notes (LIKE notes INCLUDING ALL);
            GRANT ALL ON notes, other_notes TO tempchat_writer";
        sqlx::raw_sql(tables).execute(&pool).await.unwrap();
        Self { commands: Commands::new(backbone.clone(), Policy::default()), backbone, pool, _nats: nats }
    }

    async fn append(&self, commits: usize) {
        for _ in 0..commits {
            self.commands.register_agent("Ada").await.unwrap();
        }
    }

    /// Follows the log to its end and stops.
    async fn follow<P: Projection>(&self, projection: &P) {
        let stop = CancellationToken::new();
        let follower = Follower::start(projection, &self.backbone, &self.pool, &stop);
        for shard in self.backbone.shards() {
            let end = self.backbone.end(shard).await.unwrap();
            assert_eq!(follower.reached(shard, end).await.stopped, None);
        }
        stop.cancel();
        follower.finished().await;
    }

    async fn count(&self, table: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}"))).fetch_one(&self.pool).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_projection_goes_on_from_its_own_checkpoint() {
    let world = World::start().await;
    let (one, other) = (Notes::<false>::default(), Notes::<true>::default());
    world.append(20).await;
    world.follow(&one).await;
    assert_eq!((world.count("notes").await, world.count("other_notes").await), (20, 0));
    world.append(20).await;
    // A commit applied twice would break the table's key.
    world.follow(&one).await;
    world.follow(&other).await;
    assert_eq!((world.count("notes").await, world.count("other_notes").await), (40, 40));
    assert_eq!((one.committed.load(Ordering::SeqCst), other.committed.load(Ordering::SeqCst)), (40, 40));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_clears_the_rows_of_its_projection_only() {
    let world = World::start().await;
    let (one, other) = (Notes::<false>::default(), Notes::<true>::default());
    world.append(20).await;
    world.follow(&one).await;
    world.follow(&other).await;
    let mut commits = 0;
    for shard in world.backbone.shards() {
        commits += follower::rebuild(&one, &world.backbone, &world.pool, shard, |_| ()).await.unwrap();
    }
    assert_eq!((commits, world.count("notes").await, world.count("other_notes").await), (20, 20, 20));
    assert_eq!((one.committed.load(Ordering::SeqCst), other.committed.load(Ordering::SeqCst)), (40, 20));
    assert_eq!(follower::mend(&one, &world.backbone, &world.pool).await.unwrap(), []);
    assert_eq!(world.count("notes").await, 20, "the same log needs no mending");
}
