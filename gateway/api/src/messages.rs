//! Messages: posting one, reading what was said, waiting for what comes.

use std::time::Duration;

use app::{App, Client, Priced, WaitPermit};
use auth::Chatter;
use axum::extract::State;
use axum::response::IntoResponse;
use body::Json;
use command_service::{Receipt, Refusal};
use domain::session::Rejection;
use events::{Audience, Event, Moment, message_of_chatter, present};
use http::StatusCode;
use hub::{AgentState, Delivery, Entry, Subscription};
use nats::{Actor, Position};
use problem::{Code, Problem, until};
use query_service::Range;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Instant, sleep_until, timeout};
use utoipa::{IntoParams, ToSchema};

use super::history;
use super::input::{Query, chosen_id, within};
use super::session::Shown;

/// Events on a page where the client names no number.
const LIMIT: u16 = 20;
/// Events on a page at most.
const MOST: u16 = 100;
/// The longest wait in seconds.
const LONGEST_WAIT: u16 = 25;
/// How long a wait goes on for more of what was missed, once there is something to tell.
const MORE_WITHIN: Duration = Duration::from_millis(50);

/// A chatter's message.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewMessage {
    /// An id that the client chose: the same one again with the same text is the same message.
    client_message_id: String,
    /// The words.
    text: String,
    /// With `proof_required` answered before: `{challenge, solution}`, the challenge as it came with its `solution`, `{counter, derivedKey}`.
    #[schema(value_type = Option<Object>)]
    proof: Option<Value>,
}

/// The event that was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Posted {
    /// The event.
    event: Event,
}

/// Says something.
#[utoipa::path(
    post, path = "/sessions/{id}/messages", operation_id = "post_message", tag = "chatters", params(("id" = String, Path)), request_body = NewMessage,
    responses(
        (status = 201, body = Posted),
        (status = 200, description = "It was said before.", body = Posted),
        (status = 401, description = "session_unknown", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 403, description = "proof_required", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 409, description = "session_ended, message_limit_reached, link_budget_reached, agent_budget_reached, id_reused, link_full", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 410, description = "session_erased", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 422, description = "text_empty, text_too_long", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 429, description = "rate_limited", body = problem::Body<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn post(
    State(app): State<App>,
    client: Client,
    chatter: Chatter,
    Json(message): Json<NewMessage>,
) -> Result<impl IntoResponse, Problem> {
    let NewMessage { client_message_id, text, proof } = message;
    chosen_id("client_message_id", &client_message_id)?;
    let link = app.link_of(chatter.address()).await?;
    app.message(client, link)?;
    if text::is_blank(&text) {
        return Err(Code::TextEmpty.into());
    }
    let receipt = say(&app, client, &chatter, &client_message_id, &text, proof.as_ref()).await?;
    app.wrote(chatter.agent, &receipt);
    let place = (receipt.event, receipt.at.into(), receipt.position);
    let event = message_of_chatter((link, chatter.session), place, text, client_message_id, app.cursors());
    let status = if receipt.replayed { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(Posted { event })))
}

/// Posts a message, and takes its price where abuse is suspected. A repeat of what was said costs nothing.
async fn say(
    app: &App,
    client: Client,
    chatter: &Chatter,
    message_id: &str,
    text: &str,
    proof: Option<&Value>,
) -> Result<Receipt, Problem> {
    let post = |is_paid| app.commands().post_paid(chatter.address(), Actor::Chatter, message_id, text, is_paid);
    match post(false).await {
        Err(Refusal::Session(Rejection::ProofRequired { free_at })) => {
            let begun = app.prices().begin(Priced::Message(chatter.session), client, proof);
            // Who has no machine to work with waits instead.
            let _counted = begun.map_err(|problem| problem.after(until(free_at)))?;
            Ok(post(true).await?)
        }
        posted => Ok(posted?),
    }
}

/// Which part of a session's history is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryParams {
    /// A cursor: what follows it, oldest first.
    after: Option<String>,
    /// A cursor: what leads up to it.
    before: Option<String>,
    /// How many seconds to wait where there is nothing yet, at most 25.
    wait: Option<u16>,
    /// How many events at most: 20, up to 100.
    limit: Option<u16>,
}

/// A page of a session's history.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page {
    /// The time here.
    #[schema(value_type = String, format = DateTime)]
    now: Moment,
    /// The events, oldest first.
    events: Vec<Event>,
    /// From where to go on: for the next `after`, or for the next `before` where that was given.
    next_cursor: String,
    /// Whether there is more at once.
    has_more: bool,
    /// What the agent seems to be doing.
    agent_state: AgentState,
    /// Whether the agent is typing.
    typing: bool,
    /// Whether the very newest may be missing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
}

/// Reads what was said, or waits for what comes.
#[utoipa::path(
    get, path = "/sessions/{id}/messages", operation_id = "list_messages", tag = "chatters", params(("id" = String, Path), HistoryParams),
    responses(
        (status = 200, body = Page),
        (status = 401, description = "session_unknown", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 410, description = "cursor_reset, session_erased", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 429, description = "too_many_streams", body = problem::Body<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get(
    State(app): State<App>,
    chatter: Chatter,
    client: Client,
    Query(params): Query<HistoryParams>,
) -> Result<Json<Page>, Problem> {
    let limit = within("limit", params.limit.unwrap_or(LIMIT), 1, MOST)?;
    let wait = within("wait", params.wait.unwrap_or(0), 0, LONGEST_WAIT)?;
    let place = |cursor: Option<String>| cursor.map(|cursor| app.cursors().open(&cursor)).transpose();
    let (after, before) = (place(params.after)?, place(params.before)?);
    let shown = Shown::find(&app, &chatter).await?;

    let found = match (after, before) {
        (Some(_), Some(_)) => return Err(Problem::field("before", "conflict", "Send after or before, not both.")),
        (None, Some(_)) if wait > 0 => return Err(Problem::field("wait", "conflict", "What was before does not come any more.")),
        (None, Some(before)) => earlier(&app, &chatter, before, limit).await?,
        (after, None) if wait > 0 => {
            let permit = app.waits().begin_for_chatter(chatter.session, shown.link_id, client.0)?;
            coming(&app, &chatter, after, limit, Duration::from_secs(wait.into()), permit).await?
        }
        (after, None) => later(&app, &chatter, after, limit).await?,
    };
    Ok(Json(Page {
        now: Moment(command_service::clock::now()),
        events: found.events,
        next_cursor: app.cursors().seal(found.next),
        has_more: found.has_more,
        agent_state: app.hub().agent_state(
            chatter.agent,
            shown.link_id,
            found.owes_reply.unwrap_or(shown.state.owed_since.is_some()),
        ),
        typing: app.hub().agent_types(chatter.address()),
        stale: found.stale,
    }))
}

struct Found {
    events: Vec<Event>,
    next: Position,
    has_more: bool,
    stale: bool,
    /// Whether the agent owes a reply after what came meanwhile, where that says anything about it.
    owes_reply: Option<bool>,
}

async fn later(app: &App, chatter: &Chatter, after: Option<Position>, limit: u16) -> Result<Found, Problem> {
    let page = history::read(app, chatter, Range::After(after), limit).await?;
    let next = page.span.map(|(_, last)| last).or(after).unwrap_or_else(|| history::beginning(app, chatter));
    Ok(Found { events: page.events, next, has_more: page.has_more, stale: page.stale, owes_reply: None })
}

async fn earlier(app: &App, chatter: &Chatter, before: Position, limit: u16) -> Result<Found, Problem> {
    let page = history::read(app, chatter, Range::Before(before), limit).await?;
    let next = page.span.map_or(before, |(first, _)| first);
    Ok(Found { events: page.events, next, has_more: page.has_more, stale: page.stale, owes_reply: None })
}

/// Waits until something durable happens: from the log, not from the rows.
async fn coming(
    app: &App,
    chatter: &Chatter,
    after: Option<Position>,
    limit: u16,
    wait: Duration,
    _permit: WaitPermit,
) -> Result<Found, Problem> {
    let deadline = Instant::now() + wait;
    let after = after.unwrap_or_else(|| history::beginning(app, chatter));
    if after.shard != app.backbone().shard_of(chatter.agent) {
        return Err(Code::CursorReset.into());
    }
    let mut subscription = app.hub().view(chatter.address(), after).await?;
    let mut found = Found { events: Vec::new(), next: after, has_more: false, stale: false, owes_reply: None };
    loop {
        let delivery = if found.events.is_empty() {
            tokio::select! {
                delivery = subscription.next() => Some(delivery),
                () = sleep_until(deadline) => None,
                () = app.closing().cancelled() => None,
            }
        } else {
            what_is_there(&mut subscription).await
        };
        match delivery {
            None | Some(Delivery::Closed) => return Ok(found),
            Some(Delivery::Signal(..) | Delivery::AgentChanged) => {}
            Some(Delivery::Reset) => return Err(Code::CursorReset.into()),
            Some(Delivery::Entry(entry, after)) => {
                if entry.forgets() && app.commands().has_just_forgotten(chatter.address(), chatter.device).await? {
                    return Err(Code::SessionUnknown.into());
                }
                found.take(app, chatter, &entry, after, limit).await?;
                if found.has_more {
                    return Ok(found);
                }
            }
        }
    }
}

/// Takes what can be told in the same answer.
async fn what_is_there(subscription: &mut Subscription) -> Option<Delivery> {
    if subscription.is_caught_up() {
        return subscription.try_next();
    }
    timeout(MORE_WITHIN, subscription.next()).await.ok()
}

impl Found {
    /// Takes in a commit; what does not fit is left for the next page.
    async fn take(&mut self, app: &App, chatter: &Chatter, entry: &Entry, after: Position, limit: u16) -> Result<(), Problem> {
        let vault = app.backbone().opener().vault(chatter.address()).await?;
        for fact in entry.facts(Some(after)) {
            if self.events.len() >= usize::from(limit) {
                self.has_more = true;
                return Ok(());
            }
            self.events.extend(present(&fact, &vault, app.cursors(), Audience::Chatter)?);
            self.next = fact.position;
        }
        self.owes_reply = entry.leaves_reply_owed().or(self.owes_reply);
        Ok(())
    }
}
