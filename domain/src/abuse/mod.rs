//! Signs of abuse, and the suspicion that they add up to: it fades within minutes, says why, and is bounded whatever comes.
//!
//! What people do by themselves must never add up: short words repeated, one long text sent four times, a list of links pasted in parts,
//! different messages as fast as the link allows. Only chatters' messages are looked at. How much is too much says [`THRESHOLDS`].

mod suspicion;
mod thresholds;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use suspicion::Suspicion;
pub use thresholds::{TABLE, THRESHOLDS, Threshold, Thresholds};

/// Why somebody is suspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The same text came again and again.
    RepeatedText,
    /// Many addresses of web pages came within minutes.
    ManyAddresses,
    /// Many messages came while earlier ones had to wait.
    Flood,
    /// Passcodes of the link are guessed.
    PasscodeGuesses,
    /// Many came to the link out of one network.
    ManyFromOneNetwork,
}

impl Reason {
    const fn bit(self) -> i16 {
        match self {
            Self::RepeatedText => 8,
            Self::ManyAddresses => 16,
            Self::Flood => 32,
            // They are told of links.
            Self::PasscodeGuesses | Self::ManyFromOneNetwork => 0,
        }
    }
}

/// What is done about a suspicion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The agent is told.
    Noticed,
    /// Messages a minute are cut to a quarter.
    Slowed,
    /// Each message costs proof of work.
    Priced,
    /// The chat is closed.
    Closed,
}

impl Level {
    const ALL: [Self; 4] = [Self::Noticed, Self::Slowed, Self::Priced, Self::Closed];

    /// Returns from how many points on it is so.
    const fn threshold(self) -> u32 {
        match self {
            Self::Noticed => THRESHOLDS.noticed,
            Self::Slowed => THRESHOLDS.slowed,
            Self::Priced => THRESHOLDS.priced,
            Self::Closed => THRESHOLDS.closed,
        }
    }
}

/// What can be told of a message without its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signs {
    /// A long text's hash under the session's key, of four bytes: alike for texts that differ in case, blanks or a counter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likeness: Option<u32>,
    /// How many different addresses of web pages are in it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub addresses: u8,
}

/// What an agent was told of a chatter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noticed {
    /// What is done about it.
    pub level: Level,
    /// Why.
    pub reasons: BTreeSet<Reason>,
}

impl Noticed {
    /// Writes it as a number for rows: the level from 1 in the lowest three bits, and a bit for each reason of a chat.
    pub fn to_bits(&self) -> i16 {
        let level = match self.level {
            Level::Noticed => 1,
            Level::Slowed => 2,
            Level::Priced => 3,
            Level::Closed => 4,
        };
        self.reasons.iter().fold(level, |bits, reason| bits | reason.bit())
    }

    /// Reads what [`Self::to_bits`] wrote.
    pub fn from_bits(bits: i16) -> Option<Self> {
        let level = match bits & 7 {
            1 => Level::Noticed,
            2 => Level::Slowed,
            3 => Level::Priced,
            4 => Level::Closed,
            _ => return None,
        };
        let reasons = [Reason::RepeatedText, Reason::ManyAddresses, Reason::Flood];
        Some(Self { level, reasons: reasons.into_iter().filter(|reason| bits & reason.bit() != 0).collect() })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(addresses: &u8) -> bool {
    *addresses == 0
}
