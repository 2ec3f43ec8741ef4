//! From where a request comes: believed from a proxy only where an operator says that there is one.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName};

use crate::app::App;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address that limits are counted by: of IPv6 the network (/64), for a household has one and a machine many addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client(pub IpAddr);

impl FromRequestParts<App> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self::of_request(&parts.extensions, &parts.headers, app.config().proxies))
    }
}

impl Client {
    /// Takes the other end of a connection for the client.
    pub fn of_peer(peer: IpAddr) -> Self {
        Self(network(peer))
    }

    /// Finds the client that a request comes from.
    pub fn of_request(extensions: &Extensions, headers: &HeaderMap, proxies: usize) -> Self {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip());
        Self::of(peer, headers, proxies)
    }

    /// Finds the client behind `proxies` proxies of ours: each appends the address it was called from.
    pub fn of(peer: IpAddr, headers: &HeaderMap, proxies: usize) -> Self {
        let forwarded: Vec<&str> = headers
            .get_all(FORWARDED_FOR)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect();
        let told = proxies
            .checked_sub(1)
            .and_then(|from_last| forwarded.iter().rev().nth(from_last))
            .and_then(|text| text.trim().parse().ok());
        Self(network(told.unwrap_or(peer)))
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(forwarded: &[&'static str], proxies: usize) -> String {
        let headers = forwarded.iter().map(|value| (FORWARDED_FOR, HeaderValue::from_static(value))).collect();
        Client::of(IpAddr::from([192, 0, 2, 1]), &headers, proxies).0.to_string()
    }

    #[test]
    fn nobody_is_believed_unless_a_proxy_is_ours() {
        assert_eq!(of(&["203.0.113.9"], 0), "192.0.2.1");
        assert_eq!(of(&["203.0.113.9"], 1), "203.0.113.9");
        assert_eq!(of(&[], 1), "192.0.2.1");
        assert_eq!(of(&["nonsense"], 1), "192.0.2.1");
    }

    #[test]
    fn what_the_client_wrote_itself_stands_before_what_our_proxies_wrote() {
        assert_eq!(of(&["6.6.6.6, 203.0.113.9"], 1), "203.0.113.9");
        assert_eq!(of(&["6.6.6.6", "203.0.113.9, 198.51.100.1"], 2), "203.0.113.9");
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        assert_eq!(of(&["2001:db8:1:2:3:4:5:6"], 1), "2001:db8:1:2::");
        assert_eq!(of(&["::ffff:203.0.113.9"], 1), "203.0.113.9");
    }
}
