//! Signs of abuse, and the suspicion that they add up to: it fades within minutes, says why, and is bounded whatever comes.
//!
//! What people do by themselves must never add up: short words repeated, one long text sent three times, a list of links pasted in parts,
//! different messages as fast as the link allows. Only chatters' messages are looked at.

use std::collections::BTreeSet;

use imbl::Vector;
use serde::{Deserialize, Serialize};

use crate::{Millis, Timestamp};

/// After so long half of a suspicion has faded.
const HALVES_AFTER: Millis = Millis::minutes(10);
/// A thousandth of a point is the unit of a score.
const POINT: u32 = 1_000;
/// Scores stop here: beyond it nothing is left to happen.
const MOST: u32 = 100 * POINT;
/// How many texts are remembered, to find the next one among them.
const REMEMBERED: usize = 16;
/// For how long.
const REMEMBERED_FOR: Millis = Millis::minutes(15);
/// How often a text may come again without a sign.
const FREE_REPEATS: usize = 3;
/// Addresses of one message that count at most: a pasted list is one thing to say, however long.
const ADDRESSES_OF_MESSAGE: u32 = 50;
/// Addresses that are no sign; they fade as a score does. Three long lists one after another, or one address a message at any time.
const FREE_ADDRESSES: u32 = 150 * POINT;
/// What each further repeat adds.
const REPEATED: u32 = POINT;
/// What each message with addresses adds, where there were too many.
const ADDRESSES: u32 = 3 * POINT / 2;
/// What messages refused on top of others that wait add, each ten.
const FLOOD: u32 = 2 * POINT;

/// How often a flood is noted before the chat is closed, however slowly they come: each is kept in the log.
const FLOODS: u32 = 100;

/// Refused messages that are one sign.
pub const FLOOD_STEP: u32 = 10;

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

    /// Returns from which score on it is so.
    const fn threshold(self) -> u32 {
        match self {
            Self::Noticed => 3 * POINT,
            Self::Slowed => 6 * POINT,
            Self::Priced => 10 * POINT,
            Self::Closed => 20 * POINT,
        }
    }

    /// Returns down to which score it holds once it was told, so that what was announced does not end at once.
    const fn holds_from(self) -> u32 {
        self.threshold() / 4 * 3
    }

    fn of(score: u32) -> Option<Self> {
        Self::ALL.into_iter().rev().find(|level| score >= level.threshold())
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

/// How much a chatter is suspected of abuse.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Suspicion {
    score: u32,
    addresses: u32,
    floods: u32,
    /// When the first two were reckoned.
    at: Timestamp,
    /// The newest texts, oldest first.
    recent: Vector<(u32, Timestamp)>,
    reasons: BTreeSet<Reason>,
    told: Option<(Level, Timestamp)>,
}

impl Suspicion {
    /// Returns what is done about it now. A chat that is to be closed stays so.
    pub fn level(&self, now: Timestamp) -> Option<Level> {
        match self.told {
            Some((Level::Closed, _)) => Some(Level::Closed),
            Some(_) | None if self.floods >= FLOODS => Some(Level::Closed),
            told => {
                let score = faded(self.score, now - self.at);
                let holding = told.map(|(level, _)| level).filter(|level| score >= level.holds_from());
                Level::of(score).max(holding)
            }
        }
    }

    /// Tells whether the chat is to be closed.
    pub fn is_closed(&self) -> bool {
        self.told.is_some_and(|(level, _)| level == Level::Closed)
    }

    /// Returns how many messages a minute are left of `most`.
    pub fn slow_down(&self, most: u32, now: Timestamp) -> u32 {
        match self.level(now) {
            Some(Level::Slowed | Level::Priced | Level::Closed) => (most / 4).max(1),
            Some(Level::Noticed) | None => most,
        }
    }

    /// Returns until when each message costs proof of work, if it does; whoever is closed out cannot pay.
    pub fn is_priced_until(&self, now: Timestamp) -> Option<Timestamp> {
        let was_told = self.told.is_some_and(|(level, _)| level == Level::Priced);
        let threshold = if was_told { Level::Priced.holds_from() } else { Level::Priced.threshold() };
        (self.level(now)? == Level::Priced).then(|| self.at + fades_below(self.score, threshold))
    }

    /// Returns what is new to say of it at `now`: a level that was not told before, and all reasons.
    pub fn news(&self, now: Timestamp) -> Option<(Level, BTreeSet<Reason>)> {
        let level = self.level(now)?;
        let is_new = self.told.is_none_or(|(told, _)| level > told);
        is_new.then(|| (level, self.reasons.clone()))
    }

    /// Takes a message in.
    pub fn add_message(&mut self, signs: Signs, now: Timestamp) {
        self.fade(now);
        self.recent.retain(|(_, at)| *at + REMEMBERED_FOR > now);
        if let Some(likeness) = signs.likeness {
            let before = self.recent.iter().filter(|(earlier, _)| *earlier == likeness).count();
            if before > FREE_REPEATS {
                self.add(REPEATED, Reason::RepeatedText);
            }
            self.recent.push_back((likeness, now));
            while self.recent.len() > REMEMBERED {
                self.recent.pop_front();
            }
        }
        if signs.addresses > 0 {
            self.addresses = self
                .addresses
                .saturating_add(u32::from(signs.addresses).min(ADDRESSES_OF_MESSAGE) * POINT)
                .min(2 * FREE_ADDRESSES);
            if self.addresses > FREE_ADDRESSES {
                self.add(ADDRESSES, Reason::ManyAddresses);
            }
        }
    }

    /// Takes in that so many messages were refused on top of others that wait.
    pub fn add_flood(&mut self, messages: u32, now: Timestamp) {
        self.fade(now);
        self.floods = self.floods.saturating_add(1);
        self.add((messages / FLOOD_STEP).saturating_mul(FLOOD), Reason::Flood);
    }

    /// Notes that a level was told.
    pub fn note_told(&mut self, level: Level, at: Timestamp) {
        self.told = Some((level, at));
    }

    /// Counts what can grow in it.
    pub fn len(&self) -> usize {
        self.recent.len()
    }

    /// Tells whether nothing is remembered of any text.
    pub fn is_empty(&self) -> bool {
        self.recent.is_empty()
    }

    fn add(&mut self, points: u32, reason: Reason) {
        if points > 0 {
            self.score = self.score.saturating_add(points).min(MOST);
            self.reasons.insert(reason);
        }
    }

    fn fade(&mut self, now: Timestamp) {
        let since = now - self.at;
        (self.score, self.addresses) = (faded(self.score, since), faded(self.addresses, since));
        self.at = now;
        // What has faded is told anew when it comes again.
        if self.score < Level::Noticed.threshold() / 2 {
            self.reasons = BTreeSet::new();
            let is_old = |(level, at): &(Level, Timestamp)| *level < Level::Closed && now >= *at + HALVES_AFTER;
            self.told = self.told.filter(|told| !is_old(told));
        }
    }
}

/// Fades a number: by half each ten minutes, evenly in between.
fn faded(score: u32, since: Millis) -> u32 {
    let since = since.0.max(0);
    let halvings = u32::try_from(since / HALVES_AFTER.0).unwrap_or(u32::MAX);
    let rest = u64::try_from(since % HALVES_AFTER.0).unwrap_or(0);
    let halved = u64::from(score.checked_shr(halvings).unwrap_or(0));
    let length = 2 * HALVES_AFTER.0.unsigned_abs();
    u32::try_from(halved - halved * rest / length).unwrap_or(score)
}

/// Returns after how long a score has faded below a threshold.
fn fades_below(score: u32, threshold: u32) -> Millis {
    let (mut score, mut after) = (i64::from(score), 0_i64);
    let threshold = i64::from(threshold);
    while score / 2 >= threshold {
        score /= 2;
        after += HALVES_AFTER.0;
    }
    if score >= threshold {
        after += ((score - threshold + 1) * 2 * HALVES_AFTER.0) / score.max(1) + 1;
    }
    Millis(after)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(addresses: &u8) -> bool {
    *addresses == 0
}
