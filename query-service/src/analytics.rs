//! Figures over a period. All are counts and times of sessions, which remain when the texts are erased.
//!
//! What they cost depends on days, not on how many sessions there were: of those that have ended the projector keeps sums by day, with
//! histograms for percentiles, and those that live are few. They know days only, so a period begins with a whole day. Figures of one
//! link are made of that link's rows, in the same way.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use domain::session::EndReason;
use domain::{LinkId, Millis, Timestamp};
use sqlx::types::Uuid;
use sqlx::{Postgres, Transaction};
use time::{Date, OffsetDateTime};

use crate::columns::{end_reason, moment, timestamp, uuid};
use crate::freshness::Snapshot;
use crate::{Answer, Error, Freshness, Queries, Viewer, clock};

/// The outcome of the links that were opened and the sessions that started since a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Analytics {
    /// The start of the period: that of its first day (UTC).
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

/// How a length of time is spread. Lengths are counted in buckets and told by the middle of one: exact below 64 ms, and at most a 64th
/// (1.6 %) off from there on.
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

/// The agent, the first day of the period and the present; the link, where only one counts, is a parameter of its own.
struct Period {
    agent: Uuid,
    link: Option<Uuid>,
    first_day: Date,
    now: OffsetDateTime,
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

/// How many first replies took as long, or how many sessions lasted as long.
struct DurationsRow {
    is_reply: bool,
    milliseconds: i64,
    sessions: i64,
}

struct OpenedRow {
    day: Date,
    links: i64,
}

/// Fetches the rows of a query over all of an agent's sessions, or of the same query over one link's: each is a statement of its own.
///
/// Of all, those that have ended are in the sums; those that have not are few. One link's are all read.
macro_rules! fetch {
    ($query:ident of $period:expr, $transaction:expr) => {
        match $period.link {
            None => {
                let rows = $query!("AND status IN ('active', 'idle')", true, [$period]);
                rows.fetch_all(&mut **$transaction).await?
            }
            Some(link) => $query!("AND link = $4", false, [$period, link]).fetch_all(&mut **$transaction).await?,
        }
    };
}

/// Reads what is made of figures of sessions by their rows; the first three parameters are the agent, the first day and the time.
macro_rules! of_rows {
    ($row:ident, [$($sums:literal),*], $select:literal, $scope:literal, $end:literal, [$period:expr $(, $link:expr)?]) => {
        sqlx::query_as!(
            $row,
            $($sums + )* $select + r#"
            FROM (
                SELECT
                    (started_at AT TIME ZONE 'UTC')::DATE AS day,
                    CASE
                        WHEN status NOT IN ('active', 'idle') OR expires_at <= $3 THEN coalesce(end_reason, 'link_expired')
                    END AS reason,
                    first_chatter_at IS NOT NULL AS wrote,
                    (extract(epoch FROM first_reply_at - first_chatter_at) * 1000)::BIGINT AS first_reply,
                    (
                        extract(epoch FROM CASE
                            WHEN status NOT IN ('active', 'idle') OR expires_at <= $3 THEN coalesce(ended_at, expires_at)
                        END - started_at) * 1000
                    )::BIGINT AS length,
                    chatter_messages,
                    agent_messages,
                    rating,
                    owed_since IS NOT NULL AS is_unanswered
                FROM session
                WHERE agent = $1
                AND started_at >= $2::DATE::TIMESTAMP AT TIME ZONE 'UTC'
                "# + $scope + r#"
            ) AS figure
            "# + $end,
            $period.agent,
            $period.first_day,
            $period.now
            $(, $link)?
        )
    };
}

/// Sums up sessions by their day and the reason of their end.
macro_rules! sums {
    ($scope:literal, true, $parameters:tt) => {
        sums!(
            $scope,
            [
                r#"SELECT
                    day AS "day!", end_reason AS reason, sessions AS "joined!", wrote AS "wrote!", replied AS "replied!",
                    chatter_messages AS "chatter_messages!", agent_messages AS "agent_messages!", ratings AS "ratings!",
                    rating_points AS "rating_points!", unanswered AS "unanswered!"
                FROM session_sum
                WHERE agent = $1
                AND day >= $2
                UNION ALL "#
            ],
            $parameters
        )
    };
    ($scope:literal, false, $parameters:tt) => {
        sums!($scope, [], $parameters)
    };
    ($scope:literal, [$($sums:literal)?], $parameters:tt) => {
        of_rows!(
            SumsRow,
            [$($sums)?],
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
            "GROUP BY day, reason",
            $parameters
        )
    };
}

/// Counts how long first replies took and sessions lasted, shortest first.
macro_rules! durations {
    ($scope:literal, true, $parameters:tt) => {
        durations!(
            $scope,
            [r#"SELECT is_reply AS "is_reply!", bucket_middle(bucket) AS "milliseconds!", sum(sessions)::BIGINT AS "sessions!"
                FROM (
                    SELECT measure = 'first_reply' AS is_reply, bucket, sessions
                    FROM session_duration
                    WHERE agent = $1
                    AND day >= $2
                    UNION ALL "#],
            $parameters
        )
    };
    ($scope:literal, false, $parameters:tt) => {
        durations!(
            $scope,
            [r#"SELECT is_reply AS "is_reply!", bucket_middle(bucket) AS "milliseconds!", sum(sessions)::BIGINT AS "sessions!"
                FROM ( "#],
            $parameters
        )
    };
    ($scope:literal, [$sums:literal], $parameters:tt) => {
        of_rows!(
            DurationsRow,
            [$sums],
            "SELECT is_reply, duration_bucket(milliseconds) AS bucket, 1 AS sessions",
            $scope,
            "CROSS JOIN LATERAL (VALUES (true, first_reply), (false, length)) AS measured (is_reply, milliseconds)
                WHERE milliseconds IS NOT NULL
            ) AS counted
            GROUP BY is_reply, bucket
            ORDER BY is_reply, bucket",
            $parameters
        )
    };
}

impl Queries {
    /// Sums up what began since `since`, of all of an agent's links or of one; at most the newest `days` days one by one.
    ///
    /// The period begins with the day (UTC) that `since` is in.
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
        // The sums are of all links.
        let link = link.or(viewer.link()).map(|link| uuid(link.bytes()));
        let period =
            Period { agent: uuid(viewer.agent().bytes()), link, first_day: moment(since).date(), now: moment(clock::now()) };
        let transaction = &mut view.transaction;
        let sums: Vec<SumsRow> = fetch!(sums of period, transaction);
        let durations: Vec<DurationsRow> = fetch!(durations of period, transaction);
        let opened = opened(transaction, &period).await?;
        view.end().await?;
        let mut value = totals(&sums, timestamp(period.first_day.midnight().assume_utc()))?;
        value.first_reply = spread(&durations, true);
        value.length = spread(&durations, false);
        value.links_opened = opened.iter().map(|row| wide(row.links)).sum();
        (value.days, value.earlier_days) = newest_days(&sums, &opened, days);
        Ok(Answer { value, stale })
    }
}

/// Counts links by the day of their opening.
async fn opened(transaction: &mut Transaction<'static, Postgres>, period: &Period) -> Result<Vec<OpenedRow>, Error> {
    let rows = match period.link {
        None => {
            let all = sqlx::query_as!(
                OpenedRow,
                "SELECT day, links
                FROM link_sum
                WHERE agent = $1
                AND day >= $2",
                period.agent,
                period.first_day
            );
            all.fetch_all(&mut **transaction).await?
        }
        Some(link) => {
            let one = sqlx::query_as!(
                OpenedRow,
                r#"SELECT (opened_at AT TIME ZONE 'UTC')::DATE AS "day!", 1::BIGINT AS "links!"
                FROM link
                WHERE agent = $1
                AND id = $3
                AND opened_at >= $2::DATE::TIMESTAMP AT TIME ZONE 'UTC'"#,
                period.agent,
                period.first_day,
                link
            );
            one.fetch_all(&mut **transaction).await?
        }
    };
    Ok(rows)
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

/// Finds the two percentiles; `None` where nothing was measured. `durations` are in order.
fn spread(durations: &[DurationsRow], of_replies: bool) -> Option<Spread> {
    let measured = || durations.iter().filter(|row| row.is_reply == of_replies);
    let all: i64 = measured().map(|row| row.sessions).sum();
    let percentile = |percent: i64| {
        let mut left = (all * percent + 99) / 100;
        let row = measured().find(|row| {
            left -= row.sessions;
            left <= 0
        });
        row.map(|row| Millis(row.milliseconds))
    };
    Some(Spread { median: percentile(50)?, p90: percentile(90)? })
}
