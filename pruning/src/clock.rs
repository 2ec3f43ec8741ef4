//! The only module of this crate that reads a clock.

use std::time::{SystemTime, UNIX_EPOCH};

use domain::Timestamp;

/// Reads the wall clock.
#[expect(clippy::disallowed_methods, reason = "time enters here")]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    Timestamp(i64::try_from(since.as_millis()).expect("the clock is before the year 292 million"))
}
