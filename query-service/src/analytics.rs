//! Figures over a period. All are counts and times of sessions, which remain when the texts are erased.
//!
//! They are computed from the sessions' rows, by day and reason in one pass, and for percentiles in a second: a table of sums would be
//! one more thing to keep consistent, and 100,000 sessions of one agent are summed up in a fraction of a second. Of pruned sessions a
//! row of counts is left, which knows no link and of its start the day only: it counts whole on the first day of a period.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use domain::session::EndReason;
use domain::{LinkId, Millis, Timestamp};
use sqlx::types::Uuid;
use time::{Date, OffsetDateTime};

use crate::columns::{end_reason, moment, uuid};
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
    ($period:expr, $fetch:ident($transaction:expr), $query:ident) => {
        match $period.link {
            None => {
                let rows = $query!(
                    "",
                    "UNION ALL
                    SELECT
                        day, end_reason, wrote, first_reply_ms / 1000.0::DOUBLE PRECISION, length_ms / 1000.0::DOUBLE PRECISION,
                        chatter_messages, agent_messages, rating, is_unanswered
                    FROM pruned_session
                    WHERE agent = $1
                    AND day >= ($2 AT TIME ZONE 'UTC')::DATE",
                    [$period]
                );
                rows.$fetch(&mut **$transaction).await?
            }
            Some(link) => $query!("AND link = $4", "", [$period, link]).$fetch(&mut **$transaction).await?,
        }
    };
}

/// The sessions that started on one day and ended for one reason, or have not.
struct SumsRow {
    day: Date,
    reason: Option<String>,
    joined: i64,
    wrote: i64,
    replied: i64,
    chatter_messages: i64,
    agent_messages: i64,
    ratings: i64,
    rating_points: i64,
    unanswered: i64,
}

/// Reads what is summed up of sessions; the third parameter is the time.
macro_rules! figures {
    ($row:ident, $sums:literal, $scope:literal, $pruned:literal, $end:literal, [$period:expr $(, $link:expr)?]) => {
        sqlx::query_as!(
            $row,
            $sums + r#"
            FROM (
                SELECT
                    (started_at AT TIME ZONE 'UTC')::DATE AS day,
                    CASE WHEN ended_at IS NOT NULL OR expires_at <= $3 THEN coalesce(end_reason, 'link_expired') END AS reason,
                    first_chatter_at IS NOT NULL AS wrote,
                    date_part('epoch', first_reply_at - first_chatter_at) AS first_reply,
                    date_part('epoch', coalesce(ended_at, CASE WHEN expires_at <= $3 THEN expires_at END) - started_at) AS length,
                    chatter_messages,
                    agent_messages,
                    rating,
                    owed_since IS NOT NULL AS is_unanswered
                FROM session
                WHERE agent = $1
                AND started_at >= $2
                "# + $scope + $pruned + r#"
            ) AS figure
            "# + $end,
            $period.agent,
            $period.since,
            $period.now
            $(, $link)?
        )
    };
}

/// Sums up sessions by their day and the reason of their end.
macro_rules! sums {
    ($scope:literal, $pruned:literal, $parameters:tt) => {
        figures!(
            SumsRow,
            r#"SELECT
                day AS "day!",
                reason,
                count(*) AS "joined!",
                count(*) FILTER (WHERE wrote) AS "wrote!",
                count(first_reply) AS "replied!",
                sum(chatter_messages)::BIGINT AS "chatter_messages!",
                sum(agent_messages)::BIGINT AS "agent_messages!",
                count(rating) AS "ratings!",
                coalesce(sum(rating), 0)::BIGINT AS "rating_points!",
                count(*) FILTER (WHERE is_unanswered) AS "unanswered!""#,
            $scope,
            $pruned,
            "GROUP BY day, reason",
            $parameters
        )
    };
}

/// Percentiles in seconds.
struct SpreadsRow {
    first_reply: Option<Vec<f64>>,
    length: Option<Vec<f64>>,
}

/// Finds how long replies took and sessions lasted.
macro_rules! spreads {
    ($scope:literal, $pruned:literal, $parameters:tt) => {
        figures!(
            SpreadsRow,
            "SELECT
                percentile_disc(ARRAY[0.5, 0.9]::DOUBLE PRECISION[]) WITHIN GROUP (ORDER BY first_reply) AS first_reply,
                percentile_disc(ARRAY[0.5, 0.9]::DOUBLE PRECISION[]) WITHIN GROUP (ORDER BY length) AS length",
            $scope,
            $pruned,
            "",
            $parameters
        )
    };
}

struct OpenedRow {
    day: Date,
    links: i64,
}

/// Counts links by the day of their opening.
macro_rules! opened {
    ($scope:literal, $pruned:literal, [$period:expr $(, $link:expr)?]) => {
        sqlx::query_as!(
            OpenedRow,
            r#"SELECT day AS "day!", count(*) AS "links!"
            FROM (
                SELECT (opened_at AT TIME ZONE 'UTC')::DATE AS day
                FROM link
                WHERE agent = $1
                AND opened_at >= $2
                "# + $scope + $pruned + r#"
            ) AS opened
            GROUP BY day"#,
            $period.agent,
            $period.since
            $(, $link)?
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
        let transaction = &mut view.transaction;
        let sums = fetch!(period, fetch_all(transaction), sums);
        let spreads = fetch!(period, fetch_one(transaction), spreads);
        let opened = match period.link {
            None => {
                let all = opened!(
                    "",
                    "UNION ALL
                    SELECT day
                    FROM pruned_link
                    WHERE agent = $1
                    AND day >= ($2 AT TIME ZONE 'UTC')::DATE",
                    [period]
                );
                all.fetch_all(&mut **transaction).await?
            }
            Some(link) => opened!("AND id = $3", "", [period, link]).fetch_all(&mut **transaction).await?,
        };
        view.end().await?;
        let mut value = totals(&sums, since)?;
        value.first_reply = spread(spreads.first_reply.as_deref());
        value.length = spread(spreads.length.as_deref());
        value.links_opened = opened.iter().map(|row| wide(row.links)).sum();
        (value.days, value.earlier_days) = newest_days(&sums, &opened, days);
        Ok(Answer { value, stale })
    }
}

/// Adds up all days and reasons.
fn totals(sums: &[SumsRow], since: Timestamp) -> Result<Analytics, Error> {
    let sum = |of: fn(&SumsRow) -> i64| wide(sums.iter().map(of).sum());
    let mut ended = BTreeMap::new();
    for row in sums {
        if let Some(reason) = row.reason.as_deref() {
            *ended.entry(reason).or_default() += wide(row.joined);
        }
    }
    let mut ended: Vec<(&str, u64)> = ended.into_iter().collect();
    ended.sort_by_key(|(_, sessions)| Reverse(*sessions));
    let joined = sum(|row| row.joined);
    let (ratings, points) = (sum(|row| row.ratings), sum(|row| row.rating_points));
    #[expect(clippy::cast_precision_loss, reason = "sessions are far fewer than 2^52")]
    let average_rating = (ratings > 0).then(|| points as f64 / ratings as f64);
    Ok(Analytics {
        since,
        links_opened: 0,
        joined,
        wrote: sum(|row| row.wrote),
        replied: sum(|row| row.replied),
        first_reply: None,
        chatter_messages: sum(|row| row.chatter_messages),
        agent_messages: sum(|row| row.agent_messages),
        open: joined.saturating_sub(ended.iter().map(|(_, sessions)| sessions).sum()),
        ended: ended.into_iter().map(|(reason, sessions)| Ok((end_reason(reason)?, sessions))).collect::<Result<_, Error>>()?,
        length: None,
        ratings,
        average_rating,
        unanswered: sum(|row| row.unanswered),
        days: Vec::new(),
        earlier_days: 0,
    })
}

/// Returns the newest days, oldest first, and how many there are before them.
fn newest_days(sums: &[SumsRow], opened: &[OpenedRow], limit: u16) -> (Vec<Day>, u64) {
    let mut days: BTreeMap<Date, Day> = BTreeMap::new();
    let new = |date| Day { date, links_opened: 0, joined: 0, messages: 0, unanswered: 0 };
    for row in sums {
        let day = days.entry(row.day).or_insert_with(|| new(row.day));
        day.joined += wide(row.joined);
        day.messages += wide(row.chatter_messages + row.agent_messages);
        day.unanswered += wide(row.unanswered);
    }
    for row in opened {
        days.entry(row.day).or_insert_with(|| new(row.day)).links_opened += wide(row.links);
    }
    let earlier = days.len().saturating_sub(usize::from(limit));
    (days.into_values().skip(earlier).collect(), u64::try_from(earlier).unwrap_or(u64::MAX))
}

fn wide(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// Reads the two percentiles, in seconds; `None` where there was nothing to sort.
fn spread(percentiles: Option<&[f64]>) -> Option<Spread> {
    #[expect(clippy::cast_possible_truncation, reason = "lives of sessions are far below 2^52 milliseconds")]
    let millis = |seconds: f64| Millis((seconds * 1_000.0).round() as i64);
    match percentiles? {
        [median, p90] => Some(Spread { median: millis(*median), p90: millis(*p90) }),
        _ => None,
    }
}
