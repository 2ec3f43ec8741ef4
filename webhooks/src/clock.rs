//! The one place where this crate reads a clock.

use time::OffsetDateTime;

/// Reads the wall clock, in whole milliseconds.
#[expect(clippy::disallowed_methods, reason = "time enters here")]
pub(crate) fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_millisecond(now.millisecond()).expect("it was its millisecond before")
}
