//! The schema on a real PostgreSQL: applied by many at once, by one who is no superuser, and read by one who may only take roles on.

#![cfg(test)]

use std::borrow::Cow;

use servers::{DataDir, Postgres, PostgresOptions};
use sqlx::migrate::Migrator;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};

async fn server() -> Postgres {
    let data = DataDir::temporary().unwrap();
    Postgres::start(&data, PostgresOptions { durable: false, ..PostgresOptions::default() }).await.unwrap()
}

async fn connect(url: &str) -> PgPool {
    PgPoolOptions::new().max_connections(3).connect(url).await.unwrap()
}

async fn execute(pool: &PgPool, statement: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(pool).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_and_once_more() {
    let server = server().await;
    let mut pools = Vec::new();
    for name in ["one", "two", "three"] {
        let url = server.create_database(name).await.unwrap();
        // Two processes start beside each other on the same database, others on its neighbours: the roles are the whole server's.
        pools.extend([connect(&url).await, connect(&url).await]);
    }
    let tasks: Vec<_> = pools.iter().cloned().map(|pool| tokio::spawn(async move { migrations::run(&pool).await })).collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    for pool in &pools {
        migrations::run(pool).await.unwrap();
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_is_no_superuser() {
    let server = server().await;
    let superuser = connect(server.url()).await;
    execute(&superuser, "CREATE ROLE owner LOGIN CREATEROLE NOINHERIT PASSWORD 'owner'").await.unwrap();
    execute(&superuser, "CREATE DATABASE owned OWNER owner").await.unwrap();
    // Who inherits nothing does not inherit the owner's right to the schema either.
    let within = connect(&server.create_database("owned").await.unwrap()).await;
    execute(&within, "GRANT CREATE ON SCHEMA public TO owner").await.unwrap();
    let mut url: url::Url = server.url().parse().unwrap();
    url.set_username("owner").unwrap();
    url.set_password(Some("owner")).unwrap();
    url.set_path("owned");
    let owner = connect(url.as_str()).await;
    migrations::run(&owner).await.unwrap();
    migrations::run(&owner).await.unwrap();

    // By itself it sees nothing of its own tables: row level security holds for owners too.
    let mut writer = owner.begin().await.unwrap();
    sqlx::query("SELECT set_config('role', $1, true)").bind(migrations::role::WRITER).execute(&mut *writer).await.unwrap();
    let checkpoint = "INSERT INTO checkpoint (projection, shard, epoch, sequence, running_hash, previous, held_until, hash_format)
        VALUES ('rows', 0, decode(repeat('00', 16), 'hex'), 0, decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'), 0, 2)";
    sqlx::query(checkpoint).execute(&mut *writer).await.unwrap();
    writer.commit().await.unwrap();
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM checkpoint").fetch_one(&owner).await.unwrap();
    assert_eq!(seen, 0);
    for role in [migrations::role::AGENT_READER, migrations::role::SESSION_READER, migrations::role::ANALYST] {
        let mut reader = owner.begin().await.unwrap();
        sqlx::query("SELECT set_config('role', $1, true)").bind(role).execute(&mut *reader).await.unwrap();
        let seen: i64 = sqlx::query_scalar("SELECT count(sequence) FROM checkpoint").fetch_one(&mut *reader).await.unwrap();
        assert_eq!(seen, 1, "{role}");
    }
    server.stop().await;
}

/// Brings up the schema as it was at some step.
async fn run_until(pool: &PgPool, version: i64) {
    let all = sqlx::migrate!("./sql");
    let migrations = all.iter().filter(|migration| migration.version <= version).cloned().collect();
    Migrator { migrations: Cow::Owned(migrations), ..Migrator::DEFAULT }.run(pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn read_models_begin_anew_and_webhooks_go_on() {
    let server = server().await;
    let superuser = connect(server.url()).await;
    execute(&superuser, "CREATE ROLE keeper LOGIN CREATEROLE NOINHERIT PASSWORD 'keeper'").await.unwrap();
    execute(&superuser, "CREATE DATABASE kept OWNER keeper").await.unwrap();
    let within = connect(&server.create_database("kept").await.unwrap()).await;
    execute(&within, "GRANT CREATE ON SCHEMA public TO keeper").await.unwrap();
    let mut url: url::Url = server.url().parse().unwrap();
    url.set_username("keeper").unwrap();
    url.set_password(Some("keeper")).unwrap();
    url.set_path("kept");
    let keeper = connect(url.as_str()).await;
    run_until(&keeper, 4).await;
    let before = "INSERT INTO checkpoint (shard, epoch, sequence, running, previous, held_until, at)
        SELECT shard, decode(repeat('0e', 16), 'hex'), 5 + shard, decode(repeat('0a', 32), 'hex'), decode(repeat('0b', 32), 'hex'), 3, now()
        FROM generate_series(0, 1) AS shard;
        INSERT INTO webhook_checkpoint (shard, epoch, sequence, running, previous, held_until)
        SELECT shard, epoch, 4, running, previous, 2 FROM checkpoint WHERE shard = 1";
    execute(&within, before).await.unwrap();
    migrations::run(&keeper).await.unwrap();
    let after: Vec<(String, i32, i64, i64)> =
        sqlx::query_as("SELECT projection, shard, sequence, held_until FROM checkpoint ORDER BY projection, shard")
            .fetch_all(&within)
            .await
            .unwrap();
    // The read models begin anew, for links' rows have another form; whom webhooks have called is not forgotten.
    let expected = [("webhooks", 1, 4, 2)];
    assert_eq!(after, expected.map(|(projection, shard, sequence, until)| (projection.to_owned(), shard, sequence, until)));
    server.stop().await;
}
