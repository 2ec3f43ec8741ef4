//! How a link stands for whoever looks at it: judged by the clock, whatever its timers have done.

use serde::{Deserialize, Serialize};

use super::{Link, Status};
use crate::Timestamp;

/// How a link stands; one that is erased stands as it was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It takes newcomers, unless every place is taken.
    Active,
    /// It takes no newcomers for now.
    Paused,
    /// Its time is up.
    Expired,
    /// Its agent took it back.
    Revoked,
}

impl Standing {
    /// Every one of them.
    pub const ALL: [Self; 4] = [Self::Active, Self::Paused, Self::Expired, Self::Revoked];

    /// Judges a link that was opened; `closed_at` is when it expired or was revoked.
    pub fn of(status: Status, expires_at: Timestamp, closed_at: Option<Timestamp>, now: Timestamp) -> Self {
        match status {
            Status::Active | Status::Paused if now >= expires_at => Self::Expired,
            Status::Active => Self::Active,
            Status::Paused => Self::Paused,
            Status::Revoked => Self::Revoked,
            // Only a link that was revoked closes before its time.
            Status::Erased if closed_at.is_none_or(|closed_at| closed_at < expires_at) => Self::Revoked,
            Status::Unknown | Status::Expired | Status::Erased => Self::Expired,
        }
    }

    /// Returns the name under which it is known in public.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// Whether a link lets somebody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// It does.
    Open,
    /// Every place is taken for now.
    Full,
    /// It has had all its sessions, or the one of this recipient.
    UsedUp,
    /// It takes nobody new for now.
    Paused,
    /// Its time is up.
    Expired,
    /// The agent took it back.
    Revoked,
}

impl Link {
    /// Tells whether the link lets in who comes at `now`, as a recipient where the token names one.
    pub fn entry(&self, recipient: Option<u8>, now: Timestamp) -> Entry {
        let Some(settings) = &self.settings else { return Entry::Expired };
        match Standing::of(self.status, settings.expires_at, None, now) {
            Standing::Expired => Entry::Expired,
            Standing::Revoked => Entry::Revoked,
            Standing::Paused => Entry::Paused,
            Standing::Active if recipient.is_some_and(|recipient| self.came.contains_key(&recipient)) => Entry::UsedUp,
            Standing::Active if settings.max_sessions_total.is_some_and(|most| self.admitted >= most) => Entry::UsedUp,
            Standing::Active if self.admissions.len() >= settings.max_sessions_at_once as usize => Entry::Full,
            Standing::Active => Entry::Open,
        }
    }
}

impl Status {
    /// Every one of them.
    const ALL: [Self; 6] = [Self::Unknown, Self::Active, Self::Paused, Self::Expired, Self::Revoked, Self::Erased];

    /// Returns the status's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Erased => "erased",
        }
    }

    /// Finds the status of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}
