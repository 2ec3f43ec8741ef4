//! A log and a database of a test's own.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use nats::{Backbone, Options, Secrets};
use projector::Projector;
use servers::{DataDir, NatsOptions, NatsServer, Postgres, PostgresOptions};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};
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
        let pool = database().await;
        let (backbone, nats) = log().await;
        Self { backbone, pool, _nats: nats }
    }

    /// The same rows beside a log that has nothing to do with them.
    pub(crate) async fn with_another_log(self) -> Self {
        let (backbone, nats) = log().await;
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
    pub(crate) async fn caught_up(&self, projector: &Projector) {
        for shard in self.backbone.shards() {
            let end = self.backbone.end(shard).await.unwrap();
            assert_eq!(projector.reached(shard, end).await.stopped, None);
        }
    }
}

async fn log() -> (Backbone, NatsServer) {
    let data = DataDir::temporary().unwrap();
    let nats = NatsServer::start(&data, NatsOptions { sync_always: false, ..NatsOptions::default() }).await.unwrap();
    let options = Options { shards: 2, shard_bytes: 64 << 20, ..Options::new(nats.url(), Secrets::generate()) };
    (Backbone::connect(options).await.unwrap(), nats)
}

/// Makes a database in the one server that all tests share.
async fn database() -> PgPool {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}", MADE.fetch_add(1, Ordering::Relaxed));
    let options: PgConnectOptions = server().parse().unwrap();
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
    PgPoolOptions::new().max_connections(8).connect_with(options.database(&name)).await.unwrap()
}

/// Starts the server on first use, on a thread of its own that lasts as long as the process.
fn server() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        let (started, url) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let data = DataDir::temporary().unwrap();
                let server =
                    Postgres::start(&data, PostgresOptions { durable: false, ..PostgresOptions::default() }).await.unwrap();
                started.send(server.url().to_owned()).unwrap();
                server.died().await
            })
        });
        url.recv().unwrap()
    })
}
