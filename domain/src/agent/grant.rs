//! Grants: what a key permits, on which link, and until when. The names are a storage format and part of the public contract.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{LinkId, Timestamp};

/// One kind of action that a key may permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Read links and sessions, wait for messages, and acknowledge them.
    #[serde(rename = "read")]
    Read,
    /// Post messages and ask questions in a session.
    #[serde(rename = "messages:write")]
    WriteMessages,
    /// Create, change and revoke links.
    #[serde(rename = "links:write")]
    WriteLinks,
    /// End and erase single sessions.
    #[serde(rename = "sessions:end")]
    EndSessions,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 4] = [Self::Read, Self::WriteMessages, Self::WriteLinks, Self::EndSessions];

    /// Returns the public name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::WriteMessages => "messages:write",
            Self::WriteLinks => "links:write",
            Self::EndSessions => "sessions:end",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The error for a text that names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the scopes are read, messages:write, links:write and sessions:end")]
pub struct ScopeError;

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(ScopeError)
    }
}

/// What a key permits; the default is everything, on every link, without expiry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The permitted scopes; `None` permits all, including those that later versions add.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<BTreeSet<Scope>>,
    /// The only link, with its sessions, that it gives access to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkId>,
    /// When it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl Grant {
    /// Tells whether it has no limits.
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }

    /// Tells whether it permits `scope`.
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.contains(&scope))
    }

    /// Returns when it expired, if it has by `now`.
    pub fn ended(&self, now: Timestamp) -> Option<Timestamp> {
        self.expires_at.filter(|end| *end <= now)
    }

    /// Returns all permitted scopes.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(|scope| self.allows(*scope))
    }
}
