//! Which addresses may be called: public ones, and those that the operator allows by name of their network.
//!
//! A webhook is called from inside an operator's network, so its address must not lead back into it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(first: u16, second: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0), length)
}

/// What of IPv4 is not reached globally (IANA's special-purpose registry, RFC 6890), multicast and reserved space.
const NOT_GLOBAL_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];
/// Global unicast (RFC 4291, section 2.4): whatever else there is of IPv6 is loopback, local, mapped, translated or multicast.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);
/// What of it is not: protocol assignments with Teredo, documentation, and 6to4, which holds an IPv4 address.
const NOT_GLOBAL_V6: [Ipv6Net; 4] = [v6(0x2001, 0, 23), v6(0x2001, 0xdb8, 32), v6(0x2002, 0, 16), v6(0x3fff, 0, 20)];

/// An address that must not be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a public address, and in none of the networks that webhook_networks allows")]
pub struct Forbidden(pub IpAddr);

/// What may be reached; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    networks: Arc<[IpNet]>,
    public: bool,
    look_up: LookUp,
}

/// Finds the addresses of a name.
type LookUp = fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;

/// Asks as every program on this machine does.
fn system(name: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
    // The port is the address's own.
    Box::pin(async move { Ok(tokio::net::lookup_host((name.as_str(), 0)).await?.collect()) })
}

impl Reach {
    /// Public addresses, and these networks.
    pub(crate) fn public_and(networks: &[IpNet]) -> Self {
        Self { networks: networks.into(), public: true, look_up: system }
    }

    /// These networks only.
    pub(crate) fn only(networks: &[IpNet]) -> Self {
        Self { networks: networks.into(), public: false, look_up: system }
    }

    /// Checks an address; an IPv4 address in the clothes of IPv6 is what it is.
    pub(crate) fn check(&self, address: IpAddr) -> Result<(), Forbidden> {
        let address = address.to_canonical();
        let allowed = self.networks.iter().any(|network| network.contains(&address)) || (self.public && is_public(address));
        if allowed { Ok(()) } else { Err(Forbidden(address)) }
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_GLOBAL_V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => GLOBAL_V6.contains(&address) && !NOT_GLOBAL_V6.iter().any(|network| network.contains(&address)),
    }
}

/// Resolves names to addresses that may all be called. The client connects to these very addresses: nobody resolves a second time, so
/// a name cannot lead elsewhere once it is checked.
impl Resolve for Reach {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.clone();
        Box::pin(async move {
            let found = (reach.look_up)(name.as_str().to_owned()).await?;
            for address in &found {
                reach.check(address.ip())?;
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn what_leads_inside_is_refused() {
        let reach = Reach::public_and(&[]);
        for inside in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "fec0::1",
        ] {
            assert_eq!(reach.check(address(inside)), Err(Forbidden(address(inside).to_canonical())), "{inside}");
        }
        for outside in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "192.0.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "2a00:1450::1"]
        {
            assert_eq!(reach.check(address(outside)), Ok(()), "{outside}");
        }
    }

    static LOOKED_UP: AtomicUsize = AtomicUsize::new(0);

    /// A name that leads to an allowed address once, and elsewhere from then on (DNS rebinding).
    fn rebound(_: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let found = if LOOKED_UP.fetch_add(1, Ordering::SeqCst) == 0 { "127.0.0.1:0" } else { "127.0.0.2:0" };
        Box::pin(async move { Ok(vec![found.parse().unwrap()]) })
    }

    #[tokio::test]
    async fn the_address_that_was_checked_is_the_one_that_is_called() {
        let _already = rustls::crypto::ring::default_provider().install_default();
        let everywhere = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = everywhere.local_addr().unwrap().port();
        let reach = Reach { look_up: rebound, ..Reach::only(&["127.0.0.1/32".parse().unwrap()]) };
        let client = reqwest::Client::builder().dns_resolver(reach).no_proxy().pool_max_idle_per_host(0).build().unwrap();
        let call = async || client.post(format!("http://hook.example:{port}/")).send().await;
        let answering = async {
            let (mut stream, _) = everywhere.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            stream.local_addr().unwrap().ip()
        };
        let (answer, reached) = tokio::join!(call(), answering);
        assert_eq!((answer.unwrap().status().as_u16(), reached), (204, address("127.0.0.1")));
        assert_eq!(LOOKED_UP.load(Ordering::SeqCst), 1, "nobody resolves a second time");

        let error = call().await.unwrap_err();
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(found) = cause.filter(|error| !error.is::<Forbidden>()) {
            cause = found.source();
        }
        assert_eq!(cause.and_then(|cause| cause.downcast_ref()), Some(&Forbidden(address("127.0.0.2"))));
    }

    #[test]
    fn an_operator_allows_networks_one_by_one() {
        let networks = ["10.1.0.0/16".parse().unwrap(), "::1/128".parse().unwrap()];
        for reach in [Reach::public_and(&networks), Reach::only(&networks)] {
            for allowed in ["10.1.2.3", "::1", "::ffff:10.1.2.3"] {
                reach.check(address(allowed)).unwrap();
            }
            for refused in ["10.2.0.1", "127.0.0.1", "169.254.169.254"] {
                reach.check(address(refused)).unwrap_err();
            }
        }
        Reach::only(&networks).check(address("1.1.1.1")).unwrap_err();
    }
}
