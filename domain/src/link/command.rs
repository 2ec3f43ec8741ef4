//! What one may ask of a link.

use super::{Changes, Settings};
use crate::abuse::Reason;
use crate::agent::Webhook;
use crate::budget::{Amounts, Tally};
use crate::{Fingerprint, Sealed, SessionId, Timestamp};

/// A command to a link.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Opens the link.
    Open(Box<Settings>),
    /// Changes settings; what is not named stays as it is.
    Update(Box<Changes>),
    /// Takes no newcomers for now.
    Pause,
    /// Takes newcomers again.
    Resume,
    /// Makes a new token; the old one opens nothing any more.
    RotateToken,
    /// Closes the link to newcomers for good.
    Revoke {
        /// Whether the open sessions are to end too.
        end_sessions: bool,
        /// What the open sessions are told.
        farewell: Option<Sealed>,
    },
    /// Notes that the time is nearly up.
    Warn,
    /// Notes that the time is up.
    Expire,
    /// Reserves a place for a session that is about to start, or to come back from idling.
    Admit {
        /// The session.
        session: SessionId,
        /// Whether it comes back; it was counted when it first came.
        returning: bool,
        /// Until when it may start or resume.
        start_before: Timestamp,
        /// What was found of the passcode.
        passcode: Passcode,
        /// Which recipient's token it came with.
        recipient: Option<u8>,
        /// The client, as a hash under the link's key.
        client: Option<Fingerprint>,
    },
    /// Grants a session some of the link's budgets.
    Draw {
        /// The session.
        session: SessionId,
        /// What it has spent.
        spent: Tally,
        /// What it is about to spend.
        cost: Amounts,
    },
    /// Shuts the clients of a session out.
    Block {
        /// The session.
        session: SessionId,
        /// Its clients, as hashes under the link's key.
        clients: Vec<Fingerprint>,
        /// The network they came from, likewise.
        network: Option<Fingerprint>,
    },
    /// Notes what strangers do to the link, for the agent.
    NoticeAbuse {
        /// What they do.
        reason: Reason,
    },
    /// Gives a place back.
    Release {
        /// The session.
        session: SessionId,
        /// Why it is given back.
        reason: Release,
        /// What the session has spent, where it will spend no more.
        spent: Option<Tally>,
    },
    /// Notes that the link's words are gone: their key was destroyed before.
    Erase,
    /// Says where the agent is told of what happens on this link, or that it is told where it is told of everything.
    SetWebhook {
        /// The webhook.
        webhook: Option<Webhook>,
    },
}

/// What was found of the passcode, by someone who can read the sealed verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passcode {
    /// None was given.
    Missing,
    /// It is another.
    Wrong,
    /// It is the right one.
    Right,
}

/// Why a place is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// The session ended.
    Left,
    /// The session fell idle; it keeps a place that it has reserved to come back to.
    Idle,
    /// The session never started, and now cannot any more.
    Unused,
}
