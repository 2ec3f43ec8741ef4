//! A rate: how many of what at once, and how many a minute.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// So many at once, and then so many a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How many may come at once.
    pub burst: NonZeroU32,
    /// How many a minute are regained.
    pub per_minute: NonZeroU32,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Requests, or what one of them asks for.
    Requests,
    /// Bytes of bodies.
    Bytes,
}

/// Says a rate in words, for the docs.
#[cfg(test)]
pub(super) fn words(unit: Unit, burst: u32, per_minute: u32) -> String {
    match unit {
        Unit::Requests => format!("{burst} at once, {per_minute} a minute"),
        Unit::Bytes => format!("{} KiB at once, {} KiB a minute", burst / 1_024, per_minute / 1_024),
    }
}
