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
    let checkpoint = "INSERT INTO checkpoint (projection, shard, epoch, sequence, running_hash, previous_hash, held_until, hash_format)
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

/// A database whose owner is no superuser: as the owner, and as one who sees every row.
async fn owned(server: &Postgres) -> (PgPool, PgPool) {
    let superuser = connect(server.url()).await;
    execute(&superuser, "CREATE ROLE keeper LOGIN CREATEROLE NOINHERIT PASSWORD 'keeper'").await.unwrap();
    execute(&superuser, "CREATE DATABASE kept OWNER keeper").await.unwrap();
    let within = connect(&server.create_database("kept").await.unwrap()).await;
    execute(&within, "GRANT CREATE ON SCHEMA public TO keeper").await.unwrap();
    let mut url: url::Url = server.url().parse().unwrap();
    url.set_username("keeper").unwrap();
    url.set_password(Some("keeper")).unwrap();
    url.set_path("kept");
    (connect(url.as_str()).await, within)
}

#[tokio::test(flavor = "multi_thread")]
async fn read_models_begin_anew_and_webhooks_go_on() {
    let server = server().await;
    let (keeper, within) = owned(&server).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_or_was_pruned_stands_in_the_sums() {
    let server = server().await;
    let (keeper, within) = owned(&server).await;
    run_until(&keeper, 10).await;
    // Two that have ended, of which one was erased, one that lives, and one that was pruned; a link that is there and one that is not.
    let before = "
        INSERT INTO session (
            id, agent, link, shard, status, started_at, started_sequence, expires_at, max_messages, messages_per_minute, idle_timeout_ms,
            keep_after_end_ms, chatter_messages, agent_messages, last_word_at, first_chatter_at, first_reply_at, owed_since, rating,
            ended_at, end_reason, sequence
        )
        SELECT gen_random_uuid(), '11111111-1111-1111-1111-111111111111', gen_random_uuid(), 1, status, started, 1, started + INTERVAL '1 hour', 5, 5,
            5, 5, 3, 2, started, started + INTERVAL '1 s', started + reply, owed, rating, ended, reason, 1
        FROM (VALUES
            ('ended', TIMESTAMPTZ '2030-01-01T23:59:59.999Z', INTERVAL '1.063 s', NULL, NULL, TIMESTAMPTZ '2030-01-02T00:09:59.999Z', 'agent_ended'),
            ('erased', '2030-01-01T00:00Z', NULL, TIMESTAMPTZ '2030-01-01T00:00:01Z', 4, '2030-01-01T00:10Z', 'agent_ended'),
            ('active', '2030-01-01T00:00Z', NULL, NULL, NULL, NULL, NULL)
        ) AS old (status, started, reply, owed, rating, ended, reason);
        INSERT INTO pruned_session VALUES (1, 7, 0, '11111111-1111-1111-1111-111111111111', '2030-01-01', 10, 20, true, 63, 600000, 'agent_ended', 5, false, 3);
        INSERT INTO pruned_link VALUES (1, 7, 0, '11111111-1111-1111-1111-111111111111', '2030-01-01');
        INSERT INTO link (
            id, agent, shard, status, settings, expires_at, rotation, admitted, places_taken, opened_at, opened_sequence, ends_sessions, sequence
        )
        VALUES (gen_random_uuid(), '11111111-1111-1111-1111-111111111111', 1, 'active', '', now(), 0, 0, 0, '2030-01-01T12:00Z', 1, false, 1)";
    execute(&within, before).await.unwrap();
    migrations::run(&keeper).await.unwrap();
    let told = async |query: &str| {
        let rows = format!("SELECT row::TEXT FROM ({query}) AS row ORDER BY 1");
        sqlx::query_scalar::<_, String>(AssertSqlSafe(rows)).fetch_all(&within).await.unwrap()
    };
    let agent = "11111111-1111-1111-1111-111111111111";
    assert_eq!(told("SELECT * FROM session_sum").await, [format!("({agent},2030-01-01,agent_ended,1,3,3,2,16,24,2,9,1)")]);
    assert_eq!(told("SELECT * FROM link_sum").await, [format!("({agent},2030-01-01,1,2)")]);
    let durations = told("SELECT measure, bucket_middle(bucket), sessions FROM session_duration").await;
    assert_eq!(durations, ["(first_reply,63,2)", "(length,598016,3)"]);
    server.stop().await;
}
