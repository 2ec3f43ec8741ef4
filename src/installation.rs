//! What an installation consists of: its secrets in the data folder, the log and the rows on its servers.

use std::path::Path;

use anyhow::{Context, Result};
use nats::{Backbone, Options, Secrets};
use servers::{DataDir, Running};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::config::Config;

/// The file that holds the installation's secrets: back it up, apart from the log.
const SECRETS: &str = "secrets.json";
/// nats-server's code for a stream that would not fit on its disk.
const NO_ROOM: u64 = 10_047;
/// Connections to PostgreSQL: readers, projectors and the worker share them.
const POSTGRES_CONNECTIONS: u32 = 16;

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

/// Connects to nats-server and opens the log.
pub(crate) async fn open_log(config: &Config, servers: &Servers, secrets: Secrets) -> Result<Backbone> {
    connect(config, servers, secrets, true).await
}

/// Connects to nats-server and opens the log for reading: one of an older release stays as it is.
pub(crate) async fn read_log(config: &Config, servers: &Servers, secrets: Secrets) -> Result<Backbone> {
    connect(config, servers, secrets, false).await
}

async fn connect(config: &Config, servers: &Servers, secrets: Secrets, takes_over: bool) -> Result<Backbone> {
    let options = Options {
        takes_over,
        shards: config.shards,
        replicas: config.replicas,
        shard_bytes: i64::from(config.shard_gib) << 30,
        ..Options::new(servers.nats_url.clone(), secrets)
    };
    match Backbone::connect(options).await {
        Err(nats::Error::Refused { code: NO_ROOM, .. }) => anyhow::bail!(
            "nats-server has no room for {} shards of {} GiB: free some disk, or set TEMPCHAT_SHARD_GIB lower",
            config.shards,
            config.shard_gib
        ),
        connected => connected.context("the event log cannot be opened"),
    }
}

/// Connects to PostgreSQL to read; the schema stays as it is.
pub(crate) async fn read_rows(servers: &Servers) -> Result<PgPool> {
    PgPool::connect(&servers.database_url).await.context("PostgreSQL cannot be reached; is DATABASE_URL right?")
}

/// Connects to PostgreSQL and brings the schema of the rows up to date.
pub(crate) async fn open_rows(servers: &Servers) -> Result<PgPool> {
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .connect(&servers.database_url)
        .await
        .context("PostgreSQL cannot be reached; is DATABASE_URL right?")?;
    migrations::run(&pool).await.context("the database schema cannot be brought up to date")?;
    Ok(pool)
}
