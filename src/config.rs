//! Settings: flags first, then the environment (`TEMPCHAT_*`), then a TOML file, then defaults.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use domain::{Millis, Policy};
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::value::{Uncased, UncasedStr};
use gateway::{AuthorizationServer, ProxyHeader, Rates};
use serde::{Deserialize, Serialize};
use url::Url;
use webhooks::IpNet;

/// All that an operator can set.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Config {
    /// The data folder.
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
    /// The byte limit of each shard, in GiB.
    pub(crate) shard_gib: u16,
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
    pub(crate) audit_days: NonZeroU16,
    /// Networks that are no public ones, loopback among them, where webhooks may lead all the same.
    pub(crate) webhook_networks: Vec<IpNet>,
}

/// What the environment has under our prefix that is no setting of the service.
const NO_SETTINGS: [&str; 6] = ["config", "data", "nats_server", "postgres_bin", "url", "key"];

/// Reads `LIMITS_VISITS` as `visits` in the table `limits`.
fn in_table(name: &UncasedStr) -> Uncased<'_> {
    let name = name.as_str();
    match name.get(..LIMITS.len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case(LIMITS) => {
            format!("limits.{}", name.get(LIMITS.len()..).unwrap_or_default()).into()
        }
        _ => name.into(),
    }
}

/// The beginning of a limit's name in the environment, behind our prefix.
const LIMITS: &str = "LIMITS_";

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
            limits: Rates::default(),
            authorization_server: None,
            token_audience: None,
            agent_claim: None,
            log_format: LogFormat::Text,
            nats_url: None,
            database_url: None,
            shards: 4,
            replicas: 1,
            shard_gib: 2,
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
            audit_days: NonZeroU16::new(90).expect("it is more than 0"),
            webhook_networks: Vec::new(),
        }
    }
}

impl Config {
    /// Gathers the settings of an installation; without `file` those in its data folder, where there are any.
    pub(crate) fn load(data: &Path, file: Option<&Path>, listen: Option<&ListenOptions>) -> Result<Self> {
        if let Some(file) = file.filter(|file| !file.exists()) {
            anyhow::bail!("there is no settings file {}; check --config", file.display());
        }
        let file = file.map_or_else(|| data.join("tempchat.toml"), Path::to_owned);
        let mut figment = Figment::from(Serialized::defaults(Self::default()))
            .merge(Toml::file(file))
            .merge(Env::prefixed("TEMPCHAT_").ignore(&NO_SETTINGS).map(in_table))
            .merge(
                Env::raw()
                    .only(&["NATS_URL", "DATABASE_URL"])
                    .filter(|name| std::env::var(name.as_str()).is_ok_and(|url| !url.is_empty())),
            )
            .merge(Serialized::default("data", data));
        if let Some(listen) = listen {
            figment = match &listen.listen {
                Some(address) => figment.merge(Serialized::default("listen", address)),
                None => figment,
            };
            figment = match &listen.public_url {
                Some(url) => figment.merge(Serialized::default("public_url", url)),
                None => figment,
            };
            figment = match &listen.metrics_listen {
                Some(address) => figment.merge(Serialized::default("metrics_listen", address)),
                None => figment,
            };
        }
        figment.extract().context("a setting cannot be read; see `tempchat --help` and the README's table of settings")
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

    /// Returns how long the audit keeps its entries.
    pub(crate) fn audit_for(&self) -> Duration {
        Duration::from_hours(24 * u64::from(self.audit_days.get()))
    }

    /// Returns the names beside the public one by which this service is called.
    pub(crate) fn named_hosts(&self) -> Result<Vec<String>> {
        let is_name = |name: &str| matches!(url::Host::parse(name), Ok(host) if host.to_string().eq_ignore_ascii_case(name));
        match self.allowed_hosts.iter().find(|name| !is_name(name)) {
            Some(wrong) => anyhow::bail!("allowed_hosts must be names without ports, like [\"chat.internal\"], not {wrong:?}"),
            None => Ok(self.allowed_hosts.clone()),
        }
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
    pub(crate) fn trusted(&self, public_url: &Url) -> Result<Option<AuthorizationServer>> {
        let Some(issuer) = &self.authorization_server else { return Ok(None) };
        let server = AuthorizationServer::try_new(issuer, public_url)
            .with_context(|| format!("authorization_server must be an https address, not {issuer}"))?;
        let audience = self.token_audience.clone().unwrap_or(server.audience);
        let agent_claim = self.agent_claim.clone().unwrap_or(server.agent_claim);
        Ok(Some(AuthorizationServer { issuer: server.issuer, audience, agent_claim }))
    }
}
