//! Time as a value, in milliseconds; the caller reads the clock.

use std::ops::{Add, Sub};

use imbl::Vector;
use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// A length of time in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// One minute: the window of every rate.
    pub const MINUTE: Self = Self::seconds(60);

    /// Returns that many seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000))
    }

    /// Returns that many minutes.
    pub const fn minutes(minutes: i64) -> Self {
        Self(minutes.saturating_mul(60_000))
    }
}

impl Add<Millis> for Timestamp {
    type Output = Self;

    fn add(self, length: Millis) -> Self {
        Self(self.0.saturating_add(length.0))
    }
}

impl Sub<Millis> for Timestamp {
    type Output = Self;

    fn sub(self, length: Millis) -> Self {
        Self(self.0.saturating_sub(length.0))
    }
}

impl Sub for Timestamp {
    type Output = Millis;

    fn sub(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

/// Returns when the rate limit of `most` a minute is free again, if the minute before `now` holds that many of `moments` (oldest
/// first).
pub(crate) fn full_minute(moments: &Vector<Timestamp>, most: usize, now: Timestamp) -> Option<Timestamp> {
    if moments.len() < most {
        return None;
    }
    let recent = || moments.iter().filter(|at| **at + Millis::MINUTE > now);
    let over = recent().count().checked_sub(most)?;
    Some(recent().nth(over).copied().unwrap_or(now) + Millis::MINUTE)
}

/// Adds a time, and drops those that are older than a minute.
pub(crate) fn note(moments: &mut Vector<Timestamp>, at: Timestamp) {
    moments.push_back(at);
    while moments.front().is_some_and(|earlier| *earlier + Millis::MINUTE <= at) {
        moments.pop_front();
    }
}
