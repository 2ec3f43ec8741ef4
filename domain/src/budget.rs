//! Budgets: how much of messages, characters, turns and bytes may be spent, in all and a day.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A day in milliseconds; budgets count days of UTC.
const DAY: i64 = 86_400_000;
/// The shares of a budget at which it is told, in percent.
const TOLD_AT: [u8; 2] = [80, 100];

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The chatter's messages.
    Messages,
    /// The characters of the chatter's messages and answers.
    Characters,
    /// The agent's messages and questions.
    Turns,
    /// Bytes of the log.
    Bytes,
}

/// Whose budget it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// One session, from its start to its end.
    Session,
    /// All sessions of a link, as long as it lasts.
    Link,
    /// All sessions of a link, on one day.
    Day,
    /// One session, on one day.
    SessionDay,
}

impl Measure {
    /// Every one of them.
    pub const ALL: [Self; 4] = [Self::Messages, Self::Characters, Self::Turns, Self::Bytes];
}

/// So much of each measure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts {
    /// See [`Measure::Messages`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub messages: u64,
    /// See [`Measure::Characters`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub characters: u64,
    /// See [`Measure::Turns`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub turns: u64,
    /// See [`Measure::Bytes`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(amount: &u64) -> bool {
    *amount == 0
}

impl Amounts {
    /// So many bytes and nothing else.
    pub const fn bytes(bytes: u64) -> Self {
        Self { messages: 0, characters: 0, turns: 0, bytes }
    }

    /// Makes amounts of each measure's.
    pub fn of(mut amount: impl FnMut(Measure) -> u64) -> Self {
        Self {
            messages: amount(Measure::Messages),
            characters: amount(Measure::Characters),
            turns: amount(Measure::Turns),
            bytes: amount(Measure::Bytes),
        }
    }

    /// Returns the amount of a measure.
    pub const fn get(&self, measure: Measure) -> u64 {
        match measure {
            Measure::Messages => self.messages,
            Measure::Characters => self.characters,
            Measure::Turns => self.turns,
            Measure::Bytes => self.bytes,
        }
    }

    /// Tells whether there is nothing of any measure.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds.
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self::of(|measure| self.get(measure).saturating_add(more.get(measure)))
    }

    /// Takes away, down to nothing.
    #[must_use]
    pub fn minus(self, less: Self) -> Self {
        Self::of(|measure| self.get(measure).saturating_sub(less.get(measure)))
    }
}

/// What was spent, or granted: in all, and on the newest day that had any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// In all.
    pub all: Amounts,
    /// The day, counted from 1970-01-01 (UTC).
    pub day: i64,
    /// On that day.
    pub today: Amounts,
}

impl Tally {
    /// Returns what was spent on the day of `now`.
    pub fn on(&self, now: Timestamp) -> Amounts {
        if self.day == day(now) { self.today } else { Amounts::default() }
    }

    /// Adds what is spent at `at`.
    pub fn add(&mut self, more: Amounts, at: Timestamp) {
        self.today = self.on(at).plus(more);
        self.day = day(at);
        self.all = self.all.plus(more);
    }

    /// Puts `actual` in the place of `counted` at `at`: what was set aside and what was spent of it in the end.
    pub fn settle(&mut self, counted: &Self, actual: &Self, at: Timestamp) {
        self.today = self.on(at).plus(actual.on(at)).minus(counted.on(at));
        self.day = day(at);
        self.all = self.all.plus(actual.all).minus(counted.all);
    }
}

/// Returns the day of a time, counted from 1970-01-01 (UTC).
pub fn day(at: Timestamp) -> i64 {
    at.0.div_euclid(DAY)
}

/// The most of each measure; none is without limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// See [`Measure::Messages`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<u32>,
    /// See [`Measure::Characters`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub characters: Option<u32>,
    /// See [`Measure::Turns`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<u32>,
}

impl Limits {
    /// Returns the limit of a measure; bytes are the operator's to limit.
    pub fn get(&self, measure: Measure) -> Option<u64> {
        match measure {
            Measure::Messages => self.messages,
            Measure::Characters => self.characters,
            Measure::Turns => self.turns,
            Measure::Bytes => None,
        }
        .map(u64::from)
    }

    /// Tells whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What an agent lets be spent on a link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// In each session.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub session: Limits,
    /// In all sessions of the link.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub link: Limits,
    /// In all sessions of the link, a day (UTC).
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub day: Limits,
}

impl Budget {
    /// Tells whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns every limit there is.
    pub(crate) fn limits(&self) -> impl Iterator<Item = u32> {
        [self.session, self.link, self.day]
            .into_iter()
            .flat_map(|limits| [limits.messages, limits.characters, limits.turns])
            .flatten()
    }
}

/// One limit of one span, with what was spent of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("the budget of {limit} {} {} is used up ({used})", .what.words(), .of.words())]
pub struct Reached {
    /// What is counted.
    pub what: Measure,
    /// Whose budget it is.
    pub of: Span,
    /// What was spent.
    pub used: u64,
    /// The limit.
    pub limit: u64,
}

impl Measure {
    const fn words(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Characters => "characters",
            Self::Turns => "turns of the agent",
            Self::Bytes => "bytes",
        }
    }
}

impl Span {
    const fn words(self) -> &'static str {
        match self {
            Self::Session => "a session",
            Self::Link => "for the link",
            Self::Day => "a day for the link",
            Self::SessionDay => "a day for a session",
        }
    }
}

/// One span's limits while something is about to be spent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spending {
    pub(crate) of: Span,
    pub(crate) used: Amounts,
    pub(crate) cost: Amounts,
}

impl Spending {
    /// Returns what is spent afterwards.
    pub(crate) fn after(&self) -> Amounts {
        self.used.plus(self.cost)
    }

    /// Tells whether what is about to be spent is within `most`; of what costs nothing now, more may have been spent before.
    pub(crate) fn is_within(&self, most: Amounts) -> bool {
        Measure::ALL.into_iter().all(|what| self.cost.get(what) == 0 || self.after().get(what) <= most.get(what))
    }

    /// Passes while nothing that is about to be spent is used up. What goes beyond a limit with its last piece is let through: a budget is
    /// overspent by one message at most.
    pub(crate) fn within(&self, limit: impl Fn(Measure) -> Option<u64>) -> Result<(), Reached> {
        for what in Measure::ALL {
            let (used, cost) = (self.used.get(what), self.cost.get(what));
            if let Some(limit) = limit(what).filter(|limit| cost > 0 && used >= *limit) {
                return Err(Reached { what, of: self.of, used, limit });
            }
        }
        Ok(())
    }

    /// Returns the shares of the limits that this spending reaches, each once.
    pub(crate) fn reaches(&self, limit: impl Fn(Measure) -> Option<u64>) -> Vec<(Reached, u8)> {
        let mut reached = Vec::new();
        for what in Measure::ALL {
            let Some(limit) = limit(what) else { continue };
            let (before, used) = (self.used.get(what), self.after().get(what));
            for percent in TOLD_AT {
                let is_at = |used: u64| u128::from(used) * 100 >= u128::from(limit) * u128::from(percent);
                if !is_at(before) && is_at(used) {
                    reached.push((Reached { what, of: self.of, used, limit }, percent));
                }
            }
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(messages: u64) -> Amounts {
        Amounts { messages, ..Amounts::default() }
    }

    #[test]
    fn a_new_day_begins_with_nothing_spent() {
        let mut tally = Tally::default();
        tally.add(messages(2), Timestamp(DAY - 1));
        tally.add(messages(3), Timestamp(DAY));
        assert_eq!((tally.all.messages, tally.on(Timestamp(DAY)).messages), (5, 3));
        assert_eq!(tally.on(Timestamp(2 * DAY)), Amounts::default());
    }

    #[test]
    fn what_was_set_aside_and_not_spent_comes_back() {
        let (mut link, mut granted, mut spent) = (Tally::default(), Tally::default(), Tally::default());
        for tally in [&mut link, &mut granted] {
            tally.add(messages(10), Timestamp(0));
        }
        spent.add(messages(4), Timestamp(0));
        link.settle(&granted, &spent, Timestamp(1));
        assert_eq!((link.all.messages, link.today.messages), (4, 4));
    }

    #[test]
    fn eighty_and_a_hundred_percent_are_told_once_each() {
        let told: Vec<_> = (0..12)
            .flat_map(|used| {
                let spending = Spending { of: Span::Link, used: messages(used), cost: messages(1) };
                spending.reaches(|what| (what == Measure::Messages).then_some(10))
            })
            .map(|(reached, percent)| (reached.used, percent))
            .collect();
        assert_eq!(told, [(8, 80), (10, 100)]);
    }

    #[test]
    fn a_limit_is_told_with_what_was_spent() {
        let spending = Spending { of: Span::Day, used: messages(3), cost: messages(1) };
        let refused = spending.within(|what| (what == Measure::Messages).then_some(3)).unwrap_err();
        assert_eq!(refused.to_string(), "the budget of 3 messages a day for the link is used up (3)");
    }
}
