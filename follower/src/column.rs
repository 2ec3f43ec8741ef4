//! How the domain's values are written in columns.

use domain::{AgentId, CommandId, KeyId, LinkId, QuestionId, Sealed, SessionId, Timestamp};
use sqlx::types::Uuid;
use time::OffsetDateTime;

/// The first and last millisecond that have four digits for their year.
const YEARS: std::ops::RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_999;

/// An id of 16 bytes.
pub trait Id {
    /// Returns the same bytes as SQL knows them.
    fn column(&self) -> Uuid;
}

macro_rules! id {
    ($($name:ident),*) => {
        $(impl Id for $name {
            fn column(&self) -> Uuid {
                Uuid::from_bytes(*self.bytes())
            }
        })*
    };
}

id!(AgentId, KeyId, LinkId, QuestionId, SessionId, CommandId);

/// Returns the moment, or the nearest one of years 1 to 9999.
pub fn moment(at: Timestamp) -> OffsetDateTime {
    let milliseconds = at.0.clamp(*YEARS.start(), *YEARS.end());
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).expect("the range is within the type's")
}

/// Returns a stream sequence as SQL counts.
pub fn signed(sequence: u64) -> i64 {
    i64::try_from(sequence).expect("a stream's sequence stays below 2^63")
}

/// Returns a stream sequence as the log counts.
pub fn unsigned(sequence: i64) -> u64 {
    u64::try_from(sequence).expect("the tables hold what the log counted")
}

/// Returns a sealed text's bytes.
pub fn sealed(text: &Sealed) -> Vec<u8> {
    text.bytes.to_vec()
}

/// Takes one column out of many rows: what `UNNEST` wants.
pub fn column<R, T>(rows: &[R], of: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_keeps_its_milliseconds_and_its_bounds() {
        assert_eq!(moment(Timestamp(1_234)).unix_timestamp_nanos(), 1_234_000_000);
        assert_eq!(moment(Timestamp(i64::MAX)).year(), 9999);
        assert_eq!(moment(Timestamp(i64::MIN)).year(), 1);
    }
}
