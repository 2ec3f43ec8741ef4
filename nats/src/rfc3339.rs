//! Times in documents that leave the house (RFC 3339, UTC, milliseconds).

use domain::Timestamp;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

const FORM: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Writes a time.
pub(crate) fn write(at: Timestamp) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000)
        .ok()
        .and_then(|at| at.format(FORM).ok())
        .unwrap_or_default()
}

/// Reads a time.
pub(crate) fn read(text: &str) -> Option<Timestamp> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_back() {
        assert_eq!(write(Timestamp(1_795_000_000_007)), "2026-11-18T11:06:40.007Z");
        assert_eq!(read("2026-11-18T11:06:40.007Z"), Some(Timestamp(1_795_000_000_007)));
        assert_eq!(read("yesterday"), None);
    }
}
