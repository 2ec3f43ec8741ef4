//! What stays of links whose commits were pruned: their rows go, and in the sums stands what the record says of them.

use follower::{Id, column, signed};
use nats::{PrunedSession, RecordedPruning};
use sqlx::PgConnection;
use sqlx::types::Uuid;
use time::{Date, Duration, OffsetDateTime};

use super::sums::{self, Ended, Group, Sign, Sums};
use super::{link, session};
use crate::fold::reason_name;

/// Deletes the rows of all that a record names, and puts its figures in the place of theirs. When rows are made again there is none, or
/// part of one where the log was being purged meanwhile: the sums come out the same.
pub(crate) async fn write(connection: &mut PgConnection, record: &RecordedPruning) -> sqlx::Result<()> {
    let shard = i32::from(record.shard.0);
    let links = record.pruning.links();
    let whole: Vec<Uuid> = links.iter().filter(|link| link.whole.is_some()).map(|link| link.link.column()).collect();
    let sessions: Vec<(Uuid, &PrunedSession)> =
        links.iter().flat_map(|link| link.sessions.iter().map(|session| (link.agent.column(), session))).collect();
    let ids = column(&sessions, |(_, session)| session.session.column());
    let mut sums = Sums::default();
    let rows = (session::load(connection, &ids).await?, link::load(connection, &whole).await?);
    sums.count(Sign::Subtract, &rows.0, &rows.1);
    for (agent, session) in sessions {
        sums.count_session(Sign::Add, ended(agent, shard, session));
    }
    for link in links {
        if let Some(whole) = &link.whole {
            sums.count_link(Sign::Add, Group { agent: link.agent.column(), shard, day: day(whole.day) });
        }
    }
    delete(connection, &whole, &ids).await?;
    sums::save(connection, &sums).await
}

/// Returns what a pruned session counts for.
fn ended(agent: Uuid, shard: i32, session: &PrunedSession) -> Ended {
    let figures = &session.figures;
    Ended {
        group: Group { agent, shard, day: day(figures.day) },
        reason: reason_name(figures.end_reason).to_owned(),
        wrote: figures.wrote,
        first_reply_ms: figures.first_reply_ms.map(signed),
        length_ms: signed(figures.length_ms),
        chatter_messages: i64::from(figures.chatter_messages),
        agent_messages: i64::from(figures.agent_messages),
        rating: figures.rating.map(i16::from),
        is_unanswered: figures.is_unanswered,
    }
}

async fn delete(connection: &mut PgConnection, links: &[Uuid], sessions: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH links AS (DELETE FROM link WHERE id = ANY($1)),
            sessions AS (DELETE FROM session WHERE id = ANY($2)),
            admissions AS (DELETE FROM admission WHERE session = ANY($2)),
            questions AS (DELETE FROM question WHERE session = ANY($2)),
            read_marks AS (DELETE FROM read_mark WHERE session = ANY($2)),
            receipts AS (DELETE FROM receipt WHERE session = ANY($2)),
            events AS (DELETE FROM event WHERE session = ANY($2)),
            events_of_links AS (DELETE FROM event WHERE link = ANY($1) AND session IS NULL),
            dead_letters AS (DELETE FROM dead_letter WHERE target = ANY($1::UUID[] || $2::UUID[]))
        DELETE FROM scheduled
        WHERE target = ANY($1::UUID[] || $2::UUID[])",
        links,
        sessions,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Returns the day that is so many days after 1970-01-01, or the nearest of the calendar.
fn day(days: i32) -> Date {
    OffsetDateTime::UNIX_EPOCH.date().saturating_add(Duration::days(i64::from(days)))
}
