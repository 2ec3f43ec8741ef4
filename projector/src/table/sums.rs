//! Tables `session_sum`, `session_duration` and `link_sum`: what an agent's figures are made of, by the day (UTC) on which things began.
//!
//! A session counts from its end on. What a row counted for before a batch is taken away and what it counts for after it is added, so
//! what changes later corrects the sums, and a batch that changes nothing writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use follower::column;
use sqlx::PgConnection;
use sqlx::types::Uuid;
use time::{Date, OffsetDateTime};

use super::link::LinkRow;
use super::session::SessionRow;

/// The reason of an end that nobody recorded: the time was up.
const TIME_IS_UP: &str = "link_expired";

/// What a batch changes of the sums.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    sessions: BTreeMap<(Group, String), SessionSum>,
    durations: BTreeMap<(Group, Measure, i64), i64>,
    links: BTreeMap<Group, i64>,
}

/// Whose it is, and the day it began on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Group {
    pub(crate) agent: Uuid,
    pub(crate) shard: i32,
    pub(crate) day: Date,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Measure {
    FirstReply,
    Length,
}

impl Measure {
    const fn name(self) -> &'static str {
        match self {
            Self::FirstReply => "first_reply",
            Self::Length => "length",
        }
    }
}

/// What a session that has ended counts for.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) group: Group,
    pub(crate) reason: String,
    pub(crate) wrote: bool,
    pub(crate) first_reply_ms: Option<i64>,
    pub(crate) length_ms: i64,
    pub(crate) chatter_messages: i64,
    pub(crate) agent_messages: i64,
    pub(crate) rating: Option<i16>,
    pub(crate) is_unanswered: bool,
}

impl Ended {
    /// Returns what a row counts for; nothing before the session's end.
    fn of(row: &SessionRow) -> Option<Self> {
        if row.status.is_open() {
            return None;
        }
        let first_reply = row.first_chatter_at.zip(row.first_reply_at).map(|(asked, replied)| milliseconds(asked, replied));
        Some(Self {
            group: Group { agent: row.agent, shard: row.shard, day: row.started_at.date() },
            reason: row.end_reason.clone().unwrap_or_else(|| TIME_IS_UP.to_owned()),
            wrote: row.first_chatter_at.is_some(),
            first_reply_ms: first_reply,
            length_ms: milliseconds(row.started_at, row.ended_at.unwrap_or(row.expires_at)),
            chatter_messages: row.chatter_messages,
            agent_messages: row.agent_messages,
            rating: row.rating,
            is_unanswered: row.owed_since.is_some(),
        })
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct SessionSum {
    sessions: i64,
    wrote: i64,
    replied: i64,
    chatter_messages: i64,
    agent_messages: i64,
    ratings: i64,
    rating_points: i64,
    unanswered: i64,
}

/// Whether something is added to the sums or taken away.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sign {
    Add,
    Subtract,
}

impl Sign {
    const fn of(self, value: i64) -> i64 {
        match self {
            Self::Add => value,
            Self::Subtract => -value,
        }
    }
}

impl Sums {
    /// Counts rows of sessions and links, as they are.
    pub(crate) fn count<'a>(
        &mut self,
        sign: Sign,
        sessions: impl IntoIterator<Item = &'a SessionRow>,
        links: impl IntoIterator<Item = &'a LinkRow>,
    ) {
        for ended in sessions.into_iter().filter_map(Ended::of) {
            self.count_session(sign, ended);
        }
        for link in links {
            self.count_link(sign, Group { agent: link.agent, shard: link.shard, day: link.opened_at.date() });
        }
    }

    /// Counts a session.
    pub(crate) fn count_session(&mut self, sign: Sign, ended: Ended) {
        let Ended { group, reason, first_reply_ms, length_ms, rating, .. } = ended;
        for (measure, milliseconds) in [(Measure::FirstReply, first_reply_ms), (Measure::Length, Some(length_ms))] {
            if let Some(milliseconds) = milliseconds {
                *self.durations.entry((group, measure, milliseconds)).or_default() += sign.of(1);
            }
        }
        let sum = self.sessions.entry((group, reason)).or_default();
        sum.sessions += sign.of(1);
        sum.wrote += sign.of(i64::from(ended.wrote));
        sum.replied += sign.of(i64::from(first_reply_ms.is_some()));
        sum.chatter_messages += sign.of(ended.chatter_messages);
        sum.agent_messages += sign.of(ended.agent_messages);
        sum.ratings += sign.of(i64::from(rating.is_some()));
        sum.rating_points += sign.of(rating.map_or(0, i64::from));
        sum.unanswered += sign.of(i64::from(ended.is_unanswered));
    }

    /// Counts a link.
    pub(crate) fn count_link(&mut self, sign: Sign, group: Group) {
        *self.links.entry(group).or_default() += sign.of(1);
    }
}

fn milliseconds(from: OffsetDateTime, to: OffsetDateTime) -> i64 {
    i64::try_from((to - from).whole_milliseconds()).unwrap_or(i64::MAX)
}

/// Adds the changes to the sums, where there are any.
pub(crate) async fn save(connection: &mut PgConnection, sums: &Sums) -> sqlx::Result<()> {
    let sessions: Vec<_> = sums.sessions.iter().filter(|(_, sum)| **sum != SessionSum::default()).collect();
    if !sessions.is_empty() {
        save_sessions(connection, &sessions).await?;
    }
    let durations: Vec<_> = sums.durations.iter().filter(|(_, sessions)| **sessions != 0).collect();
    if !durations.is_empty() {
        save_durations(connection, &durations).await?;
    }
    let links: Vec<_> = sums.links.iter().filter(|(_, links)| **links != 0).collect();
    if !links.is_empty() {
        save_links(connection, &links).await?;
    }
    let less = sessions.iter().filter(|(_, sum)| sum.sessions < 0).map(|((group, _), _)| group.agent);
    let less = less.chain(durations.iter().filter(|(_, sessions)| **sessions < 0).map(|((group, ..), _)| group.agent));
    let less = less.chain(links.iter().filter(|(_, links)| **links < 0).map(|(group, _)| group.agent));
    let less: BTreeSet<Uuid> = less.collect();
    if less.is_empty() { Ok(()) } else { delete_empty(connection, &less.into_iter().collect::<Vec<_>>()).await }
}

/// Deletes the sums of agents that nothing is left of, as if it had never been there.
async fn delete_empty(connection: &mut PgConnection, agents: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH sessions AS (DELETE FROM session_sum WHERE agent = ANY($1) AND sessions = 0),
            durations AS (DELETE FROM session_duration WHERE agent = ANY($1) AND sessions = 0)
        DELETE FROM link_sum
        WHERE agent = ANY($1)
        AND links = 0",
        agents,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn save_sessions(connection: &mut PgConnection, sums: &[(&(Group, String), &SessionSum)]) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO session_sum AS known (
            agent, day, end_reason, shard, sessions, wrote, replied, chatter_messages, agent_messages, ratings, rating_points, unanswered
        )
        SELECT *
        FROM UNNEST(
            $1::UUID[], $2::DATE[], $3::TEXT[], $4::INTEGER[], $5::BIGINT[], $6::BIGINT[], $7::BIGINT[], $8::BIGINT[], $9::BIGINT[],
            $10::BIGINT[], $11::BIGINT[], $12::BIGINT[]
        )
        ON CONFLICT (agent, day, end_reason) DO UPDATE
        SET sessions = known.sessions + excluded.sessions,
            wrote = known.wrote + excluded.wrote,
            replied = known.replied + excluded.replied,
            chatter_messages = known.chatter_messages + excluded.chatter_messages,
            agent_messages = known.agent_messages + excluded.agent_messages,
            ratings = known.ratings + excluded.ratings,
            rating_points = known.rating_points + excluded.rating_points,
            unanswered = known.unanswered + excluded.unanswered",
        &column(sums, |((group, _), _)| group.agent),
        &column(sums, |((group, _), _)| group.day),
        &column(sums, |((_, reason), _)| reason.clone()),
        &column(sums, |((group, _), _)| group.shard),
        &column(sums, |(_, sum)| sum.sessions),
        &column(sums, |(_, sum)| sum.wrote),
        &column(sums, |(_, sum)| sum.replied),
        &column(sums, |(_, sum)| sum.chatter_messages),
        &column(sums, |(_, sum)| sum.agent_messages),
        &column(sums, |(_, sum)| sum.ratings),
        &column(sums, |(_, sum)| sum.rating_points),
        &column(sums, |(_, sum)| sum.unanswered),
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn save_durations(connection: &mut PgConnection, changes: &[(&(Group, Measure, i64), &i64)]) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO session_duration AS known (agent, day, measure, bucket, shard, sessions)
        SELECT agent, day, measure, duration_bucket(milliseconds), shard, sum(sessions)::BIGINT
        FROM UNNEST($1::UUID[], $2::DATE[], $3::TEXT[], $4::BIGINT[], $5::INTEGER[], $6::BIGINT[])
            AS change (agent, day, measure, milliseconds, shard, sessions)
        GROUP BY agent, day, measure, duration_bucket(milliseconds), shard
        HAVING sum(sessions) <> 0
        ON CONFLICT (agent, day, measure, bucket) DO UPDATE
        SET sessions = known.sessions + excluded.sessions",
        &column(changes, |((group, ..), _)| group.agent),
        &column(changes, |((group, ..), _)| group.day),
        &column(changes, |((_, measure, _), _)| measure.name()) as &[&str],
        &column(changes, |((_, _, milliseconds), _)| *milliseconds),
        &column(changes, |((group, ..), _)| group.shard),
        &column(changes, |(_, sessions)| **sessions),
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn save_links(connection: &mut PgConnection, changes: &[(&Group, &i64)]) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO link_sum AS known (agent, day, shard, links)
        SELECT *
        FROM UNNEST($1::UUID[], $2::DATE[], $3::INTEGER[], $4::BIGINT[])
        ON CONFLICT (agent, day) DO UPDATE
        SET links = known.links + excluded.links",
        &column(changes, |(group, _)| group.agent),
        &column(changes, |(group, _)| group.day),
        &column(changes, |(group, _)| group.shard),
        &column(changes, |(_, links)| **links),
    )
    .execute(connection)
    .await?;
    Ok(())
}
