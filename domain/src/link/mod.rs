//! A temporary chat link: who may come in, how many, and until when.

mod command;
mod decide;
mod event;
mod evolve;
mod range;
mod representation;
mod settings;
mod spending;
mod standing;
#[cfg(test)]
mod tests;

pub use command::{Command, Passcode, Release};
pub use event::Event;
pub use range::{Range, Unit};
pub use representation::{Convert, MoreRecipients, Questions, Recipients, Representation, Stored};
pub use settings::{Changes, Settings, TextSetting, lifetime, ranges};
pub use standing::{Entry, Standing};

use imbl::{OrdMap, Vector};
use serde::{Deserialize, Serialize};

use crate::abuse::Reason;
use crate::agent::Webhook;
use crate::budget::{Reached, Tally};
use crate::{Aggregate, Fingerprint, Policy, Sealed, SessionId, Timestamp};

/// What is known of a link.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// How the link stands.
    pub status: Status,
    /// The settings in force, once it is open.
    pub settings: Option<Settings>,
    /// Counts the link's tokens: only the newest opens it.
    pub rotation: u32,
    /// The places that are taken.
    pub admissions: OrdMap<SessionId, Admission>,
    /// How many sessions were admitted, without those that never started.
    pub admitted: u32,
    /// The recipients who came, each with the one session that is theirs.
    pub came: OrdMap<u8, SessionId>,
    /// The admissions of the last minute.
    pub recent: Vector<Timestamp>,
    /// When the last place was given back, or the link was closed.
    pub quiet_since: Timestamp,
    /// When the link is to say that its end is near; none once it has, or where whoever set the end knew it to be.
    pub warn_at: Option<Timestamp>,
    /// How the agent took the link back, if it did.
    pub revocation: Option<Revocation>,
    /// Where the agent is told of what happens on this link; none is where it is told of everything.
    pub webhook: Option<Webhook>,
    /// The rotation of the newest signing secret, whether or not it is in use.
    pub webhook_rotation: u32,
    /// What its sessions have spent, or were granted to spend.
    pub spent: Tally,
    /// What each session was granted, as far as that still counts.
    pub granted: OrdMap<SessionId, Tally>,
    /// The clients that are shut out, the oldest first, as hashes under the link's key.
    pub blocked: Vector<Fingerprint>,
    /// The networks that they came from, likewise.
    pub blocked_networks: Vector<Fingerprint>,
    /// What strangers did to it, and when the agent was told.
    #[serde(default)]
    pub noticed: OrdMap<Reason, Timestamp>,
}

/// How an agent took a link back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// Whether the open sessions are to end too.
    pub end_sessions: bool,
    /// What the open sessions are told.
    pub farewell: Option<Sealed>,
}

/// How a link stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It was never opened.
    #[default]
    Unknown,
    /// It takes newcomers.
    Active,
    /// It takes no newcomers for now.
    Paused,
    /// Its time is up.
    Expired,
    /// The agent took it back.
    Revoked,
    /// Its words are gone.
    Erased,
}

/// A place that a session holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// Until when the session may start or resume; an unused place may be given back after that.
    pub start_before: Timestamp,
    /// Whether the session came back: it was counted when it first came.
    pub returning: bool,
}

/// Why a link says no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such link.
    #[error("there is no such link")]
    Unknown,
    /// The link's id is taken.
    #[error("the link was opened before")]
    AlreadyOpen,
    /// The link's time is up.
    #[error("the link has expired")]
    Expired,
    /// The agent took the link back.
    #[error("the link was revoked")]
    Revoked,
    /// The link's words are gone.
    #[error("the link was erased")]
    Erased,
    /// The link takes no newcomers for now.
    #[error("the link is paused")]
    Paused,
    /// Every place is taken for now.
    #[error("all {limit} places are taken")]
    Full {
        /// Sessions at once.
        limit: u32,
    },
    /// Every session that the link was good for has been had.
    #[error("all {limit} sessions have been used")]
    UsedUp {
        /// Sessions in all.
        limit: u32,
    },
    /// The token is for one person, who has come already.
    #[error("this link is for one person, and somebody has come in by it")]
    RecipientCame,
    /// Recipients were added to others than there are.
    #[error("the link has {count} recipients now, not {expected}")]
    RecipientsChanged {
        /// How many there are.
        count: u8,
        /// How many there were thought to be.
        expected: u8,
    },
    /// The client was shut out.
    #[error("this device was shut out")]
    Blocked,
    /// A budget is used up.
    #[error(transparent)]
    BudgetReached(Reached),
    /// Too many sessions started within a minute.
    #[error("too many sessions started; try again later")]
    TooManyStarts {
        /// When the next may start.
        retry_at: Timestamp,
    },
    /// The link asks for a passcode.
    #[error("this link needs a passcode")]
    PasscodeRequired,
    /// The passcode is another.
    #[error("the passcode is wrong")]
    PasscodeWrong,
    /// A setting is outside its range.
    #[error("{setting} must be {least} to {most}, not {given}")]
    OutOfRange {
        /// The setting's public name.
        setting: &'static str,
        /// What was given.
        given: i64,
        /// The least allowed.
        least: i64,
        /// The most allowed.
        most: i64,
    },
    /// It is too early for this.
    #[error("this is not due yet")]
    NotDue {
        /// When it is.
        until: Timestamp,
    },
    /// The link still takes people, or sessions are still open.
    #[error("the link is still in use")]
    InUse,
}

impl Link {
    /// Tells when the link's words are to go, as far as is known now; none while it may still be used.
    pub fn erase_at(&self) -> Option<Timestamp> {
        let settings = self.settings.as_ref()?;
        settings.erase_at(self.status, self.ends_sessions(), self.admitted > 0, self.quiet_since)
    }

    /// Tells whether the agent took the link back together with its open sessions.
    fn ends_sessions(&self) -> bool {
        self.revocation.as_ref().is_some_and(|revocation| revocation.end_sessions)
    }
}

impl Aggregate for Link {
    const TYPE: &'static str = "link";
    const REMEMBERS: Option<usize> = Some(256);

    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: &Command, now: Timestamp, policy: &Policy) -> Result<Vec<Event>, Rejection> {
        self.decide(command, now, policy)
    }

    fn evolve(&mut self, event: &Event, at: Timestamp) {
        self.evolve(event, at);
    }

    fn must_remember(event: &Event) -> bool {
        match event {
            Event::Opened { .. }
            | Event::Updated { .. }
            | Event::TokenRotated { .. }
            | Event::Paused
            | Event::Resumed
            | Event::WebhookSet { .. } => true,
            // An admitted session stays known until its place is given back; the others lead to a state that a repeat finds.
            Event::Admitted { .. }
            | Event::Released { .. }
            | Event::Revoked { .. }
            | Event::Expiring { .. }
            | Event::Expired
            | Event::BudgetDrawn { .. }
            | Event::BudgetReached { .. }
            | Event::Blocked { .. }
            | Event::AbuseNoticed { .. }
            | Event::Erased => false,
        }
    }

    fn pruned() -> Vec<Event> {
        vec![Event::Revoked { end_sessions: true, farewell: None }, Event::Erased]
    }

    fn could_change(rejection: &Rejection) -> bool {
        match rejection {
            Rejection::Unknown
            | Rejection::Paused
            | Rejection::Full { .. }
            | Rejection::Expired
            | Rejection::TooManyStarts { .. }
            | Rejection::PasscodeRequired
            | Rejection::PasscodeWrong
            | Rejection::NotDue { .. }
            | Rejection::UsedUp { .. }
            | Rejection::RecipientCame
            | Rejection::RecipientsChanged { .. }
            | Rejection::InUse => true,
            // Whoever is shut out or has used a budget up may ask again and again: the state they were looked up in is at most a second old.
            Rejection::Blocked
            | Rejection::BudgetReached(_)
            | Rejection::AlreadyOpen
            | Rejection::Revoked
            | Rejection::Erased
            | Rejection::OutOfRange { .. } => false,
        }
    }
}
