//! Settings that can be used, and yet say something that an operator hardly means.

use std::net::IpAddr;

use url::Host;

use super::finding::Finding;
use crate::config::Config;

const PART: &str = "settings";

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(url) = &config.public_url {
        let is_here = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        if url.scheme() == "http" && !is_here {
            findings.push(Finding::warning(
                PART,
                format!(
                    "people come by {url}, without encryption: their words, cookies and the agents' keys can be read on the way"
                ),
                "put a proxy with TLS in front, and name its https address as `public_url`",
            ));
        }
        if url.scheme() == "https" && config.proxies == 0 {
            findings.push(Finding::warning(
                PART,
                format!(
                    "{url} is https, which some proxy speaks, and `proxies` is 0: all visitors count as that proxy's one address"
                ),
                "set `proxies` to the number of proxies in front, which must name the client in X-Forwarded-For or Forwarded",
            ));
        }
    }
    if let Some(metrics) = config.metrics_listen
        && !is_private(metrics.ip())
    {
        findings.push(Finding::warning(
            PART,
            format!("/metrics listens on {metrics}, which others may reach"),
            "set `metrics_listen` to an address of a private network",
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(PART, "they can be used, and fit one another"));
    }
    findings
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}
