//! A log and a database of a test's own.

use follower::Follower;
use nats::Backbone;
use projector::Projector;
use servers::NatsServer;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

/// What a test works with; the servers end with it, and with the process.
pub(crate) struct World {
    pub(crate) backbone: Backbone,
    pub(crate) pool: PgPool,
    _nats: NatsServer,
}

impl World {
    pub(crate) async fn start() -> Self {
        let world = Self::without_schema().await;
        migrations::run(&world.pool).await.unwrap();
        world
    }

    /// A log, and a database in which nothing is yet.
    pub(crate) async fn without_schema() -> Self {
        let pool = testbed::empty_database().await;
        let (backbone, nats) = testbed::log().await;
        Self { backbone, pool, _nats: nats }
    }

    /// The same rows beside a log that has nothing to do with them.
    pub(crate) async fn with_another_log(self) -> Self {
        let (backbone, nats) = testbed::log().await;
        Self { backbone, pool: self.pool, _nats: nats }
    }

    /// Starts a projector, waits until it has taken in all of the log, and stops it.
    pub(crate) async fn project(&self) {
        let stop = CancellationToken::new();
        let projector = Projector::start(&self.backbone, &self.pool, &stop);
        self.caught_up(&projector).await;
        stop.cancel();
        projector.finished().await;
    }

    /// Waits until the rows have come to the log's end.
    pub(crate) async fn caught_up(&self, projector: &Follower) {
        for shard in self.backbone.shards() {
            let end = self.backbone.end(shard).await.unwrap();
            assert_eq!(projector.reached(shard, end).await.stopped, None);
        }
    }
}
