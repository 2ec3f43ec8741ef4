//! Settings that can be read and yet cannot be: told all at once, before anything starts.

use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;

use anyhow::Result;
use bytesize::ByteSize;
use domain::{Millis, Policy};
use gateway::AuthorizationServer;
use sqlx::postgres::PgConnectOptions;
use url::{Host, Url};

use super::Config;
use super::fault::{Fault, What};
use super::sources::{Sources, refuse};

/// Connections of one kind: more than any PostgreSQL takes would never be opened.
const CONNECTIONS: RangeInclusive<u64> = 1..=10_000;
/// A shard smaller than this is filled by a few links.
const SMALLEST_SHARD: ByteSize = ByteSize::mib(8);
/// What JetStream counts in.
const LARGEST_SHARD: ByteSize = ByteSize::pib(1);

/// Refuses what cannot be, each by its name.
pub(super) fn all(config: &Config, sources: &Sources) -> Result<()> {
    let mut faults = Faults { sources, found: Vec::new() };
    numbers(config, &mut faults);
    sizes(config, &mut faults);
    addresses(config, &mut faults);
    names(config, &mut faults);
    servers(config, &mut faults);
    if faults.found.is_empty() { Ok(()) } else { Err(refuse(&faults.found)) }
}

struct Faults<'a> {
    sources: &'a Sources,
    found: Vec<Fault>,
}

impl Faults<'_> {
    fn add(&mut self, setting: &str, wanted: impl Into<String>) {
        self.found.push(self.sources.fault(setting, What::Impossible(wanted.into())));
    }

    fn range<T: PartialOrd + Display + Copy>(&mut self, setting: &str, value: T, range: &RangeInclusive<T>) {
        if !range.contains(&value) {
            self.add(setting, format!("it must be from {} to {}", range.start(), range.end()));
        }
    }
}

fn numbers(config: &Config, faults: &mut Faults<'_>) {
    let Policy { longest_lifetime, longest_idle, longest_answer_time, .. } = Policy::default();
    let until = |longest: Millis| 1..=u64::try_from(longest.0 / 1_000).unwrap_or(u64::MAX);
    // A session, a link or an agent that may write nothing could not even end.
    let mib = 1..=u64::from(u32::MAX);
    for (setting, value, range) in [
        ("shards", config.shards.into(), 1..=1_024),
        // JetStream's own most.
        ("replicas", u64::try_from(config.replicas).unwrap_or(u64::MAX), 1..=5),
        ("proxies", u64::try_from(config.proxies).unwrap_or(u64::MAX), 0..=100),
        ("drain_seconds", config.drain_seconds.into(), 0..=600),
        ("reader_connections", config.reader_connections.into(), CONNECTIONS),
        ("writer_connections", config.writer_connections.into(), CONNECTIONS),
        ("webhook_connections", config.webhook_connections.into(), CONNECTIONS),
        ("shortest_lifetime_seconds", config.shortest_lifetime_seconds.into(), until(longest_lifetime)),
        ("shortest_idle_seconds", config.shortest_idle_seconds.into(), until(longest_idle)),
        ("shortest_answer_seconds", config.shortest_answer_seconds.into(), until(longest_answer_time)),
        ("session_mib_a_day", config.session_mib_a_day.into(), mib.clone()),
        ("link_mib_a_day", config.link_mib_a_day.into(), mib.clone()),
        ("agent_mib_a_day", config.agent_mib_a_day.into(), mib),
        ("audit_days", config.audit_days.into(), 1..=u64::from(u16::MAX)),
    ] {
        faults.range(setting, value, &range);
    }
}

fn sizes(config: &Config, faults: &mut Faults<'_>) {
    let sizes = SMALLEST_SHARD..=LARGEST_SHARD;
    faults.range("shard_size", config.shard_size, &sizes);
    if let Some(gib) = config.shard_gib {
        faults.range("shard_gib", gib, &(1..=u16::MAX));
        if config.shard_size != Config::default().shard_size {
            faults.add("shard_gib", "it is the older name for shard_size; set one of them");
        }
    }
    if let Some(most) = config.shard_grows_to {
        faults.range("shard_grows_to", most, &sizes);
        let (first, _) = config.shard_bytes();
        if i64::try_from(most.as_u64()).is_ok_and(|most| most < first) {
            faults.add("shard_grows_to", "it must be at least what a shard begins with (shard_size, shard_gib)");
        }
    }
}

fn addresses(config: &Config, faults: &mut Faults<'_>) {
    if let Some(url) = &config.public_url
        && !is_base(url)
    {
        let wanted = "it must be http:// or https:// and a host, with a port where need be, like https://chat.example, and on a shared host a path \
                      of letters, digits and any of - . _ ~, like https://x.example/chat";
        faults.add("public_url", wanted);
    }
    if config.metrics_listen.is_some_and(|metrics| metrics == config.listen && metrics.port() != 0) {
        faults.add("metrics_listen", "it is the address of the pages too (listen); choose another port");
    }
    if let Some(issuer) = &config.authorization_server {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let any = Url::parse(&format!("http://{anywhere}")).expect("an address with its port makes a URL");
        if AuthorizationServer::try_new(issuer, config.public_url.as_ref().unwrap_or(&any)).is_none() {
            faults.add("authorization_server", "it must be an https address, exactly as the server's tokens name it");
        }
    }
}

/// Tells whether an address is nothing but what links, cookies and origins are made of.
fn is_base(url: &Url) -> bool {
    let is_bare = url.query().is_none() && url.fragment().is_none();
    // Written in one way only, and safe in a cookie's path, a header and a page.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let path = url.path().strip_suffix('/').unwrap_or(url.path());
    let is_path = path.split('/').skip(1).all(|part| !part.is_empty() && part.bytes().all(is_plain));
    matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && is_bare
        && is_path
        && url.username().is_empty()
        && url.password().is_none()
}

fn names(config: &Config, faults: &mut Faults<'_>) {
    let is_name = |name: &str| matches!(Host::parse(name), Ok(host) if host.to_string().eq_ignore_ascii_case(name));
    if !config.allowed_hosts.iter().all(|name| is_name(name)) {
        faults.add("allowed_hosts", "they must be names without ports, like [\"chat.internal\"]");
    }
    for (setting, value) in [
        ("token_audience", config.token_audience.as_deref()),
        ("agent_claim", config.agent_claim.as_deref()),
        ("operator_name", config.operator_name.as_deref()),
        ("prune_archive", config.prune_archive.as_deref().and_then(|path| path.to_str())),
        ("heads_file", config.heads_file.to_str()),
    ] {
        if value.is_some_and(|value| value.trim().is_empty()) {
            faults.add(setting, "it must not be empty; leave it out for the default");
        }
    }
}

/// Their values are not shown: they may hold passwords.
fn servers(config: &Config, faults: &mut Faults<'_>) {
    let is_nats = |url: &str| {
        // As the client reads them: a host alone is enough.
        let whole = if url.contains("://") { url.to_owned() } else { format!("nats://{url}") };
        Url::parse(&whole).is_ok_and(|url| ["nats", "tls", "ws", "wss"].contains(&url.scheme()) && url.has_host())
    };
    if config.nats_url.as_deref().is_some_and(|urls| !urls.split(',').all(is_nats)) {
        faults.add("nats_url", "it must be nats://user:password@host:port, several with commas between them");
    }
    let is_postgres = |url: &str| url.starts_with("postgres") && url.parse::<PgConnectOptions>().is_ok();
    if config.database_url.as_deref().is_some_and(|url| !is_postgres(url)) {
        faults.add("database_url", "it must be postgres://user:password@host:port/database");
    }
}
