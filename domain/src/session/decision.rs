//! A decision: a question over an exact payload, whose outcome is claimed once, by the person's verdict or by silence.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{SaltedHash, Sealed};

/// What a person may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// The payload as it stands.
    Approve,
    /// Not this.
    Reject,
    /// Another payload in its place.
    Edit,
    /// None of these, but words.
    Respond,
}

/// What came of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The person approved the payload as it stands.
    Approved,
    /// The person changed the payload, and approved what it is now.
    Edited,
    /// The person said no.
    Rejected,
    /// The person answered in words.
    Responded,
    /// The person said nothing in time, which approves nothing.
    TimedOut,
}

impl Choice {
    /// Returns its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Edit => "edit",
            Self::Respond => "respond",
        }
    }
}

impl From<Choice> for Verdict {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Approve => Self::Approved,
            Choice::Reject => Self::Rejected,
            Choice::Edit => Self::Edited,
            Choice::Respond => Self::Responded,
        }
    }
}

/// What makes a question a decision. The payload itself is in the sealed form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionTerms {
    /// What the person may choose.
    pub allow: BTreeSet<Choice>,
    /// The payload's hash; its salt is sealed.
    pub payload: SaltedHash,
    /// What goes with the outcome if nobody decides, as one sealed document.
    pub if_timed_out: Sealed,
}

/// What a person wrote with a verdict: another payload, a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// Its hash; its salt is sealed.
    pub hash: SaltedHash,
    /// How many characters.
    pub characters: u32,
}
