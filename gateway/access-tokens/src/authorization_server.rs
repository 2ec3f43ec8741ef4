//! Which authorization server an operator trusts, and for what.

use url::Url;

use super::server_keys::is_secure;

/// An authorization server that the operator trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationServer {
    /// Its address, exactly as its tokens name it; https, or on this machine.
    pub issuer: String,
    /// What its tokens for this service name as their audience.
    pub audience: String,
    /// The claim that names the agent (`agt_…`); nobody but the operator may choose its value.
    pub agent_claim: String,
}

impl AuthorizationServer {
    /// Takes the defaults for a service at `public_url`; none where the issuer is no address that can be trusted.
    pub fn try_new(issuer: &str, public_url: &Url) -> Option<Self> {
        Url::parse(issuer).ok().filter(is_secure)?;
        let (issuer, agent_claim) = (issuer.to_owned(), "tempchat_agent".to_owned());
        Some(Self { issuer, audience: resource(public_url), agent_claim })
    }
}

/// Returns the address of `/mcp`, by which tokens and metadata name this resource (RFC 8707).
pub fn resource(public_url: &Url) -> String {
    format!("{}/mcp", public_url.as_str().trim_end_matches('/'))
}
