//! Figures over a period. All are counts and times of sessions, which remain when the texts are erased.
//!
//! They are computed from the sessions' rows: a table of sums would be one more thing to keep consistent, and 100,000 sessions of
//! one agent are summed up in a fraction of a second.

use domain::session::EndReason;
use domain::{LinkId, Millis, Timestamp};
use sqlx::types::Uuid;
use sqlx::{Postgres, Transaction};
use time::{Date, OffsetDateTime};

use crate::columns::{count, end_reason, moment, uuid};
use crate::freshness::Snapshot;
use crate::{Answer, Error, Freshness, Queries, Viewer, clock};

/// The outcome of the links that were opened and the sessions that started since a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Analytics {
    /// The start of the period.
    pub since: Timestamp,
    /// Links opened.
    pub links_opened: u64,
    /// Sessions started.
    pub joined: u64,
    /// Those among them in which the chatter wrote.
    pub wrote: u64,
    /// Those among them in which the agent wrote after that.
    pub replied: u64,
    /// How long the chatter's first message waited for the agent's first reply.
    pub first_reply: Option<Spread>,
    /// The chatters' messages.
    pub chatter_messages: u64,
    /// The agent's messages and questions.
    pub agent_messages: u64,
    /// How many sessions ended, by reason, the commonest first; those whose time is up count as ended.
    pub ended: Vec<(EndReason, u64)>,
    /// How long those lasted.
    pub length: Option<Spread>,
    /// Sessions that still are open.
    pub open: u64,
    /// Ratings given.
    pub ratings: u64,
    /// Their average, 1 to 5.
    pub average_rating: Option<f64>,
    /// Sessions, open or ended, in which the chatter's last message has no reply.
    pub unanswered: u64,
    /// The newest days (UTC) on which anything began, oldest first.
    pub days: Vec<Day>,
    /// How many such days are before them.
    pub earlier_days: u64,
}

/// How a length of time is spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// Half are no longer.
    pub median: Millis,
    /// Nine in ten are no longer.
    pub p90: Millis,
}

/// What began on a day (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// The day.
    pub date: Date,
    /// Links opened.
    pub links_opened: u64,
    /// Sessions started.
    pub joined: u64,
    /// The messages in these sessions, either way, whenever they were sent.
    pub messages: u64,
    /// Those of these sessions in which the chatter's last message has no reply.
    pub unanswered: u64,
}

/// The agent, the start of the period and the present; the link, where only one counts, is a parameter of its own.
struct Period {
    agent: Uuid,
    link: Option<Uuid>,
    since: OffsetDateTime,
    now: OffsetDateTime,
}

/// Fetches the rows of a query over all of an agent's sessions, or of the same query over one link's: each is a statement of its
/// own.
macro_rules! fetch {
    ($period:expr, $fetch:ident($transaction:expr), $query:ident![$last:expr]) => {
        match $period.link {
            None => $query!("", "", [$period.agent, $period.since, $last]).$fetch(&mut **$transaction).await?,
            Some(link) => {
                $query!("AND link = $4", "AND id = $4", [$period.agent, $period.since, $last, link])
                    .$fetch(&mut **$transaction)
                    .await?
            }
        }
    };
}

struct TotalsRow {
    joined: i64,
    wrote: i64,
    replied: i64,
    first_reply: Option<Vec<i64>>,
    chatter_messages: i64,
    agent_messages: i64,
    length: Option<Vec<i64>>,
    ratings: i64,
    average_rating: Option<f64>,
    unanswered: i64,
}

/// Sums up sessions; the third parameter is the time.
macro_rules! totals {
    ($sessions:literal, $links:literal, [$($parameter:expr),+]) => {
        sqlx::query_as!(
            TotalsRow,
            r#"SELECT
                count(*) AS "joined!",
                count(first_chatter_at) AS "wrote!",
                count(first_reply_at) AS "replied!",
                percentile_disc(ARRAY[0.5, 0.9]::DOUBLE PRECISION[])
                    WITHIN GROUP (ORDER BY (extract(EPOCH FROM first_reply_at - first_chatter_at) * 1000)::BIGINT) AS first_reply,
                coalesce(sum(chatter_messages), 0)::BIGINT AS "chatter_messages!",
                coalesce(sum(agent_messages), 0)::BIGINT AS "agent_messages!",
                percentile_disc(ARRAY[0.5, 0.9]::DOUBLE PRECISION[])
                    WITHIN GROUP (ORDER BY (extract(EPOCH FROM ended - started_at) * 1000)::BIGINT) AS length,
                count(rating) AS "ratings!",
                avg(rating)::DOUBLE PRECISION AS average_rating,
                count(owed_since) AS "unanswered!"
            FROM session
            CROSS JOIN LATERAL (SELECT coalesce(ended_at, CASE WHEN expires_at <= $3 THEN expires_at END) AS ended) AS standing
            WHERE agent = $1
            AND started_at >= $2
            "# + $sessions,
            $($parameter),+
        )
    };
}

struct EndedRow {
    reason: String,
    sessions: i64,
}

/// Counts ended sessions by reason; the third parameter is the time.
macro_rules! ended {
    ($sessions:literal, $links:literal, [$($parameter:expr),+]) => {
        sqlx::query_as!(
            EndedRow,
            r#"SELECT coalesce(end_reason, 'link_expired') AS "reason!", count(*) AS "sessions!"
            FROM session
            WHERE agent = $1
            AND started_at >= $2
            AND (ended_at IS NOT NULL OR expires_at <= $3)
            "# + $sessions + r#"
            GROUP BY 1
            ORDER BY 2 DESC, 1"#,
            $($parameter),+
        )
    };
}

struct DayRow {
    day: Date,
    links: i64,
    joined: i64,
    messages: i64,
    unanswered: i64,
    days: i64,
}

/// Sums up days, the newest first; the third parameter is how many.
macro_rules! days {
    ($sessions:literal, $links:literal, [$($parameter:expr),+]) => {
        sqlx::query_as!(
            DayRow,
            r#"WITH
            opened AS (
                SELECT (opened_at AT TIME ZONE 'UTC')::DATE AS day, count(*) AS links
                FROM link
                WHERE agent = $1
                AND opened_at >= $2
                "# + $links + r#"
                GROUP BY 1
            ),
            started AS (
                SELECT
                    (started_at AT TIME ZONE 'UTC')::DATE AS day,
                    count(*) AS joined,
                    sum(chatter_messages + agent_messages)::BIGINT AS messages,
                    count(owed_since) AS unanswered
                FROM session
                WHERE agent = $1
                AND started_at >= $2
                "# + $sessions + r#"
                GROUP BY 1
            )
            SELECT
                day AS "day!",
                coalesce(links, 0) AS "links!",
                coalesce(joined, 0) AS "joined!",
                coalesce(messages, 0) AS "messages!",
                coalesce(unanswered, 0) AS "unanswered!",
                count(*) OVER () AS "days!"
            FROM opened
            FULL JOIN started USING (day)
            ORDER BY day DESC
            LIMIT $3"#,
            $($parameter),+
        )
    };
}

impl Queries {
    /// Sums up what began since `since`, of all of an agent's links or of one; at most the newest `days` days one by one.
    pub async fn analytics(
        &self,
        viewer: impl Into<Viewer>,
        link: Option<LinkId>,
        since: Timestamp,
        days: u16,
        fresh: Freshness,
    ) -> Result<Answer<Analytics>, Error> {
        let viewer = viewer.into();
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let (agent, link) = (uuid(viewer.agent().bytes()), link.map(|link| uuid(link.bytes())));
        let period = Period { agent, link, since: moment(since), now: moment(clock::now()) };
        let mut value = period.totals(&mut view.transaction, since).await?;
        value.ended = period.ended(&mut view.transaction).await?;
        value.open = value.joined.saturating_sub(value.ended.iter().map(|(_, sessions)| sessions).sum());
        (value.days, value.earlier_days) = period.days(&mut view.transaction, days).await?;
        value.links_opened = period.links_opened(&mut view.transaction).await?;
        view.end().await?;
        Ok(Answer { value, stale })
    }
}

impl Period {
    async fn totals(&self, transaction: &mut Transaction<'static, Postgres>, since: Timestamp) -> Result<Analytics, Error> {
        let row = fetch!(self, fetch_one(transaction), totals![self.now]);
        Ok(Analytics {
            since,
            links_opened: 0,
            joined: wide(row.joined),
            wrote: wide(row.wrote),
            replied: wide(row.replied),
            first_reply: spread(row.first_reply.as_deref()),
            chatter_messages: wide(row.chatter_messages),
            agent_messages: wide(row.agent_messages),
            ended: Vec::new(),
            length: spread(row.length.as_deref()),
            open: 0,
            ratings: wide(row.ratings),
            average_rating: row.average_rating,
            unanswered: wide(row.unanswered),
            days: Vec::new(),
            earlier_days: 0,
        })
    }

    async fn ended(&self, transaction: &mut Transaction<'static, Postgres>) -> Result<Vec<(EndReason, u64)>, Error> {
        let rows = fetch!(self, fetch_all(transaction), ended![self.now]);
        rows.into_iter().map(|row| Ok((end_reason(&row.reason)?, wide(row.sessions)))).collect()
    }

    async fn links_opened(&self, transaction: &mut Transaction<'static, Postgres>) -> Result<u64, Error> {
        let opened = match self.link {
            None => {
                sqlx::query_scalar!(
                    r#"SELECT count(*) AS "opened!" FROM link WHERE agent = $1 AND opened_at >= $2"#,
                    self.agent,
                    self.since,
                )
                .fetch_one(&mut **transaction)
                .await?
            }
            Some(link) => {
                sqlx::query_scalar!(
                    r#"SELECT count(*) AS "opened!" FROM link WHERE agent = $1 AND opened_at >= $2 AND id = $3"#,
                    self.agent,
                    self.since,
                    link,
                )
                .fetch_one(&mut **transaction)
                .await?
            }
        };
        Ok(wide(opened))
    }

    /// Returns the newest days, oldest first, and how many there are before them.
    async fn days(&self, transaction: &mut Transaction<'static, Postgres>, limit: u16) -> Result<(Vec<Day>, u64), Error> {
        let rows = fetch!(self, fetch_all(transaction), days![i64::from(limit)]);
        let all = rows.first().map_or(0, |row| count(row.days));
        let days: Vec<Day> = rows
            .iter()
            .rev()
            .map(|row| Day {
                date: row.day,
                links_opened: wide(row.links),
                joined: wide(row.joined),
                messages: wide(row.messages),
                unanswered: wide(row.unanswered),
            })
            .collect();
        let shown = u64::try_from(days.len()).unwrap_or(u64::MAX);
        Ok((days, u64::from(all).saturating_sub(shown)))
    }
}

fn wide(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// Reads the two percentiles; `None` where there was nothing to sort.
fn spread(percentiles: Option<&[i64]>) -> Option<Spread> {
    match percentiles? {
        [median, p90] => Some(Spread { median: Millis(*median), p90: Millis(*p90) }),
        _ => None,
    }
}
