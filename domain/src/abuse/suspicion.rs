//! What signs add up to, how it fades, and which level that is.

use std::collections::BTreeSet;

use imbl::Vector;
use serde::{Deserialize, Serialize};

use super::{Level, Reason, Signs, THRESHOLDS};
use crate::{Millis, Timestamp};

/// Points and addresses are reckoned in five-hundredths, so that they fade evenly, and nothing within a second or two.
const POINT: u32 = 500;
/// Scores stop here: beyond it nothing is left to happen.
const MOST: u32 = 5 * THRESHOLDS.closed * POINT;
/// Addresses that are no sign.
const FREE_ADDRESSES: u32 = THRESHOLDS.free_addresses * POINT;

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
            Some(_) | None if self.floods >= THRESHOLDS.floods => Some(Level::Closed),
            told => {
                let score = faded(self.score, now - self.at);
                let holding = told.map(|(level, _)| level).filter(|level| score >= holds_from(*level));
                Level::ALL.into_iter().rev().find(|level| score >= reached_at(*level)).max(holding)
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
            Some(Level::Slowed | Level::Priced | Level::Closed) => share(most, THRESHOLDS.slowed_to).max(1),
            Some(Level::Noticed) | None => most,
        }
    }

    /// Returns until when each message costs proof of work, if it does; whoever is closed out cannot pay.
    pub fn is_priced_until(&self, now: Timestamp) -> Option<Timestamp> {
        let was_told = self.told.is_some_and(|(level, _)| level == Level::Priced);
        let threshold = if was_told { holds_from(Level::Priced) } else { reached_at(Level::Priced) };
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
        self.recent.retain(|(_, at)| *at + minutes(THRESHOLDS.remembered_for) > now);
        if let Some(likeness) = signs.likeness {
            let before = self.recent.iter().filter(|(earlier, _)| *earlier == likeness).count();
            if before >= THRESHOLDS.free_repeats as usize {
                self.add(THRESHOLDS.repeat, Reason::RepeatedText);
            }
            self.recent.push_back((likeness, now));
            while self.recent.len() > THRESHOLDS.remembered_texts as usize {
                self.recent.pop_front();
            }
        }
        if signs.addresses > 0 {
            self.addresses = self
                .addresses
                .saturating_add(u32::from(signs.addresses).min(THRESHOLDS.addresses_of_message) * POINT)
                .min(2 * FREE_ADDRESSES);
            if self.addresses > FREE_ADDRESSES {
                self.add(THRESHOLDS.many_addresses, Reason::ManyAddresses);
            }
        }
    }

    /// Takes in that so many messages were refused on top of others that wait.
    pub fn add_flood(&mut self, messages: u32, now: Timestamp) {
        self.fade(now);
        self.floods = self.floods.saturating_add(1);
        self.add((messages / THRESHOLDS.flood_step).saturating_mul(THRESHOLDS.flood), Reason::Flood);
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
            self.score = self.score.saturating_add(points.saturating_mul(POINT)).min(MOST);
            self.reasons.insert(reason);
        }
    }

    fn fade(&mut self, now: Timestamp) {
        let since = now - self.at;
        (self.score, self.addresses) = (faded(self.score, since), faded(self.addresses, since));
        self.at = now;
        // What has faded is told anew when it comes again.
        if self.score < reached_at(Level::Noticed) / 2 {
            self.reasons = BTreeSet::new();
            let is_old = |(level, at): &(Level, Timestamp)| *level < Level::Closed && now >= *at + halves_after();
            self.told = self.told.filter(|told| !is_old(told));
        }
    }
}

/// Returns from which score on a level is reached.
const fn reached_at(level: Level) -> u32 {
    level.threshold() * POINT
}

/// Returns down to which score a level holds once it was told.
const fn holds_from(level: Level) -> u32 {
    share(reached_at(level), THRESHOLDS.holds)
}

const fn share(of: u32, percent: u32) -> u32 {
    of / 100 * percent + of % 100 * percent / 100
}

fn minutes(minutes: u32) -> Millis {
    Millis::minutes(i64::from(minutes))
}

fn halves_after() -> Millis {
    minutes(THRESHOLDS.halves_after)
}

/// Fades a number: by half each ten minutes, evenly in between.
fn faded(score: u32, since: Millis) -> u32 {
    let since = since.0.max(0);
    let half = halves_after().0;
    let halvings = u32::try_from(since / half).unwrap_or(u32::MAX);
    let rest = u64::try_from(since % half).unwrap_or(0);
    let halved = u64::from(score.checked_shr(halvings).unwrap_or(0));
    let length = 2 * half.unsigned_abs();
    u32::try_from(halved - halved * rest / length).unwrap_or(score)
}

/// Returns after how long a score has faded below a threshold.
fn fades_below(score: u32, threshold: u32) -> Millis {
    let (mut score, mut after) = (i64::from(score), 0_i64);
    let (threshold, half) = (i64::from(threshold), halves_after().0);
    while score / 2 >= threshold {
        score /= 2;
        after += half;
    }
    if score >= threshold {
        after += ((score - threshold + 1) * 2 * half) / score.max(1) + 1;
    }
    Millis(after)
}
