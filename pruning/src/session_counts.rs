//! What stays of a session, from its row.

use domain::SessionId;
use domain::session::EndReason;
use follower::Id;
use nats::SessionFigures;
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error as ValueError, StrDeserializer};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::Error;
use crate::candidate::Candidate;

/// The Julian day of 1970-01-01.
const EPOCH_DAY: i32 = 2_440_588;

/// Reads the sessions of a link in the order of their starts.
pub(crate) async fn of_link(
    connection: &mut PgConnection,
    candidate: &Candidate,
) -> Result<Vec<(SessionId, SessionFigures)>, Error> {
    let rows = sqlx::query!(
        r#"SELECT
            id, started_at, chatter_messages, agent_messages, first_chatter_at, first_reply_at, coalesce(ended_at, expires_at) AS "ended_at!",
            end_reason, rating, owed_since, answered.fields AS "fields_answered!"
        FROM session
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(bit_count(question.answered::INTEGER::BIT(8))), 0)::BIGINT AS fields
            FROM question
            WHERE question.session = session.id
        ) AS answered
        WHERE agent = $1
        AND link = $2
        ORDER BY started_sequence"#,
        candidate.agent.column(),
        candidate.link.column(),
    )
    .fetch_all(connection)
    .await?;
    let sessions = rows.into_iter().map(|row| {
        let first_reply = row.first_chatter_at.zip(row.first_reply_at).map(|(asked, replied)| milliseconds(asked, replied));
        let figures = SessionFigures {
            day: day(row.started_at),
            chatter_messages: count(row.chatter_messages),
            agent_messages: count(row.agent_messages),
            wrote: row.first_chatter_at.is_some(),
            first_reply_ms: first_reply,
            length_ms: milliseconds(row.started_at, row.ended_at),
            end_reason: end_reason(row.end_reason.as_deref())?,
            rating: row.rating.and_then(|rating| u8::try_from(rating).ok()),
            is_unanswered: row.owed_since.is_some(),
            fields_answered: count(row.fields_answered),
        };
        Ok((SessionId::new(row.id.into_bytes()), figures))
    });
    sessions.collect()
}

/// Returns the days from 1970-01-01 (UTC).
pub(crate) fn day(at: OffsetDateTime) -> i32 {
    at.to_offset(time::UtcOffset::UTC).date().to_julian_day() - EPOCH_DAY
}

fn milliseconds(from: OffsetDateTime, to: OffsetDateTime) -> u64 {
    u64::try_from((to - from).whole_milliseconds()).unwrap_or(0)
}

fn count(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}

/// One without a reason ended when its time was up.
fn end_reason(value: Option<&str>) -> Result<EndReason, Error> {
    let value = value.unwrap_or("link_expired");
    let text: StrDeserializer<'_, ValueError> = value.into_deserializer();
    EndReason::deserialize(text).map_err(|_| Error::Column { column: "end_reason", value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        assert_eq!(day(OffsetDateTime::UNIX_EPOCH), 0);
        assert_eq!(day(OffsetDateTime::from_unix_timestamp(86_400 * 20_784 + 86_399).unwrap()), 20_784);
    }
}
