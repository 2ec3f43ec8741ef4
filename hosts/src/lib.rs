//! From where a host can be reached, as far as its address or name tells: the one table of special-purpose addresses.
//!
//! It decides nothing: webhooks call no host that is not public, MCP warns of links that others cannot open. The table is our own, for the
//! crates that have one (`ip_network`, std's unstable `is_global`) count protocol assignments, 6to4 or mapped addresses as public.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use url::{Host, Url};

/// From where a host can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reachability {
    /// From the machine itself only: loopback, and "this host".
    ThisMachine,
    /// From the same network only: private, shared and link-local addresses, and names that nobody else resolves.
    LocalNetwork,
    /// From nowhere, or by means that hide where it leads: documentation, benchmarks, multicast, translation, reserved space.
    Special,
    /// From anywhere, as far as the address or name tells.
    Public,
}

use Reachability::{LocalNetwork, Special, ThisMachine};

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(first: u16, second: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0), length)
}

/// What of IPv4 is not reached globally (IANA's special-purpose registry, RFC 6890), multicast and reserved space.
const V4: [(Ipv4Net, Reachability); 15] = [
    (v4(0, 0, 0, 0, 8), ThisMachine),
    (v4(10, 0, 0, 0, 8), LocalNetwork),
    (v4(100, 64, 0, 0, 10), LocalNetwork),
    (v4(127, 0, 0, 0, 8), ThisMachine),
    (v4(169, 254, 0, 0, 16), LocalNetwork),
    (v4(172, 16, 0, 0, 12), LocalNetwork),
    (v4(192, 0, 0, 0, 24), Special),
    (v4(192, 0, 2, 0, 24), Special),
    (v4(192, 88, 99, 0, 24), Special),
    (v4(192, 168, 0, 0, 16), LocalNetwork),
    (v4(198, 18, 0, 0, 15), Special),
    (v4(198, 51, 100, 0, 24), Special),
    (v4(203, 0, 113, 0, 24), Special),
    (v4(224, 0, 0, 0, 4), Special),
    (v4(240, 0, 0, 0, 4), Special),
];
/// Global unicast (RFC 4291, section 2.4): whatever else there is of IPv6 is loopback, local, translated or multicast.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);
/// What of it is not: protocol assignments with Teredo, documentation, and 6to4, which holds an IPv4 address.
const NOT_GLOBAL_V6: [Ipv6Net; 4] = [v6(0x2001, 0, 23), v6(0x2001, 0xdb8, 32), v6(0x2002, 0, 16), v6(0x3fff, 0, 20)];

impl Reachability {
    /// Judges an address; an IPv4 address that is mapped into IPv6 is what it is.
    pub fn of_address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                V4.iter().find(|(network, _)| network.contains(&address)).map_or(Self::Public, |(_, reachability)| *reachability)
            }
            IpAddr::V6(address) if address.is_loopback() || address.is_unspecified() => Self::ThisMachine,
            IpAddr::V6(address) if address.is_unique_local() || address.is_unicast_link_local() => Self::LocalNetwork,
            IpAddr::V6(address) if !GLOBAL_V6.contains(&address) => Self::Special,
            IpAddr::V6(address) if NOT_GLOBAL_V6.iter().any(|network| network.contains(&address)) => Self::Special,
            IpAddr::V6(_) => Self::Public,
        }
    }

    /// Judges a name without resolving it: names of this machine (RFC 6761), and those that only a local network knows (RFC 6762, 8375, 9476).
    pub fn of_name(name: &str) -> Self {
        let name = name.trim_end_matches('.');
        let ends = |suffix: &str| name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        if ends("localhost") {
            Self::ThisMachine
        } else if !name.contains('.') || ["local", "lan", "internal", "home.arpa"].into_iter().any(ends) {
            Self::LocalNetwork
        } else {
            Self::Public
        }
    }

    /// Judges a URL by its host alone; one without a host leads nowhere else.
    pub fn of_url(url: &Url) -> Self {
        match url.host() {
            Some(Host::Ipv4(address)) => Self::of_address(address.into()),
            Some(Host::Ipv6(address)) => Self::of_address(address.into()),
            Some(Host::Domain(name)) => Self::of_name(name),
            None => Self::ThisMachine,
        }
    }
}

/// Tells whether what is sent to a URL's host stays on this machine: loopback addresses, `localhost` and names below it (RFC 6761).
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_tells_where_it_leads() {
        let cases: [(Reachability, &[&str]); 4] = [
            (ThisMachine, &["127.0.0.1", "127.9.9.9", "0.0.0.0", "::", "::1", "::ffff:127.0.0.1"]),
            (
                LocalNetwork,
                &[
                    "10.1.2.3",
                    "172.16.0.1",
                    "172.31.255.255",
                    "192.168.1.1",
                    "169.254.169.254",
                    "100.64.0.1",
                    "100.100.0.1",
                    "fe80::1",
                    "fc00::1",
                    "fd12::1",
                    "::ffff:10.0.0.1",
                ],
            ),
            (
                Special,
                &[
                    "192.0.0.8",
                    "198.18.0.1",
                    "203.0.113.1",
                    "224.0.0.1",
                    "255.255.255.255",
                    "ff02::1",
                    "::127.0.0.1",
                    "64:ff9b::7f00:1",
                    "2002:7f00:1::",
                    "2001::1",
                    "2001:db8::1",
                    "fec0::1",
                ],
            ),
            (
                Reachability::Public,
                &["1.1.1.1", "172.32.0.1", "100.128.0.1", "192.0.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "2a00:1450::1"],
            ),
        ];
        for (reachability, addresses) in cases {
            for address in addresses {
                assert_eq!(Reachability::of_address(address.parse().unwrap()), reachability, "{address}");
            }
        }
    }

    #[test]
    fn the_host_of_a_url_tells_who_can_open_it() {
        for (url, reachability, is_local) in [
            ("https://chat.example", Reachability::Public, false),
            ("https://1.1.1.1", Reachability::Public, false),
            ("http://192.168.1.5:8080", LocalNetwork, false),
            ("http://[fd00::1]", LocalNetwork, false),
            ("http://printer.local.", LocalNetwork, false),
            ("http://server:8080", LocalNetwork, false),
            ("http://127.0.0.1:8080", ThisMachine, true),
            ("http://[::1]:8080", ThisMachine, true),
            ("http://chat.localhost:8080", ThisMachine, true),
            ("http://0.0.0.0:8080", ThisMachine, false),
            ("https://mylocalhost.example", Reachability::Public, false),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!((Reachability::of_url(&url), is_loopback(&url)), (reachability, is_local), "{url}");
        }
    }
}
