//! `tempchat healthcheck`: what a container's runtime asks, without a shell or a program for HTTP in the image.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use servers::Running;

use crate::access::ADDRESS;
use crate::config::Config;
use crate::output::line;

/// How long the service may take to answer: container runtimes give up after 30 s.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of an answer is told.
const SHOWN: usize = 2_000;

/// Options of `tempchat healthcheck`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Ask only whether the process runs (/healthz), not whether every part does its work (/readyz)
    #[arg(long)]
    live: bool,
}

/// Asks the service on this machine, at the address that it listens on, and fails unless it answers 200.
pub(crate) async fn run(config: &Config, options: &Options) -> Result<()> {
    let url = format!("{}/{}", address(config), if options.live { "healthz" } else { "readyz" });
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?;
    let asked = client.get(&url).send().await;
    let answer = asked.with_context(|| format!("nothing answers at {url}; is `listen` that of the service?"))?;
    let status = answer.status();
    let text: String = answer.text().await.unwrap_or_default().trim().chars().take(SHOWN).collect();
    if !status.is_success() {
        bail!("{url} answered {status}: {text}");
    }
    line(text);
    Ok(())
}

/// Returns the address by which the service is reached from the same machine: that which `tempchat up` has told, where it runs on the
/// folder and no proxy stands in front, else `listen`.
pub(crate) fn address(config: &Config) -> String {
    let told = || std::fs::read_to_string(config.data.join(ADDRESS)).ok();
    let told = if config.public_url.is_none() && Running::on(&config.data).is_some() { told() } else { None };
    let url = told.unwrap_or_else(|| format!("http://{}", reachable(config.listen)));
    url.trim().trim_end_matches('/').to_owned()
}

fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
