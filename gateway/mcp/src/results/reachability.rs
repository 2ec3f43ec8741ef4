//! Who can open a link's URL, as far as the address tells.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;
use url::{Host, Url};

/// From where a URL can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reachability {
    /// From anywhere, as far as the address tells.
    Public,
    /// From the same network only.
    LocalNetwork,
    /// From the machine that runs this service only.
    ThisMachine,
}

impl Reachability {
    /// Judges by the host alone: loopback and private ranges (RFC 1918, 4193, 3927, 6598), and names that no one else resolves.
    pub(crate) fn of(url: &Url) -> Self {
        match url.host() {
            Some(Host::Ipv4(address)) => Self::of_address(address.into()),
            Some(Host::Ipv6(address)) => Self::of_address(address.into()),
            Some(Host::Domain(name)) => Self::of_name(name.trim_end_matches('.')),
            None => Self::ThisMachine,
        }
    }

    fn of_address(address: IpAddr) -> Self {
        match address.to_canonical() {
            address if address.is_loopback() || address.is_unspecified() => Self::ThisMachine,
            IpAddr::V4(address) => {
                let is_shared = matches!(address.octets(), [100, 64..=127, ..]);
                if address.is_private() || address.is_link_local() || is_shared { Self::LocalNetwork } else { Self::Public }
            }
            IpAddr::V6(address) => {
                if address.is_unique_local() || address.is_unicast_link_local() {
                    Self::LocalNetwork
                } else {
                    Self::Public
                }
            }
        }
    }

    fn of_name(name: &str) -> Self {
        let ends = |suffix: &str| name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        if ends("localhost") {
            Self::ThisMachine
        } else if !name.contains('.') || ["local", "lan", "internal", "home.arpa"].into_iter().any(ends) {
            Self::LocalNetwork
        } else {
            Self::Public
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_tells_who_can_open_a_url() {
        for (url, reach) in [
            ("https://chat.example", Reachability::Public),
            ("https://203.0.113.7", Reachability::Public),
            ("http://[2001:db8::1]:8080", Reachability::Public),
            ("http://192.168.1.5:8080", Reachability::LocalNetwork),
            ("http://100.100.0.1", Reachability::LocalNetwork),
            ("http://[fd00::1]", Reachability::LocalNetwork),
            ("http://printer.local", Reachability::LocalNetwork),
            ("http://server:8080", Reachability::LocalNetwork),
            ("http://127.0.0.1:8080", Reachability::ThisMachine),
            ("http://[::1]:8080", Reachability::ThisMachine),
            ("http://chat.localhost:8080", Reachability::ThisMachine),
            ("https://mylocalhost.example", Reachability::Public),
        ] {
            assert_eq!(Reachability::of(&Url::parse(url).unwrap()), reach, "{url}");
        }
    }
}
