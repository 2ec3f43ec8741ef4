//! Commands that only read change nothing: neither the log's streams nor the schema, whatever is set in their environment; what is
//! missing they name.

use std::fs;
use std::process::Output;

use async_nats::jetstream;
use futures_util::StreamExt;
use servers::{DataDir, NatsOptions, NatsServer, Postgres, PostgresOptions};
use sqlx::{Connection as _, PgConnection};

use crate::support::{Folder, Installation, Process};

/// Settings that `up` would apply.
const OTHER: [(&str, &str); 5] = [
    ("TEMPCHAT_SHARD_SIZE", "3GiB"),
    ("TEMPCHAT_SHARD_GROWS_TO", "4GiB"),
    ("TEMPCHAT_SHARDS", "9"),
    ("TEMPCHAT_REPLICAS", "3"),
    ("TEMPCHAT_AUDIT_DAYS", "7"),
];

/// Every command that only reads.
const READING: [&[&str]; 9] = [
    &["log", "verify"],
    &["log", "show"],
    &["log", "show", "--audit"],
    &["agent", "list"],
    &["agent", "webhook", "list"],
    &["schedule", "list"],
    &["schedule", "list", "--dead"],
    &["prune", "--dry-run"],
    // It signs into a file outside the log.
    &["log", "heads"],
];

/// Those that need no servers, or say themselves that there are none.
const LOOKING: [&[&str]; 4] = [&["doctor"], &["healthcheck"], &["config", "check"], &["config", "show"]];

async fn context(url: &str) -> jetstream::Context {
    let address: async_nats::ServerAddr = url.parse().unwrap();
    let (user, password) = (address.username().unwrap().to_owned(), address.password().unwrap().to_owned());
    jetstream::new(async_nats::ConnectOptions::with_user_and_password(user, password).connect(address).await.unwrap())
}

/// The settings of all streams.
async fn streams(url: &str) -> Vec<String> {
    let context = context(url).await;
    let mut streams = context.streams();
    let mut found = Vec::new();
    while let Some(stream) = streams.next().await {
        found.push(serde_json::to_value(&stream.unwrap().config).unwrap().to_string());
    }
    found.sort();
    found
}

/// All columns of all tables, and the steps that made them.
async fn schema(url: &str) -> Vec<String> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let columns = "SELECT concat_ws('.', table_schema, table_name, column_name, data_type) FROM information_schema.columns
        WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1";
    let mut found: Vec<String> = sqlx::query_scalar(columns).fetch_all(&mut connection).await.unwrap();
    if !found.is_empty() {
        let steps = "SELECT concat_ws('.', version, installed_on) FROM _sqlx_migrations ORDER BY 1";
        found.extend(sqlx::query_scalar::<_, String>(steps).fetch_all(&mut connection).await.unwrap());
    }
    found
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_set_reading_changes_neither_log_nor_rows() {
    let installation = Installation::start();
    let read = |file: &str| fs::read_to_string(installation.data().join(file)).unwrap().trim().to_owned();
    let (nats, postgres) = (read("nats.url"), read("postgres.url"));
    let before = (streams(&nats).await, schema(&postgres).await);
    for arguments in READING.into_iter().chain(LOOKING) {
        let output = Process::command(installation.folder(), arguments).envs(OTHER).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", told(&output));
        assert_eq!((streams(&nats).await, schema(&postgres).await), before, "{arguments:?}");
    }
    // Neither do commands that write change how the log is set up.
    let output = Process::command(installation.folder(), &["agent", "add", "Night shift"]).envs(OTHER).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!((streams(&nats).await, schema(&postgres).await), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named_and_not_made() {
    let installation = Installation::start();
    let data = DataDir::temporary().unwrap();
    let nats = NatsServer::start(&data, NatsOptions::default()).await.unwrap();
    let postgres = Postgres::start(&data, PostgresOptions::default()).await.unwrap();
    let folder = Folder::new();
    fs::create_dir(folder.data()).unwrap();
    fs::copy(installation.data().join("secrets.json"), folder.data().join("secrets.json")).unwrap();
    let own = fs::read_to_string(installation.data().join("nats.url")).unwrap();

    for arguments in READING {
        let bare = [("NATS_URL", nats.url()), ("DATABASE_URL", postgres.url())];
        let output = Process::command(&folder, arguments).envs(bare).output().unwrap();
        let error = told(&output);
        // The schedule is of the rows alone.
        let missing =
            if arguments[0] == "schedule" { "the database schema lacks" } else { "there is no log on this nats-server" };
        assert!(!output.status.success() && error.contains(missing) && error.contains("tempchat up"), "{arguments:?}: {error}");
    }
    for arguments in [&["agent", "list"][..], &["agent", "webhook", "list"], &["prune", "--dry-run"]] {
        let half = [("NATS_URL", own.trim()), ("DATABASE_URL", postgres.url())];
        let output = Process::command(&folder, arguments).envs(half).output().unwrap();
        assert!(
            !output.status.success() && told(&output).contains("the database schema lacks"),
            "{arguments:?}: {}",
            told(&output)
        );
    }
    assert_eq!(streams(nats.url()).await, [""; 0], "no stream was made");
    assert_eq!(schema(postgres.url()).await, [""; 0], "no table was made");
    postgres.stop().await;
    nats.stop().await;
}
