//! Conversions between columns and the domain's values.

use domain::abuse::Noticed;
use domain::session::EndReason;
use domain::{KeyId, Timestamp};
use nats::Actor;
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error as ValueError, StrDeserializer};
use sqlx::types::Uuid;
use time::{Duration, OffsetDateTime};

use crate::Error;

/// Converts an id's 16 bytes to a column.
pub(crate) fn uuid(bytes: &[u8; 16]) -> Uuid {
    Uuid::from_bytes(*bytes)
}

/// Reads a time; rows have whole milliseconds.
pub(crate) fn timestamp(moment: OffsetDateTime) -> Timestamp {
    let millis = moment.unix_timestamp_nanos() / 1_000_000;
    Timestamp(i64::try_from(millis).expect("a moment of the calendar is within 292 million years"))
}

/// Writes a time; one out of range becomes the nearest that is representable.
pub(crate) fn moment(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::milliseconds(at.0))
}

/// Reads a count of 32 bits; the column is wider, since PostgreSQL has no unsigned numbers.
pub(crate) fn count(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}

/// Reads a sequence of a stream.
pub(crate) fn sequence(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// Writes a sequence of a stream; none reaches the column's maximum.
pub(crate) fn sequence_column(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Reads which of its link's recipients a session is.
pub(crate) fn recipient(value: Option<i16>) -> Option<u8> {
    value.and_then(|value| u8::try_from(value).ok())
}

/// Reads why a session ended.
pub(crate) fn end_reason(value: &str) -> Result<EndReason, Error> {
    let text: StrDeserializer<'_, ValueError> = value.into_deserializer();
    EndReason::deserialize(text).map_err(|_| Error::Column { column: "end_reason", value: value.to_owned() })
}

/// Reads what a session is suspected of.
pub(crate) fn abuse(value: Option<i16>) -> Result<Option<Noticed>, Error> {
    let read = |value| Noticed::from_bits(value).ok_or_else(|| Error::Column { column: "abuse", value: value.to_string() });
    value.map(read).transpose()
}

/// Reads who caused a commit.
pub(crate) fn actor(value: &str, key: Option<Uuid>) -> Result<Actor, Error> {
    match (value, key) {
        ("chatter", None) => Ok(Actor::Chatter),
        ("agent", Some(key)) => Ok(Actor::Agent(KeyId::new(key.into_bytes()))),
        ("operator", None) => Ok(Actor::Operator),
        ("timer", None) => Ok(Actor::Timer),
        _ => Err(Error::Column { column: "actor", value: value.to_owned() }),
    }
}
