//! Settings: flags first, then the environment (`TEMPCHAT_*`), then a TOML file, then defaults.

mod check;
pub(crate) mod command;
mod fault;
mod kubernetes;
mod sources;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use bytesize::ByteSize;
use clap::Args;
use domain::{Millis, Policy};
use gateway::{AuthorizationServer, ProxyHeader, Rates};
use serde::{Deserialize, Serialize};
use url::Url;
use webhooks::IpNet;

use sources::Sources;

/// How far the byte limit of a shard grows where nothing is set.
const GROWS_TO: ByteSize = ByteSize::gib(8);

/// All that an operator can set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The data folder, which the command line names: a file in it could not.
    #[serde(skip)]
    pub(crate) data: PathBuf,
    /// Address for pages, API and MCP.
    pub(crate) listen: SocketAddr,
    /// The address that people and agents use; by default the one above.
    pub(crate) public_url: Option<Url>,
    /// Address for `/metrics`.
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// Who runs this installation, shown to chatters.
    pub(crate) operator_name: Option<String>,
    /// How many proxies of the operator's stand in front: so many of the last addresses that they name are believed.
    pub(crate) proxies: usize,
    /// Names beside the public one by which this service is called, without ports: in a private network, by a load balancer's checks.
    pub(crate) allowed_hosts: Vec<String>,
    /// By which field they name the client; by default by either.
    pub(crate) proxy_header: Option<ProxyHeader>,
    /// How many seconds the service goes on answering after SIGTERM, not ready any more.
    pub(crate) drain_seconds: u16,
    /// How often is too often, by the names of docs/limits.md.
    pub(crate) limits: Rates,
    /// The issuer of access tokens that are accepted beside API keys.
    pub(crate) authorization_server: Option<String>,
    /// The audience of such tokens; by default the address of `/mcp`.
    pub(crate) token_audience: Option<String>,
    /// The claim of such tokens that names the agent.
    pub(crate) agent_claim: Option<String>,
    /// How logs are written.
    pub(crate) log_format: LogFormat,
    /// A server of the operator's own, instead of an embedded one (`NATS_URL`).
    pub(crate) nats_url: Option<String>,
    /// A server of the operator's own, instead of an embedded one (`DATABASE_URL`).
    pub(crate) database_url: Option<String>,
    /// Shards of a log that is made now.
    pub(crate) shards: u16,
    /// Copies of each stream in a cluster.
    pub(crate) replicas: usize,
    /// The byte limit of a shard that is made now.
    pub(crate) shard_size: ByteSize,
    /// How far that limit grows by itself as the shard fills.
    pub(crate) shard_grows_to: Option<ByteSize>,
    /// The name for a limit that does not grow, in GiB, before there were the two above.
    pub(crate) shard_gib: Option<u16>,
    /// Connections to PostgreSQL for answers.
    pub(crate) reader_connections: u32,
    /// Connections to PostgreSQL for rows, scheduled commands and upkeep.
    pub(crate) writer_connections: u32,
    /// Connections to PostgreSQL for webhooks.
    pub(crate) webhook_connections: u32,
    /// The shortest time a link may live, in seconds.
    pub(crate) shortest_lifetime_seconds: u32,
    /// The shortest idle time-out of a session, in seconds.
    pub(crate) shortest_idle_seconds: u32,
    /// The shortest time that a question may wait for an answer, in seconds.
    pub(crate) shortest_answer_seconds: u32,
    /// How many MiB of the log one session may write a day.
    pub(crate) session_mib_a_day: u32,
    /// The same for all sessions of a link.
    pub(crate) link_mib_a_day: u32,
    /// The same for all links of an agent.
    pub(crate) agent_mib_a_day: u32,
    /// How many days after a link's erasure its commits leave the log, or `never`.
    pub(crate) prune_after_days: PruneAfter,
    /// The folder that gets those commits, sealed as they are, before they go; relative to the data folder.
    pub(crate) prune_archive: Option<PathBuf>,
    /// The file of signed heads, outside the log; relative to the data folder.
    pub(crate) heads_file: PathBuf,
    /// How many days the audit keeps its entries.
    pub(crate) audit_days: u16,
    /// Networks that are no public ones, loopback among them, where webhooks may lead all the same.
    pub(crate) webhook_networks: Vec<IpNet>,
}

/// Where to be reached.
#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "help of the command line, shown as it stands")]
pub(crate) struct ListenOptions {
    /// Address for pages, API and MCP [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,

    /// The address that people and agents use, as a proxy in front may have it [default: http://ADDR]
    #[arg(long, value_name = "URL")]
    public_url: Option<Url>,

    /// Address for /metrics, never to be public [default: none]
    #[arg(long, value_name = "ADDR")]
    metrics_listen: Option<SocketAddr>,
}

/// When the commits of an erased link leave the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "prune_after_days is a whole number of days up to 65535, or `never`")]
pub(crate) enum PruneAfter {
    /// So many days after the erasure.
    Days(u16),
    /// They stay; the log fills up.
    Never(Never),
}

/// The word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Never {
    /// `never`.
    Never,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For programs: a JSON object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from(".tempchat"),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            public_url: None,
            metrics_listen: None,
            operator_name: None,
            proxies: 0,
            allowed_hosts: Vec::new(),
            proxy_header: None,
            drain_seconds: 5,
            limits: Rates::default(),
            authorization_server: None,
            token_audience: None,
            agent_claim: None,
            log_format: LogFormat::Text,
            nats_url: None,
            database_url: None,
            shards: 4,
            replicas: 1,
            shard_size: ByteSize::mib(256),
            shard_grows_to: None,
            shard_gib: None,
            reader_connections: 16,
            writer_connections: 10,
            webhook_connections: 8,
            shortest_lifetime_seconds: 300,
            shortest_idle_seconds: 300,
            shortest_answer_seconds: 60,
            session_mib_a_day: 4,
            link_mib_a_day: 32,
            agent_mib_a_day: 256,
            prune_after_days: PruneAfter::Days(30),
            prune_archive: None,
            heads_file: PathBuf::from("heads.jsonl"),
            audit_days: 90,
            webhook_networks: Vec::new(),
        }
    }
}

impl Config {
    /// Gathers the settings of an installation, without `file` those in its data folder, where there are any; refuses by name what is
    /// unknown or impossible.
    pub(crate) fn load(data: &Path, file: Option<&Path>, listen: Option<&ListenOptions>) -> Result<Self> {
        let sources = Sources::gather(data, file, listen)?;
        let config = Self { data: data.to_owned(), ..sources.extract()? };
        check::all(&config, &sources)?;
        Ok(config)
    }

    /// Returns the byte limit that a shard begins with, and the one that it may grow to.
    pub(crate) fn shard_bytes(&self) -> (i64, i64) {
        let first = self.shard_gib.map_or(self.shard_size, |gib| ByteSize::gib(gib.into()));
        let usual = if self.shard_gib.is_some() { first } else { first.max(GROWS_TO) };
        let bytes = |size: ByteSize| i64::try_from(size.as_u64()).unwrap_or(i64::MAX);
        (bytes(first), bytes(self.shard_grows_to.unwrap_or(usual)))
    }

    /// Returns the settings of webhooks.
    pub(crate) fn webhooks(&self) -> webhooks::Settings {
        webhooks::Settings { networks: self.webhook_networks.clone(), ..webhooks::Settings::default() }
    }

    /// Returns when links are pruned; none for never.
    pub(crate) fn pruning(&self) -> Option<pruning::Settings> {
        match self.prune_after_days {
            PruneAfter::Days(days) => {
                let after = Millis::minutes(i64::from(days) * 24 * 60);
                Some(pruning::Settings { after, archive: self.prune_archive.as_ref().map(|folder| self.data.join(folder)) })
            }
            PruneAfter::Never(Never::Never) => None,
        }
    }

    /// Returns how long the service goes on answering once it is asked to stop.
    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds.into())
    }

    /// Returns how long the audit keeps its entries.
    pub(crate) fn audit_for(&self) -> Duration {
        Duration::from_hours(24 * u64::from(self.audit_days))
    }

    /// Returns the limits that decisions enforce.
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            shortest_lifetime: Millis::seconds(i64::from(self.shortest_lifetime_seconds)),
            shortest_idle: Millis::seconds(i64::from(self.shortest_idle_seconds)),
            shortest_answer_time: Millis::seconds(i64::from(self.shortest_answer_seconds)),
            session_bytes_a_day: u64::from(self.session_mib_a_day) << 20,
            link_bytes_a_day: u64::from(self.link_mib_a_day) << 20,
            agent_bytes_a_day: u64::from(self.agent_mib_a_day) << 20,
            ..Policy::default()
        }
    }

    /// Returns the authorization server whose tokens are accepted by a service at `public_url`.
    pub(crate) fn trusted(&self, public_url: &Url) -> Option<AuthorizationServer> {
        let server = AuthorizationServer::try_new(self.authorization_server.as_ref()?, public_url)?;
        let audience = self.token_audience.clone().unwrap_or(server.audience);
        let agent_claim = self.agent_claim.clone().unwrap_or(server.agent_claim);
        Some(AuthorizationServer { issuer: server.issuer, audience, agent_claim })
    }
}
