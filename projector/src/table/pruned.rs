//! Tables `pruned_session` and `pruned_link`: what stays of links whose commits were pruned, in the place of their rows.

use follower::{Id, column, signed};
use nats::{PrunedSession, RecordedPruning};
use sqlx::PgConnection;
use sqlx::types::Uuid;
use time::{Date, Duration, OffsetDateTime};

use crate::fold::reason_name;

/// Deletes the rows of all that a record names, and writes what stays.
pub(crate) async fn write(connection: &mut PgConnection, record: &RecordedPruning) -> sqlx::Result<()> {
    let links = record.pruning.links();
    let whole: Vec<Uuid> = links.iter().filter(|link| link.whole.is_some()).map(|link| link.link.column()).collect();
    let sessions: Vec<(Uuid, &PrunedSession)> =
        links.iter().flat_map(|link| link.sessions.iter().map(|session| (link.agent.column(), session))).collect();
    let opened: Vec<(Uuid, Date)> =
        links.iter().filter_map(|link| Some((link.agent.column(), day(link.whole.as_ref()?.day)))).collect();
    delete(connection, &whole, &column(&sessions, |(_, session)| session.session.column())).await?;
    save_sessions(connection, record, &sessions).await?;
    save_links(connection, record, &opened).await
}

async fn delete(connection: &mut PgConnection, links: &[Uuid], sessions: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH links AS (DELETE FROM link WHERE id = ANY($1)),
            sessions AS (DELETE FROM session WHERE id = ANY($2)),
            admissions AS (DELETE FROM admission WHERE session = ANY($2)),
            questions AS (DELETE FROM question WHERE session = ANY($2)),
            read_marks AS (DELETE FROM read_mark WHERE session = ANY($2)),
            events AS (DELETE FROM event WHERE session = ANY($2)),
            events_of_links AS (DELETE FROM event WHERE link = ANY($1) AND session IS NULL),
            dead_letters AS (DELETE FROM dead_letter WHERE target = ANY($1) OR target = ANY($2))
        DELETE FROM scheduled
        WHERE target = ANY($1)
        OR target = ANY($2)",
        links,
        sessions,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn save_sessions(
    connection: &mut PgConnection,
    record: &RecordedPruning,
    sessions: &[(Uuid, &PrunedSession)],
) -> sqlx::Result<()> {
    let figures: Vec<_> = sessions.iter().map(|(_, session)| &session.figures).collect();
    sqlx::query!(
        "INSERT INTO pruned_session (
            shard, sequence, index, agent, day, chatter_messages, agent_messages, wrote, first_reply_ms, length_ms, end_reason, rating,
            is_unanswered, fields_answered
        )
        SELECT $1, $2, row.*
        FROM UNNEST(
            $3::INTEGER[], $4::UUID[], $5::DATE[], $6::BIGINT[], $7::BIGINT[], $8::BOOLEAN[], $9::BIGINT[], $10::BIGINT[], $11::TEXT[],
            $12::SMALLINT[], $13::BOOLEAN[], $14::BIGINT[]
        ) AS row
        ON CONFLICT DO NOTHING",
        i32::from(record.shard.0),
        signed(record.sequence),
        &indexes(sessions.len()),
        &column(sessions, |(agent, _)| *agent),
        &column(&figures, |row| day(row.day)),
        &column(&figures, |row| i64::from(row.chatter_messages)),
        &column(&figures, |row| i64::from(row.agent_messages)),
        &column(&figures, |row| row.wrote),
        &column(&figures, |row| row.first_reply_ms.map(signed)) as &[Option<i64>],
        &column(&figures, |row| signed(row.length_ms)),
        &column(&figures, |row| reason_name(row.end_reason).to_owned()),
        &column(&figures, |row| row.rating.map(i16::from)) as &[Option<i16>],
        &column(&figures, |row| row.is_unanswered),
        &column(&figures, |row| i64::from(row.fields_answered)),
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn save_links(connection: &mut PgConnection, record: &RecordedPruning, opened: &[(Uuid, Date)]) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO pruned_link (shard, sequence, index, agent, day)
        SELECT $1, $2, row.*
        FROM UNNEST($3::INTEGER[], $4::UUID[], $5::DATE[]) AS row
        ON CONFLICT DO NOTHING",
        i32::from(record.shard.0),
        signed(record.sequence),
        &indexes(opened.len()),
        &column(opened, |(agent, _)| *agent),
        &column(opened, |(_, day)| *day),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Numbers the rows of a record.
fn indexes(rows: usize) -> Vec<i32> {
    (0..).take(rows).collect()
}

/// Returns the day that is so many days after 1970-01-01, or the nearest of the calendar.
fn day(days: i32) -> Date {
    OffsetDateTime::UNIX_EPOCH.date().saturating_add(Duration::days(i64::from(days)))
}
