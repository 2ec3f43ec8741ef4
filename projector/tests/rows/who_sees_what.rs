//! Every table and role: who sees which rows and columns, and that nobody sees anything without a context.

use std::collections::BTreeMap;

use sqlx::types::Uuid;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use crate::dump::tables;
use crate::story::{Story, agent, session};
use crate::world::World;

/// The agent and session of one who reads, as their settings.
#[derive(Debug, Clone, Default)]
struct Reader {
    agent: String,
    session: String,
}

fn hexadecimal(bytes: &[u8; 16]) -> String {
    Uuid::from_bytes(*bytes).to_string()
}

/// Takes on a role and a context, as the readers do: for a transaction.
async fn become_reader(connection: &mut PgConnection, role: &str, reader: &Reader) {
    sqlx::query("SELECT set_config('app.agent', $1, true), set_config('app.session', $2, true), set_config('role', $3, true)")
        .bind(&reader.agent)
        .bind(&reader.session)
        .bind(role)
        .execute(connection)
        .await
        .unwrap();
}

/// What a role sees in each table: how many rows, of how many agents where it may see whose they are; nothing where it has no grant.
async fn seen(pool: &PgPool, role: &str, reader: &Reader) -> BTreeMap<String, i64> {
    let mut seen = BTreeMap::new();
    for table in tables(pool).await {
        let mut transaction = pool.begin().await.unwrap();
        become_reader(&mut transaction, role, reader).await;
        let granted = "SELECT attname::TEXT FROM pg_attribute
            WHERE attrelid = $1::REGCLASS AND attnum > 0 AND NOT attisdropped AND has_column_privilege(attrelid, attnum, 'SELECT')";
        let columns: Vec<String> = sqlx::query_scalar(granted).bind(&table).fetch_all(&mut *transaction).await.unwrap();
        let Some(first) = columns.first() else { continue };
        let whole = format!(
            "SELECT count(*) FROM (SELECT {} FROM {table}) AS row",
            columns.iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(", ")
        );
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(whole)).fetch_one(&mut *transaction).await.unwrap();
        let owner = if table == "agent" { "id" } else { "agent" };
        if columns.iter().any(|column| column == owner) && !reader.agent.is_empty() {
            let foreign = format!("SELECT count({first}) FROM {table} WHERE {owner} <> $1::UUID");
            let foreign: i64 =
                sqlx::query_scalar(AssertSqlSafe(foreign)).bind(&reader.agent).fetch_one(&mut *transaction).await.unwrap();
            assert_eq!(foreign, 0, "{role} sees rows of others in {table}");
        }
        seen.insert(table, rows);
    }
    seen
}

fn rows(rows: &[(&str, i64)]) -> BTreeMap<String, i64> {
    rows.iter().map(|(table, rows)| ((*table).to_owned(), *rows)).collect()
}

/// Two agents with all there is; one more session of the first is open.
async fn world() -> World {
    let world = World::start().await;
    let mut story = Story::on(&world.backbone);
    story.all(1, 3).await;
    story.all(2, 2).await;
    world.project().await;
    // A kind of row that only a newer program's commit would leave.
    let letter = "INSERT INTO dead_letter VALUES (0, 1000, gen_random_uuid(), 'agent', gen_random_uuid(), 'agent.new')";
    sqlx::query(letter).execute(&world.pool).await.unwrap();
    // What webhooks write beside the projection.
    let webhooks =
        "INSERT INTO checkpoint SELECT shard, epoch, sequence, running_hash, previous_hash, held_until, at, 'webhooks', hash_format FROM checkpoint;
        INSERT INTO webhook_endpoint (id, agent, shard, url, with_text, rotation)
        SELECT id, id, shard, 'https://example.org', false, 0 FROM agent;
        INSERT INTO webhook_delivery (shard, sequence, index, endpoint, agent, link, event, type, thin, since, due_at)
        SELECT shard, 1, 0, agent, agent, id, 'evt_', 'message', '{}', now(), now() FROM link ORDER BY shard LIMIT 1;
        INSERT INTO reports_seen (upto) VALUES (now());
        INSERT INTO token_key SELECT gen_random_uuid(), id, shard FROM agent;
        INSERT INTO receipt SELECT gen_random_uuid(), id, agent, link, 0, 1, 0, sha256('') FROM session";
    sqlx::raw_sql(webhooks).execute(&world.pool).await.unwrap();
    let used = "INSERT INTO key_use VALUES (gen_random_uuid(), gen_random_uuid(), now())";
    sqlx::query(used).execute(&world.pool).await.unwrap();
    world
}

const READERS: [&str; 3] = ["tempchat_agent_reader", "tempchat_session_reader", "tempchat_analyst"];

#[tokio::test(flavor = "multi_thread")]
async fn every_table_and_role() {
    let world = world().await;
    let pool = &world.pool;
    let nobody = Reader::default();
    let one = Reader { agent: hexadecimal(agent(1).bytes()), ..Reader::default() };

    let all = seen(pool, "tempchat_writer", &nobody).await;
    assert_eq!(all.len(), tables(pool).await.len());
    assert_eq!((all["agent"], all["link"], all["session"]), (2, 2, 5));
    assert!(all.values().all(|rows| *rows > 0), "every table is walked with rows in it: {all:?}");

    // Those of webhooks are nobody's business.
    let shards = all["checkpoint"] / 2;
    let unset = [
        ("agent", 0),
        ("agent_key", 0),
        ("checkpoint", shards),
        ("event", 0),
        ("link", 0),
        ("link_sum", 0),
        ("question", 0),
        ("read_mark", 0),
        ("receipt", 0),
        ("session", 0),
        ("session_duration", 0),
        ("session_sum", 0),
        ("token_key", 0),
        ("unread", 0),
    ];
    assert_eq!(seen(pool, "tempchat_agent_reader", &nobody).await, rows(&unset));
    let own = events(pool, "agent = $1::UUID", &one.agent).await;
    assert_eq!(
        seen(pool, "tempchat_agent_reader", &one).await,
        rows(&[
            ("agent", 1),
            ("agent_key", 1),
            ("checkpoint", shards),
            ("event", own),
            ("link", 1),
            ("link_sum", 1),
            ("question", 3),
            ("read_mark", 3),
            ("receipt", 3),
            ("session", 3),
            ("session_duration", 2),
            ("session_sum", 1),
            ("token_key", 1),
            ("unread", 2)
        ])
    );

    let agents_only = ["agent_key", "link_sum", "receipt", "session_duration", "session_sum", "token_key", "unread"];
    let unset: Vec<_> = unset.into_iter().filter(|(table, _)| !agents_only.contains(table)).collect();
    let foreign = Reader { session: hexadecimal(&[0x20; 16]), ..one.clone() };
    for reader in [&nobody, &one, &foreign, &Reader { agent: String::new(), ..foreign.clone() }] {
        assert_eq!(seen(pool, "tempchat_session_reader", reader).await, rows(&unset), "{reader:?}");
    }
    let chatter = Reader { session: hexadecimal(&[0x11; 16]), ..one };
    assert_eq!(session(1, 0x11).agent, agent(1));
    let own = events(pool, "session = $1::UUID", &chatter.session).await;
    assert_eq!(
        seen(pool, "tempchat_session_reader", &chatter).await,
        rows(&[
            ("agent", 1),
            ("checkpoint", shards),
            ("event", own),
            ("link", 1),
            ("question", 1),
            ("read_mark", 1),
            ("session", 1)
        ])
    );

    assert_eq!(
        seen(pool, "tempchat_analyst", &nobody).await,
        rows(&[("checkpoint", shards), ("dead_letter", 1), ("event", all["event"])])
    );
}

async fn events(pool: &PgPool, filter: &str, value: &str) -> i64 {
    let count: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM event WHERE {filter}")))
        .bind(value)
        .fetch_one(pool)
        .await
        .unwrap();
    assert!(count > 0);
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_ends_with_its_transaction() {
    let world = world().await;
    let mut connection = world.pool.acquire().await.unwrap();
    let one = Reader { agent: hexadecimal(agent(1).bytes()), ..Reader::default() };
    for end in ["COMMIT", "ROLLBACK"] {
        sqlx::query("BEGIN").execute(&mut *connection).await.unwrap();
        become_reader(&mut connection, "tempchat_agent_reader", &one).await;
        sqlx::query(AssertSqlSafe(end)).execute(&mut *connection).await.unwrap();
        // What was set is now empty, not unset.
        sqlx::raw_sql("BEGIN; SET LOCAL ROLE tempchat_agent_reader").execute(&mut *connection).await.unwrap();
        let links: i64 = sqlx::query_scalar("SELECT count(*) FROM link").fetch_one(&mut *connection).await.unwrap();
        assert_eq!(links, 0, "after {end}");
        sqlx::query("ROLLBACK").execute(&mut *connection).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_write_nothing_and_words_stay_with_whom_they_belong_to() {
    let world = world().await;
    let pool = &world.pool;
    for table in tables(pool).await {
        let forced: bool =
            sqlx::query_scalar("SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = $1::REGCLASS")
                .bind(&table)
                .fetch_one(pool)
                .await
                .unwrap();
        assert!(forced, "{table} is not under row level security");
        for role in READERS {
            let write =
                "SELECT has_any_column_privilege($1, $2, 'INSERT, UPDATE') OR has_table_privilege($1, $2, 'DELETE, TRUNCATE')";
            let writes: bool = sqlx::query_scalar(write).bind(role).bind(&table).fetch_one(pool).await.unwrap();
            assert!(!writes, "{role} writes {table}");
        }
    }
    for (role, table, column) in [
        ("tempchat_session_reader", "link", "settings"),
        ("tempchat_session_reader", "agent", "webhook_url"),
        ("tempchat_analyst", "event", "body"),
    ] {
        let reads: bool = sqlx::query_scalar("SELECT has_column_privilege($1, $2, $3, 'SELECT')")
            .bind(role)
            .bind(table)
            .bind(column)
            .fetch_one(pool)
            .await
            .unwrap();
        assert!(!reads, "{role} reads {table}.{column}");
    }
}
