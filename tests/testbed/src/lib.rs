//! What tests of several crates start: a log, a database, an authority of their own. No program uses it.

#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

pub mod tls;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use nats::{Backbone, Options, Secrets};
use servers::{DataDir, NatsOptions, NatsServer, Postgres, PostgresOptions};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};

/// Starts a log of two shards; its server ends with the second value.
pub async fn log() -> (Backbone, NatsServer) {
    let data = DataDir::temporary().unwrap();
    let nats = NatsServer::start(&data, NatsOptions { sync_always: false, ..NatsOptions::default() }).await.unwrap();
    let options = Options { shards: 2, shard_bytes: 64 << 20, ..Options::new(nats.url(), Secrets::generate()) };
    (Backbone::connect(options).await.unwrap(), nats)
}

/// Makes a database with the schema in the one server that all tests of a process share.
pub async fn database() -> PgPool {
    let pool = empty_database().await;
    migrations::run(&pool).await.unwrap();
    pool
}

/// Makes a database without the schema.
pub async fn empty_database() -> PgPool {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}", MADE.fetch_add(1, Ordering::Relaxed));
    let options: PgConnectOptions = postgres().parse().unwrap();
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
    PgPoolOptions::new().max_connections(8).connect_with(options.database(&name)).await.unwrap()
}

/// Starts the server on first use, on a thread of its own that lasts as long as the process.
fn postgres() -> &'static str {
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
