//! The range of a setting.

use super::{Rejection, Settings};

/// What a range counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things, characters or bytes.
    Number,
    /// Time, in milliseconds; its setting's public name counts minutes.
    Length,
}

/// The range of a setting, under its public name.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// The public name.
    pub setting: &'static str,
    /// What is counted.
    pub unit: Unit,
    /// The least allowed.
    pub least: i64,
    /// The most allowed.
    pub most: i64,
    /// What a link gets that does not name it, where it must have one.
    pub usual: Option<i64>,
    /// Measures the setting.
    pub(super) measure: fn(&Settings) -> i64,
}

impl Range {
    /// Holds where `given` is within the range. Lengths are compared to the millisecond, and told in minutes.
    pub(super) fn holds(&self, given: i64) -> Result<(), Rejection> {
        let Self { setting, unit, least, most, .. } = *self;
        if (least..=most).contains(&given) {
            return Ok(());
        }
        Err(match unit {
            Unit::Number => Rejection::OutOfRange { setting, given, least, most },
            Unit::Length => {
                let minutes = |length: i64| length.div_euclid(60_000);
                // A moment over the longest is told as the next minute, or it would read as allowed.
                let told = if given > most { given.saturating_add(59_999) } else { given };
                Rejection::OutOfRange { setting, given: minutes(told), least: minutes(least), most: minutes(most) }
            }
        })
    }
}
