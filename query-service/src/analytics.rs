//! Figures over a period. All are counts and times of sessions, which stay when the words are erased.
//!
//! They are taken straight from the sessions' rows, as the projector keeps them: a table of sums beside them would be one more
//! thing to keep true, and 100,000 sessions of one agent are summed up in a fraction of a second.

use domain::session::EndReason;
use domain::{AgentId, LinkId, Millis, Timestamp};
use sqlx::{Postgres, Transaction};
use time::{Date, OffsetDateTime};

use crate::columns::{count, end_reason, moment, uuid};
use crate::freshness::Snapshot;
use crate::{Answer, Error, Freshness, Queries, Viewer, clock};

/// What became of the links that were opened, and of the sessions that started, since a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Analytics {
    /// Since when.
    pub since: Timestamp,
    /// Links opened.
    pub links_opened: u64,
    /// Sessions started.
    pub joined: u64,
    /// Those among them in which the chatter said something.
    pub wrote: u64,
    /// Those among them in which the agent said something after that.
    pub replied: u64,
    /// How long the chatter's first word waited for the agent's first after it.
    pub first_reply: Option<Spread>,
    /// The chatters' messages.
    pub chatter_messages: u64,
    /// The agent's messages and questions.
    pub agent_messages: u64,
    /// How many sessions ended, by reason, the commonest first; those whose time is up have ended, whatever their timers do.
    pub ended: Vec<(EndReason, u64)>,
    /// How long those lasted.
    pub length: Option<Spread>,
    /// Sessions that still are open.
    pub open: u64,
    /// Ratings given.
    pub ratings: u64,
    /// Their average, 1 to 5.
    pub average_rating: Option<f64>,
    /// Sessions, open or ended, in which the chatter's last word has no answer.
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
    /// Those of these sessions in which the chatter's last word has no answer.
    pub unanswered: u64,
}

/// Of what, since when, and as of when.
struct Period {
    agent: AgentId,
    link: Option<LinkId>,
    since: OffsetDateTime,
    now: OffsetDateTime,
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
        let period = Period { agent: viewer.agent(), link, since: moment(since), now: moment(clock::now()) };
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
        let row = sqlx::query!(
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
            CROSS JOIN LATERAL (SELECT coalesce(ended_at, CASE WHEN expires_at <= $4 THEN expires_at END) AS ended) AS standing
            WHERE agent = $1
            AND ($2::UUID IS NULL OR link = $2)
            AND started_at >= $3"#,
            uuid(self.agent.bytes()),
            self.link.map(|link| uuid(link.bytes())),
            self.since,
            self.now,
        )
        .fetch_one(&mut **transaction)
        .await?;
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
        let rows = sqlx::query!(
            r#"SELECT coalesce(end_reason, 'link_expired') AS "reason!", count(*) AS "sessions!"
            FROM session
            WHERE agent = $1
            AND ($2::UUID IS NULL OR link = $2)
            AND started_at >= $3
            AND (ended_at IS NOT NULL OR expires_at <= $4)
            GROUP BY 1
            ORDER BY 2 DESC, 1"#,
            uuid(self.agent.bytes()),
            self.link.map(|link| uuid(link.bytes())),
            self.since,
            self.now,
        )
        .fetch_all(&mut **transaction)
        .await?;
        rows.into_iter().map(|row| Ok((end_reason(&row.reason)?, wide(row.sessions)))).collect()
    }

    async fn links_opened(&self, transaction: &mut Transaction<'static, Postgres>) -> Result<u64, Error> {
        let opened = sqlx::query_scalar!(
            r#"SELECT count(*) AS "opened!" FROM link WHERE agent = $1 AND ($2::UUID IS NULL OR id = $2) AND opened_at >= $3"#,
            uuid(self.agent.bytes()),
            self.link.map(|link| uuid(link.bytes())),
            self.since,
        )
        .fetch_one(&mut **transaction)
        .await?;
        Ok(wide(opened))
    }

    /// Returns the newest days, oldest first, and how many there are before them.
    async fn days(&self, transaction: &mut Transaction<'static, Postgres>, limit: u16) -> Result<(Vec<Day>, u64), Error> {
        let rows = sqlx::query!(
            r#"WITH
            opened AS (
                SELECT (opened_at AT TIME ZONE 'UTC')::DATE AS day, count(*) AS links
                FROM link
                WHERE agent = $1 AND ($2::UUID IS NULL OR id = $2) AND opened_at >= $3
                GROUP BY 1
            ),
            started AS (
                SELECT
                    (started_at AT TIME ZONE 'UTC')::DATE AS day,
                    count(*) AS joined,
                    sum(chatter_messages + agent_messages)::BIGINT AS messages,
                    count(owed_since) AS unanswered
                FROM session
                WHERE agent = $1 AND ($2::UUID IS NULL OR link = $2) AND started_at >= $3
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
            LIMIT $4"#,
            uuid(self.agent.bytes()),
            self.link.map(|link| uuid(link.bytes())),
            self.since,
            i64::from(limit),
        )
        .fetch_all(&mut **transaction)
        .await?;
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

/// Reads the two percentiles; there are none where there is nothing to sort.
fn spread(percentiles: Option<&[i64]>) -> Option<Spread> {
    match percentiles? {
        [median, p90] => Some(Spread { median: Millis(*median), p90: Millis(*p90) }),
        _ => None,
    }
}
