//! Figures of a period.

use std::collections::BTreeMap;

use domain::Millis;
use domain::agent::Scope;
use domain::session::EndReason;
use events::Moment;
use problem::Problem;
use query_service::{Analytics, Day, Spread};
use rmcp::handler::server::router::tool::ToolRoute;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::{Definition, Effect, tool};
use crate::agents::Agents;
use crate::args::{Bound, number};
use crate::call::Call;
use crate::results::answer::Answer;

/// How many days are told one by one: a model wants the course of things, not a ledger.
const DAYS: u16 = 31;

const ANALYTICS: Definition = Definition {
    name: "temp_chat_get_analytics",
    title: "Chat figures",
    description: "Figures of the chats that began in the last days: joined, answered how soon, ended how, ratings, unanswered. \
        Days are whole (UTC); medians and p90 are within 1.6 %. \
        For one chat after the other use temp_chat_list_sessions.",
    effect: Effect::Reads,
    scopes: &[Scope::Read],
};

/// Arguments of [`ANALYTICS`].
#[derive(Debug, Deserialize, JsonSchema)]
struct Arguments {
    #[serde(default)]
    #[schemars(with = "String")]
    link_id: Option<String>,
    #[serde(default)]
    #[schemars(with = "i64")]
    days_back: Option<i64>,
}

/// The figures.
#[derive(Debug, Serialize, JsonSchema)]
struct Shown {
    now: Moment,
    since: Moment,
    links_opened: u64,
    sessions: Sessions,
    messages: Messages,
    /// From the chatter's first word to the agent's first after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_reply: Option<Seconds>,
    /// How long the ended ones lasted.
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<Seconds>,
    ratings: Ratings,
    /// Days (UTC) on which something began.
    by_day: Vec<DayShown>,
    /// How many such days are not told.
    #[serde(skip_serializing_if = "is_zero")]
    earlier_days: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Sessions {
    joined: u64,
    chatter_wrote: u64,
    agent_replied: u64,
    unanswered: u64,
    open: u64,
    #[serde(serialize_with = "by_reason")]
    #[schemars(with = "BTreeMap<String, u64>")]
    ended: Vec<(EndReason, u64)>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Messages {
    from_chatters: u64,
    from_agent: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Seconds {
    #[schemars(with = "f64")]
    median_seconds: Value,
    #[schemars(with = "f64")]
    p90_seconds: Value,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Ratings {
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    average: Option<Value>,
}

/// A day; what is zero is left out.
#[derive(Debug, Serialize, JsonSchema)]
struct DayShown {
    day: String,
    #[serde(skip_serializing_if = "is_zero")]
    links_opened: u64,
    #[serde(skip_serializing_if = "is_zero")]
    joined: u64,
    #[serde(skip_serializing_if = "is_zero")]
    messages: u64,
    #[serde(skip_serializing_if = "is_zero")]
    unanswered: u64,
}

pub(super) fn routes() -> Vec<ToolRoute<Agents>> {
    vec![tool(ANALYTICS, &[Bound::new("days_back", 1, 365).usually(30)], analytics)]
}

async fn analytics(call: Call, arguments: Arguments) -> Result<Answer<Shown>, Problem> {
    let (app, agent) = (call.app(), call.principal.agent);
    // A key that is limited to one link counts nothing else.
    let link = arguments.link_id.as_deref().map(|link| call.link_id(link)).transpose()?.or(call.principal.grant.link);
    if let Some(link) = link {
        call.link_scope(link).await?;
    }
    let now = Moment(command_service::clock::now());
    let since = now.0 - Millis::minutes(arguments.days_back.unwrap_or(30) * 24 * 60);
    let answer = app.queries().analytics(call.viewer(), link, since, DAYS, app.freshness(agent)).await?;
    Ok(Answer::of(Shown::of(now, answer.value, answer.stale)))
}

impl Shown {
    fn of(now: Moment, figures: Analytics, stale: bool) -> Self {
        Self {
            now,
            since: figures.since.into(),
            links_opened: figures.links_opened,
            sessions: Sessions {
                joined: figures.joined,
                chatter_wrote: figures.wrote,
                agent_replied: figures.replied,
                unanswered: figures.unanswered,
                open: figures.open,
                ended: figures.ended,
            },
            messages: Messages { from_chatters: figures.chatter_messages, from_agent: figures.agent_messages },
            first_reply: figures.first_reply.map(Seconds::of),
            length: figures.length.map(Seconds::of),
            ratings: Ratings {
                count: figures.ratings,
                average: figures.average_rating.map(|average| number((average * 100.0).round() / 100.0)),
            },
            by_day: figures.days.iter().map(DayShown::of).collect(),
            earlier_days: figures.earlier_days,
            stale,
        }
    }
}

impl Seconds {
    fn of(spread: Spread) -> Self {
        Self { median_seconds: seconds(spread.median), p90_seconds: seconds(spread.p90) }
    }
}

impl DayShown {
    fn of(day: &Day) -> Self {
        let Day { date, links_opened, joined, messages, unanswered } = *day;
        Self { day: date.to_string(), links_opened, joined, messages, unanswered }
    }
}

/// Tells a length in seconds, to a tenth.
fn seconds(length: Millis) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "lives of sessions are far below 2^52 tenths of a second")]
    let tenths = (length.0 / 100) as f64;
    number(tenths / 10.0)
}

fn by_reason<S: Serializer>(ended: &[(EndReason, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(ended.iter().copied())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}
