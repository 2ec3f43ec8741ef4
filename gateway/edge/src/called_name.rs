//! By which name a request comes: the public one, one that an operator has named, this machine's own, or an IP address.
//!
//! A page of another site can make its own name lead here (DNS rebinding), but always by a name: an IP address in `Host` was typed.

use std::net::IpAddr;
use std::sync::Arc;

use app::Config;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::HOST;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Uri, Version};
use problem::{Code, Problem, brief};

/// What load balancers ask under names of their own, and what tells nothing about anybody.
const OF_ANY_NAME: [&str; 2] = ["/healthz", "/readyz"];
/// How much of an unknown name is told back, in characters.
const TOLD: usize = 64;

/// The names under which this service is called; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    known: Arc<[String]>,
}

impl Names {
    pub(crate) fn of(config: &Config) -> Self {
        let public = config.public_url.host_str().into_iter();
        let known = public.chain(config.allowed_hosts.iter().map(String::as_str)).map(normal);
        Self { known: known.collect() }
    }

    /// Checks by which name a request comes, if it has to say.
    fn check(&self, uri: &Uri, headers: &HeaderMap, version: Version) -> Result<(), Problem> {
        let Some(called) = called(uri, headers, version)? else { return Ok(()) };
        let host = normal(called.host());
        let is_local = host == "localhost" || host.ends_with(".localhost");
        let is_address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
        if is_local || is_address || self.known.contains(&host) || OF_ANY_NAME.contains(&uri.path()) {
            return Ok(());
        }
        let told = format!("This service is not known by the name {}.", brief(&host, TOLD));
        Err(Problem::with_detail(Code::HostUnknown, told))
    }
}

/// Refuses a request that comes by another's name, or does not say clearly by which.
pub(crate) async fn known(State(names): State<Names>, request: Request, next: Next) -> Response {
    match names.check(request.uri(), request.headers(), request.version()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Finds the one authority that a request names (RFC 9112, section 3.2); before HTTP/1.1 none need be named.
fn called(uri: &Uri, headers: &HeaderMap, version: Version) -> Result<Option<Authority>, Problem> {
    let contradicts = |told: &'static str| Problem::with_detail(Code::HeadInvalid, told);
    let mut named = headers.get_all(HOST).iter();
    let host = match (named.next(), named.next()) {
        (None, _) if version < Version::HTTP_11 => uri.authority().cloned(),
        (None, _) => return Err(contradicts("The request has no Host.")),
        (Some(_), Some(_)) => return Err(contradicts("The request has more than one Host.")),
        (Some(host), None) => Some(
            Authority::try_from(host.as_bytes())
                .ok()
                .filter(|host| !host.as_str().contains('@'))
                .ok_or_else(|| contradicts("Host is no name with a port."))?,
        ),
    };
    if let (Some(target), Some(host)) = (uri.authority(), &host) {
        let port = |authority: &Authority| authority.port_u16().unwrap_or_else(|| usual_port(uri.scheme()));
        if normal(target.host()) != normal(host.host()) || port(target) != port(host) {
            return Err(contradicts("The address asked for has another host than Host says."));
        }
    }
    Ok(host)
}

fn usual_port(scheme: Option<&Scheme>) -> u16 {
    if scheme == Some(&Scheme::HTTPS) { 443 } else { 80 }
}

/// Writes a name in one way: lower case, without the root's dot.
fn normal(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn judged(target: &'static str, hosts: &[&'static str]) -> Option<Code> {
        let mut config = Config::new("https://chat.example".parse().unwrap());
        config.allowed_hosts = vec!["Inner.Example".to_owned()];
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_static(host));
        }
        Names::of(&config).check(&Uri::from_static(target), &headers, Version::HTTP_11).err().map(|problem| problem.code)
    }

    #[test]
    fn only_our_own_names_and_addresses_are_known() {
        for known in [
            "chat.example",
            "CHAT.example.:443",
            "inner.example:8080",
            "localhost",
            "a.localhost:1",
            "127.0.0.1:8080",
            "192.168.1.9:8080",
            "[::1]:8080",
            "[fe80::1]",
        ] {
            assert_eq!(judged("/api/v1/links/inspect", &[known]), None, "{known}");
        }
        for other in ["evil.example", "chat.example.evil.example", "xchat.example", "localhost.evil.example", "0x7f.1", "127.1"] {
            assert_eq!(judged("/metrics", &[other]), Some(Code::HostUnknown), "{other}");
            assert_eq!(judged("/healthz", &[other]), None, "{other}");
        }
    }

    #[test]
    fn a_request_names_one_host() {
        for hosts in [&[][..], &["chat.example", "chat.example"], &["chat.example", "evil.example"], &["a@chat.example"], &[""]] {
            assert_eq!(judged("/healthz", hosts), Some(Code::HeadInvalid), "{hosts:?}");
        }
        assert_eq!(judged("http://chat.example/", &["chat.example"]), None);
        assert_eq!(judged("http://chat.example:80/", &["Chat.example"]), None);
        assert_eq!(judged("http://evil.example/", &["chat.example"]), Some(Code::HeadInvalid));
        assert_eq!(judged("http://chat.example:81/", &["chat.example"]), Some(Code::HeadInvalid));
    }
}
