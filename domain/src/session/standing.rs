//! How a session stands for whoever looks at it: judged by the clock, whatever its timers have done.

use super::{EndReason, Session, Status};
use crate::{Millis, Timestamp};

/// How a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// One whose time is up has ended.
    pub status: Status,
    /// Why and when it ended.
    pub ended: Option<(EndReason, Timestamp)>,
    /// When the words are to go; of an open session at the latest.
    pub erase_at: Timestamp,
}

impl Standing {
    /// Judges a session that ends at `expires_at` at the latest and whose words are kept for `keep` after its end; none if it never
    /// started.
    pub fn of(
        status: Status,
        ended: Option<(EndReason, Timestamp)>,
        expires_at: Timestamp,
        keep: Millis,
        now: Timestamp,
    ) -> Option<Self> {
        let (status, ended) = match status {
            Status::Unknown => return None,
            Status::Active | Status::Idle if now >= expires_at => (Status::Ended, Some((EndReason::LinkExpired, expires_at))),
            Status::Active | Status::Idle => (status, None),
            Status::Ended | Status::Erased => (status, ended),
        };
        let erase_at = ended.map_or(expires_at + keep, |(reason, at)| reason.erase_at(at, keep));
        Some(Self { status, ended, erase_at })
    }
}

impl EndReason {
    /// Tells when the words are to go of a session that ended so at `at`.
    pub fn erase_at(self, at: Timestamp, keep: Millis) -> Timestamp {
        match self {
            // Someone asked for it: an erasure that broke off is finished as soon as it is noticed.
            Self::Erased => at,
            Self::ChatterLeft | Self::AgentEnded | Self::LinkExpired | Self::LinkRevoked | Self::MessageLimit | Self::Blocked => {
                at + keep
            }
        }
    }
}

impl Session {
    /// Tells how the session stands; none if it never started.
    pub fn standing(&self, now: Timestamp) -> Option<Standing> {
        let Some(settings) = &self.settings else {
            // Its commits were pruned.
            let (_, at) = self.ended.filter(|_| self.status == Status::Erased)?;
            return Standing::of(self.status, self.ended, at, Millis(0), now);
        };
        Standing::of(self.status, self.ended, settings.expires_at, settings.keep_after_end, now)
    }

    /// Tells when the words are to go; none while the session is open.
    pub fn erase_at(&self) -> Option<Timestamp> {
        let keep = self.settings.as_ref().map_or(Millis(0), |settings| settings.keep_after_end);
        self.ended.map(|(reason, at)| reason.erase_at(at, keep))
    }
}
