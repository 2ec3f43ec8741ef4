//! The address of a webhook, as far as it can be judged without calling it.

use url::{Host, Url};

use crate::Forbidden;

/// Why a text is no address of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is no URL.
    #[error("this is no URL: {0}")]
    NoUrl(#[from] url::ParseError),
    /// It is a URL of another kind.
    #[error("a webhook's address begins with https:// (or http://, within the networks that webhook_networks allows), not {0}:")]
    Scheme(String),
    /// It holds a user or a password, which would be shown with it.
    #[error("a webhook's address holds no user and no password: calls are signed instead")]
    Credentials,
    /// It is called in the clear, which is for networks that the operator has named.
    #[error("calls over http:// lead only into networks that webhook_networks allows, and {0} is in none of them: use https://")]
    Plain(String),
    /// It leads where nothing may be called.
    #[error("{host} leads where no call goes: {forbidden}")]
    Inside {
        /// The host, as the address has it.
        host: String,
        /// The address that it leads to.
        forbidden: Forbidden,
    },
    /// It holds a part that is never sent.
    #[error("a webhook's address has no #fragment: it would never be sent")]
    Fragment,
}

/// A well-formed address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target(Url);

impl Target {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let url = Url::parse(text)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(TargetError::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::Credentials);
        }
        if url.fragment().is_some() {
            return Err(TargetError::Fragment);
        }
        Ok(Self(url))
    }

    /// Returns the address as it is called.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Tells whether calls can be read on the way.
    pub(crate) fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// Returns the IP address that stands in place of a name.
    pub(crate) fn literal(&self) -> Option<std::net::IpAddr> {
        match self.0.host()? {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_plain_to_see() {
        let target = Target::parse("https://hook.example:8443/path?query=1").unwrap();
        assert_eq!((target.literal(), target.is_plain()), (None, false));
        // However it is written, an address is an address.
        for loopback in ["http://127.0.0.1/", "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/"] {
            assert_eq!(Target::parse(loopback).unwrap().literal(), Some([127, 0, 0, 1].into()), "{loopback}");
        }
        assert!(Target::parse("http://[::ffff:127.0.0.1]/").unwrap().literal().is_some());
    }

    #[test]
    fn what_else_looks_like_one_is_refused() {
        assert_eq!(Target::parse("ftp://hook.example").unwrap_err(), TargetError::Scheme("ftp".to_owned()));
        assert_eq!(Target::parse("file:///etc/passwd").unwrap_err(), TargetError::Scheme("file".to_owned()));
        assert_eq!(Target::parse("https://user:pass@hook.example").unwrap_err(), TargetError::Credentials);
        assert_eq!(Target::parse("https://user@hook.example").unwrap_err(), TargetError::Credentials);
        assert_eq!(Target::parse("https://hook.example/#part").unwrap_err(), TargetError::Fragment);
        for text in ["", "hook.example", "https://", "https://[::1"] {
            assert!(matches!(Target::parse(text), Err(TargetError::NoUrl(_))), "{text}");
        }
    }
}
