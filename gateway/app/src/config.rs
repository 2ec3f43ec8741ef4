//! What an operator may set of the edge.

use std::time::Duration;

use access_tokens::AuthorizationServer;
use url::Url;

use crate::forwarded::Proxies;
use crate::limits::Rates;
use crate::waits::WaitBounds;

/// The settings of the edge.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where people reach this service: scheme and host, a port where it is not the scheme's own, and a path where the host is shared.
    pub public_url: Url,
    /// Who runs this service, shown beside the agent's name.
    pub operator_name: Option<String>,
    /// What stands in front.
    pub proxies: Proxies,
    /// Whose access tokens are accepted beside API keys.
    pub authorization_server: Option<AuthorizationServer>,
    /// How often is too often.
    pub rates: Rates,
    /// How many waits and streams may be under way.
    pub waits: WaitBounds,
    /// Names beside the public one under which this service may be called: of a load balancer's own checks, or of a private network.
    pub allowed_hosts: Vec<String>,
    /// Connections that may be open at once; further ones wait to be accepted.
    pub connections: usize,
    /// Ordinary requests that may be under way at once, waits and streams aside.
    pub requests: usize,
    /// How long an ordinary request may take.
    pub patience: Duration,
    /// How long a connection may take to send a request's head once that has begun, and to begin its first.
    pub head_patience: Duration,
    /// How long a connection stays open between requests: longer than balancers keep theirs (the longest of the common ones, Google's,
    /// 600 s), so that none sends a request on a connection that is being closed.
    pub keep_alive: Duration,
    /// How long the service goes on answering before it stops, not ready any more: balancers look every few seconds.
    pub drain: Duration,
    /// How long open requests may take to end when the service stops.
    pub farewell: Duration,
}

impl Config {
    /// Makes the default settings for a service at `public_url`.
    pub fn new(public_url: Url) -> Self {
        Self {
            public_url,
            operator_name: None,
            proxies: Proxies::default(),
            authorization_server: None,
            rates: Rates::default(),
            waits: WaitBounds::default(),
            allowed_hosts: Vec::new(),
            connections: 16_384,
            requests: 1_024,
            patience: Duration::from_secs(20),
            head_patience: Duration::from_secs(20),
            keep_alive: Duration::from_secs(620),
            drain: Duration::from_secs(5),
            farewell: Duration::from_secs(5),
        }
    }

    /// Tells whether people come over TLS: then cookies are sent over nothing else.
    pub fn is_secure(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// Returns the origin of the public address, as browsers write it.
    pub fn origin(&self) -> String {
        self.public_url.origin().ascii_serialization()
    }

    /// Returns what the paths of all public addresses begin with: nothing, or a path without a slash at its end.
    pub fn prefix(&self) -> &str {
        self.public_url.path().trim_end_matches('/')
    }

    /// Returns the public address of a path that begins with a slash.
    pub fn address_of(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_built_on_the_public_url() {
        let config = Config::new(Url::parse("https://chat.example:8443").unwrap());
        assert_eq!(config.address_of("/temp-chat/abc"), "https://chat.example:8443/temp-chat/abc");
        assert_eq!(config.origin(), "https://chat.example:8443");
        assert!(config.is_secure() && config.prefix().is_empty());
        for shared in ["https://x.example/a/chat", "https://x.example/a/chat/"] {
            let config = Config::new(Url::parse(shared).unwrap());
            assert_eq!(config.address_of("/temp-chat/abc"), "https://x.example/a/chat/temp-chat/abc");
            assert_eq!((config.origin().as_str(), config.prefix()), ("https://x.example", "/a/chat"));
        }
        assert!(!Config::new(Url::parse("http://127.0.0.1:8080").unwrap()).is_secure());
    }
}
