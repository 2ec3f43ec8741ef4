//! From where a request comes: believed from a proxy only where an operator says that there is one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap};

use crate::forwarded::{self, Named, Proxies};

/// The address that limits are counted by: of IPv6 the network (/64), for a household has one and a machine many addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client(pub IpAddr);

impl Client {
    /// All whom a proxy of ours names in no way that can be read, together: none of them counts as the proxy, behind which all the others are, and
    /// none can get out of a limit by a name. Nobody connects from this address.
    pub const UNREADABLE: Self = Self(IpAddr::V6(Ipv6Addr::UNSPECIFIED));

    /// Takes the other end of a connection for the client.
    pub fn of_peer(peer: IpAddr) -> Self {
        Self(masked(peer, 32, 64))
    }

    /// Finds the client that a request comes from.
    pub fn of_request(extensions: &Extensions, headers: &HeaderMap, proxies: Proxies) -> Self {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip());
        Self::of(peer, headers, proxies)
    }

    /// Finds the client behind our proxies.
    pub fn of(peer: IpAddr, headers: &HeaderMap, proxies: Proxies) -> Self {
        match forwarded::client(headers, proxies.count, proxies.header) {
            Named::Address(address) => Self::of_peer(address),
            Named::Unreadable => Self::UNREADABLE,
            Named::Nobody => Self::of_peer(peer),
        }
    }

    /// Returns the IPv6 site (/48) that this network is in; of IPv4 every address counts for itself.
    pub(crate) fn network(self) -> Option<Self> {
        self.0.is_ipv6().then(|| Self(masked(self.0, 32, 48)))
    }

    /// Returns what whoever guesses, or comes back, may have as a whole: the IPv4 network (/24), or the IPv6 site (/48).
    #[must_use]
    pub fn neighbourhood(self) -> Self {
        Self(masked(self.0, 24, 48))
    }
}

fn masked(address: IpAddr, of_v4: u32, of_v6: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & !u32::MAX.checked_shr(of_v4).unwrap_or(0))),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::MAX.checked_shr(of_v6).unwrap_or(0))),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn of(forwarded: &[&'static str], count: usize) -> String {
        let name = HeaderName::from_static("x-forwarded-for");
        let headers = forwarded.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect();
        Client::of(IpAddr::from([192, 0, 2, 1]), &headers, Proxies { count, header: None }).0.to_string()
    }

    #[test]
    fn the_client_is_whom_our_proxy_names_or_who_connects() {
        assert_eq!(of(&["203.0.113.9"], 0), "192.0.2.1");
        assert_eq!(of(&["203.0.113.9:54321"], 1), "203.0.113.9");
        assert_eq!(of(&[], 1), "192.0.2.1");
        assert_eq!(of(&["unknown"], 1), "::");
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        assert_eq!(of(&["2001:db8:1:2:3:4:5:6"], 1), "2001:db8:1:2::");
        assert_eq!(of(&["::ffff:203.0.113.9"], 1), "203.0.113.9");
    }

    #[test]
    fn networks_are_as_wide_as_one_customer_may_have() {
        let client = |text: &str| Client::of_peer(text.parse().unwrap());
        assert_eq!(client("2001:db8:1:2:3::1").network(), Some(Client("2001:db8:1::".parse().unwrap())));
        assert_eq!(client("203.0.113.9").network(), None);
        assert_eq!(client("203.0.113.9").neighbourhood().0.to_string(), "203.0.113.0");
        assert_eq!(client("2001:db8:1:2:3::1").neighbourhood().0.to_string(), "2001:db8:1::");
    }
}
