//! What an installation consists of: its secrets in the data folder, the log and the rows on its servers.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use bytesize::ByteSize;
use nats::{Backbone, Opening, Options, Secrets};
use servers::{DataDir, Running};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgConnection, PgPool, Row};

use crate::config::Config;
use crate::pooling::refuse_shared_connections;

/// The file that holds the installation's secrets: back it up, apart from the log.
pub(crate) const SECRETS: &str = "secrets.json";
/// nats-server's code for a stream that would not fit on its disk.
const NO_ROOM: u64 = 10_047;

/// Connections to PostgreSQL of a command that runs beside an installation.
const CONNECTIONS_OF_A_COMMAND: u32 = 8;

/// How long an answer waits for a connection to PostgreSQL: where that is gone, 503 comes in time to be tried again.
const READER_PATIENCE: Duration = Duration::from_secs(5);

/// Where the servers of an installation are.
#[derive(Debug, Clone)]
pub(crate) struct Servers {
    pub(crate) nats_url: String,
    pub(crate) database_url: String,
}

impl Servers {
    /// Finds the servers that a second command uses beside a running `up`, or those that the environment names.
    pub(crate) fn running(config: &Config) -> Result<Self> {
        let beside = Running::on(&config.data);
        let found = |own: &Option<String>, beside: Option<String>, variable: &str| {
            own.clone().or(beside).with_context(|| {
                format!(
                    "nothing runs on {}, and {variable} is not set. Start `tempchat up` there first, or name the servers",
                    config.data.display()
                )
            })
        };
        Ok(Self {
            nats_url: found(&config.nats_url, beside.as_ref().and_then(|beside| beside.nats_url.clone()), "NATS_URL")?,
            database_url: found(&config.database_url, beside.and_then(|beside| beside.database_url), "DATABASE_URL")?,
        })
    }
}

/// Reads the installation's secrets, or makes them the first time.
pub(crate) fn keep_secrets(data: &DataDir) -> Result<Secrets> {
    if data.join(SECRETS).exists() {
        return read_secrets(data.path());
    }
    let secrets = Secrets::generate();
    data.write_secret(SECRETS, &secrets.to_text())?;
    Ok(secrets)
}

/// Reads the secrets of an installation that exists; `TEMPCHAT_SECRETS` names a file elsewhere.
pub(crate) fn read_secrets(data: &Path) -> Result<Secrets> {
    let path = std::env::var_os("TEMPCHAT_SECRETS").map_or_else(|| data.join(SECRETS), Into::into);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("the installation's secrets cannot be read from {}; is --data right?", path.display()))?;
    Secrets::parse(&text).with_context(|| format!("{} does not hold the secrets of an installation", path.display()))
}

/// Connects to nats-server and opens the log; what that may do to it is told by `opening`.
pub(crate) async fn open_log(config: &Config, servers: &Servers, secrets: Secrets, opening: Opening) -> Result<Backbone> {
    let (shard_bytes, shard_bytes_most) = config.shard_bytes();
    let options = Options {
        opening,
        shards: config.shards,
        replicas: config.replicas,
        shard_bytes,
        shard_bytes_most,
        audit_for: config.audit_for(),
        ..Options::new(servers.nats_url.clone(), secrets)
    };
    match Backbone::connect(options).await {
        Err(nats::Error::Refused { code: NO_ROOM, .. }) => anyhow::bail!(
            "nats-server has no room for {} shards of {}: free some disk, or set `shard_size` or `shards` lower",
            config.shards,
            ByteSize(u64::try_from(shard_bytes).unwrap_or_default())
        ),
        connected => connected.context("the event log cannot be opened"),
    }
}

/// Connects a command that reads to PostgreSQL; the schema stays as it is, and must be the present one.
pub(crate) async fn read_rows(servers: &Servers) -> Result<PgPool> {
    let pool = reach(servers, CONNECTIONS_OF_A_COMMAND).await?;
    migrations::check(&pool).await.context("the rows cannot be read")?;
    Ok(pool)
}

/// The connections to PostgreSQL of a process: waiting for one kind never holds up another.
#[derive(Debug, Clone)]
pub(crate) struct Pools {
    /// Answers.
    pub(crate) readers: PgPool,
    /// Projectors, the worker and upkeep.
    pub(crate) writers: PgPool,
    /// Webhooks' rows and deliveries.
    pub(crate) webhooks: PgPool,
}

impl Pools {
    /// Connects to PostgreSQL and brings the schema of the rows up to date; further connections are opened as they are needed.
    pub(crate) async fn open(config: &Config, servers: &Servers) -> Result<Self> {
        let writers = connect(servers, config.writer_connections).await?;
        let lazy = |pool: PgPoolOptions| pool.connect_lazy_with(writers.connect_options().as_ref().clone());
        let readers = pool_of(config.reader_connections).acquire_timeout(READER_PATIENCE);
        Ok(Self { readers: lazy(readers), webhooks: lazy(pool_of(config.webhook_connections)), writers })
    }

    /// Closes all connections.
    pub(crate) async fn close(&self) {
        tokio::join!(self.readers.close(), self.writers.close(), self.webhooks.close());
    }
}

/// Connects a command to PostgreSQL and brings the schema of the rows up to date.
pub(crate) async fn open_rows(servers: &Servers) -> Result<PgPool> {
    connect(servers, CONNECTIONS_OF_A_COMMAND).await
}

async fn connect(servers: &Servers, connections: u32) -> Result<PgPool> {
    let pool = reach(servers, connections).await?;
    migrations::run(&pool).await.context("the database schema cannot be brought up to date")?;
    Ok(pool)
}

async fn reach(servers: &Servers, connections: u32) -> Result<PgPool> {
    let options: PgConnectOptions = servers.database_url.parse().context("DATABASE_URL cannot be read")?;
    // Poolers refuse what they do not know, and we read numbers in binary form.
    let options = options.extra_float_digits(None);
    let reached = async {
        refuse_shared_connections(&options).await?;
        anyhow::Ok(pool_of(connections).connect_with(options).await?)
    };
    reached.await.context("PostgreSQL cannot be used; is DATABASE_URL right?")
}

/// Prepares a pool; each in this program is made here.
fn pool_of(connections: u32) -> PgPoolOptions {
    // In the place of the look that sqlx takes itself, and as many round trips.
    let pool = PgPoolOptions::new().max_connections(connections).test_before_acquire(false);
    pool.before_acquire(|connection, _| Box::pin(is_good(connection)))
}

/// Tells whether a connection is still one to a server that takes writes: after a failover it may lead to what is a standby now, whose rows stay
/// as they are. And whether it is in no transaction: sqlx does not end one whose beginning nobody has waited for, and a statement of its own begins
/// when its transaction does. One that is not good is closed, as is one that does not answer.
async fn is_good(connection: &mut PgConnection) -> sqlx::Result<bool> {
    let look = "SELECT NOT pg_is_in_recovery() AND NOT current_setting('default_transaction_read_only')::boolean
        AND transaction_timestamp() = statement_timestamp()";
    sqlx::raw_sql(look).fetch_one(connection).await?.try_get(0)
}

#[cfg(test)]
mod tests {
    use sqlx::Executor as _;

    use super::*;

    #[tokio::test]
    async fn a_connection_to_what_takes_no_writes_any_more_is_given_up() {
        let database = testbed::empty_database().await;
        let pool = pool_of(1).connect_with(database.connect_options().as_ref().clone()).await.unwrap();
        let backend = async || -> i32 { sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&pool).await.unwrap() };
        let before = backend().await;
        assert_eq!(backend().await, before, "one that takes writes is kept");
        // As a server is that has become a standby while its connections stayed open.
        pool.execute("SET default_transaction_read_only = on").await.unwrap();
        pool.execute("CREATE TABLE written ()").await.unwrap();
        assert_ne!(backend().await, before);
    }

    #[tokio::test]
    async fn a_transaction_whose_beginning_nobody_waited_for_is_nobody_elses() {
        let database = testbed::empty_database().await;
        let pool = pool_of(1).connect_with(database.connect_options().as_ref().clone()).await.unwrap();
        let mut connection = pool.acquire().await.unwrap();
        // As a call that is given up leaves it: begun there, and here nobody knows.
        sqlx::raw_sql("BEGIN").execute(&mut *connection).await.unwrap();
        drop(connection);
        let mut transaction = pool.begin().await.unwrap();
        transaction.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").await.unwrap();
        transaction.commit().await.unwrap();
        pool.execute("SELECT 1").await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_that_was_ended_is_not_given_to_anybody() {
        let database = testbed::empty_database().await;
        let pool = pool_of(1).connect_with(database.connect_options().as_ref().clone()).await.unwrap();
        let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&pool).await.unwrap();
        sqlx::query("SELECT pg_terminate_backend($1, 5000)").bind(backend).execute(&database).await.unwrap();
        assert!(pool.execute("SELECT 1").await.is_ok());
    }

    #[tokio::test]
    async fn connections_of_our_own_are_not_refused() {
        let database = testbed::empty_database().await;
        refuse_shared_connections(&database.connect_options()).await.unwrap();
    }
}
