//! What a key may do, where, and until when. The names are a storage format and the public contract's.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{LinkId, Timestamp};

/// One of the things that a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Look at links and sessions, wait for words, and acknowledge them.
    #[serde(rename = "read")]
    Read,
    /// Say and ask something in a session.
    #[serde(rename = "messages:write")]
    WriteMessages,
    /// Make, change and take back links.
    #[serde(rename = "links:write")]
    WriteLinks,
    /// End and erase single sessions.
    #[serde(rename = "sessions:end")]
    EndSessions,
}

impl Scope {
    /// Every scope there is.
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

/// Says that a text names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the scopes are read, messages:write, links:write and sessions:end")]
pub struct ScopeError;

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(ScopeError)
    }
}

/// What a key may do; the default is everything, everywhere, for ever.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The only things it may do; `None` is everything, also what later versions add.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<BTreeSet<Scope>>,
    /// The only link, with its sessions, that it may see and touch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkId>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl Grant {
    /// Tells whether it narrows nothing.
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }

    /// Tells whether it allows something.
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.contains(&scope))
    }

    /// Returns when it ended, if it has by `now`.
    pub fn ended(&self, now: Timestamp) -> Option<Timestamp> {
        self.expires_at.filter(|end| *end <= now)
    }

    /// Returns everything that it allows.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(|scope| self.allows(*scope))
    }
}
