//! Lengths of time as agents write them, in minutes.

use domain::Millis;

#[expect(clippy::cast_precision_loss, reason = "a length of some weeks is far below 2^52 milliseconds")]
pub(super) fn minutes(length: Millis) -> f64 {
    length.0 as f64 / 60_000.0
}

#[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
pub(super) fn millis(minutes: f64) -> Millis {
    Millis((minutes * 60_000.0).round() as i64)
}
