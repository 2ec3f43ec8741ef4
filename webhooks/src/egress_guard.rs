//! Which addresses may be called: public ones, and those that the operator allows by name of their network.
//!
//! A webhook is called from inside an operator's network, so its address must not lead back into it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use hosts::Reachability;
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// An address that must not be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a public address, and in none of the networks that webhook_networks allows")]
pub struct Forbidden(pub IpAddr);

/// Says which addresses may be called; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct EgressGuard {
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

impl EgressGuard {
    /// Public addresses, and these networks.
    pub(crate) fn public_and(networks: &[IpNet]) -> Self {
        Self { networks: networks.into(), public: true, look_up: system }
    }

    /// These networks only.
    pub(crate) fn only(networks: &[IpNet]) -> Self {
        Self { networks: networks.into(), public: false, look_up: system }
    }

    /// Tells whether no address at all may be called.
    pub(crate) fn allows_nothing(&self) -> bool {
        self.networks.is_empty() && !self.public
    }

    /// Finds the addresses that a name leads to.
    pub(crate) async fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok((self.look_up)(name.to_owned()).await?.into_iter().map(|found| found.ip()).collect())
    }

    /// Checks an address; an IPv4 address that is mapped into IPv6 is judged as IPv4.
    pub(crate) fn check(&self, address: IpAddr) -> Result<(), Forbidden> {
        let address = address.to_canonical();
        let allowed = self.networks.iter().any(|network| network.contains(&address))
            || (self.public && Reachability::of_address(address) == Reachability::Public);
        if allowed { Ok(()) } else { Err(Forbidden(address)) }
    }
}

/// Resolves names to addresses that may all be called. The client connects to these very addresses: nobody resolves a second time, so
/// a name cannot lead elsewhere once it is checked.
impl Resolve for EgressGuard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = (guard.look_up)(name.as_str().to_owned()).await?;
            for address in &found {
                guard.check(address.ip())?;
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
        let guard = EgressGuard::public_and(&[]);
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
            assert_eq!(guard.check(address(inside)), Err(Forbidden(address(inside).to_canonical())), "{inside}");
        }
        for outside in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "192.0.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "2a00:1450::1"]
        {
            assert_eq!(guard.check(address(outside)), Ok(()), "{outside}");
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
        let guard = EgressGuard { look_up: rebound, ..EgressGuard::only(&["127.0.0.1/32".parse().unwrap()]) };
        let client = reqwest::Client::builder().dns_resolver(guard).no_proxy().pool_max_idle_per_host(0).build().unwrap();
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
        for guard in [EgressGuard::public_and(&networks), EgressGuard::only(&networks)] {
            for allowed in ["10.1.2.3", "::1", "::ffff:10.1.2.3"] {
                guard.check(address(allowed)).unwrap();
            }
            for refused in ["10.2.0.1", "127.0.0.1", "169.254.169.254"] {
                guard.check(address(refused)).unwrap_err();
            }
        }
        EgressGuard::only(&networks).check(address("1.1.1.1")).unwrap_err();
    }
}
