//! An agent's event stream: the same events as its waits, for a program that stays connected. It acknowledges nothing.

use std::convert::Infallible;
use std::sync::Arc;

use agent_events::{AgentCursors, CursorScope, Renderer};
use app::{App, Client, WaitPermit};
use auth::{KeyWatch, bearer};
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use command_service::Principal;
use domain::LinkId;
use domain::link::Status;
use events::is_news_to;
use futures_util::Stream;
use http::HeaderMap;
use hub::{Delivery, Entry, Subscription, Topic};
use nats::Position;
use problem::{Code, Problem};
use serde::Deserialize;
use tokio::time::{Instant, sleep_until};
use utoipa::{IntoParams, ToSchema};

use super::sse::{self, Departure, Frames, next_beat};
use crate::input::Query;

/// To what, and from where.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AgentStreamParams {
    /// A link; without it, all of the agent's.
    link_id: Option<String>,
    /// The last cursor that the client has, of this stream or a `next_cursor` of MCP; `Last-Event-ID` wins over it. Without either, from
    /// the beginning.
    after: Option<String>,
    /// `now`: without a cursor, from now on.
    #[param(inline)]
    from: Option<Beginning>,
}

/// Where a stream without a cursor begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Beginning {
    /// With what happens next.
    Now,
}

/// Streams what happens on an agent's links (server-sent events): what `temp_chat_wait_for_messages` would return, one event each.
#[utoipa::path(
    get, path = "/agent/events", operation_id = "stream_agent_events", tag = "agents", params(AgentStreamParams),
    responses(
        (status = 200, description = "Events as they happen; `reset` where the cursor cannot be served, `refused` where the key is no longer good.", content_type = "text/event-stream"),
        (status = 422, description = "cursor_scope", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 403, description = "scope_missing", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 401, description = "key_invalid", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 410, description = "link_erased", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 404, description = "link_unknown", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 429, description = "too_many_streams", body = problem::Body<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn events(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Query(params): Query<AgentStreamParams>,
) -> Result<Response, Problem> {
    let presented = bearer(&headers);
    let principal = match auth::authenticate(&app, &headers, client).await.and_then(may_hear) {
        Ok(principal) => principal,
        Err(problem) => return Ok(auth::refuse(problem, presented.is_some(), app.config())),
    };
    let key = presented.ok_or(Code::KeyInvalid)?.to_owned();
    match open(app, principal, key, client, params, &headers).await {
        Err(Problem { code: code @ (Code::CursorReset | Code::CursorInvalid), .. }) => Ok(sse::reset(code)),
        opened => opened,
    }
}

/// Refuses a key that may not read.
fn may_hear(principal: Principal) -> Result<Principal, Problem> {
    if principal.grant.allows(domain::agent::Scope::Read) {
        return Ok(principal);
    }
    Err(Problem::with_detail(Code::ScopeMissing, "This stream needs a key with read."))
}

async fn open(
    app: App,
    principal: Principal,
    key: String,
    client: Client,
    params: AgentStreamParams,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let agent = principal.agent;
    let cursors = AgentCursors::new(app.cursors().clone(), app.backbone().secrets());
    let asked = match params.link_id.as_deref() {
        Some(link) => Some(own_link(&app, &principal, link).await?),
        None => None,
    };
    // A key that is limited to one link gets events of that link only.
    let (topic, scope) = match asked.or(principal.grant.link) {
        None => (Topic::Agent(agent), CursorScope::Agent),
        Some(link) => (Topic::Link(agent, link), CursorScope::Link(link)),
    };
    let after = sse::resumes_after(headers, params.after);
    let after = after.map(|after| cursors.open(agent, &[scope, CursorScope::Agent], &after)).transpose()?;
    if let (Some(after), Topic::Agent(_)) = (after, topic) {
        app.nothing_was_pruned_after(agent, after).await?;
    }
    let beginning = Position { shard: app.backbone().shard_of(agent), sequence: 0, index: 0 };
    let after = match (after, params.from) {
        (Some(after), _) => Some(after),
        (None, Some(Beginning::Now)) => None,
        (None, None) => Some(beginning),
    };
    let wait = app.waits().begin(&principal, client.0)?;
    let subscription = app.hub().subscribe(topic, after).await?;
    let listener = Listener {
        watch: KeyWatch::new(app.clone(), principal, key),
        app,
        scope,
        cursors: Arc::new(cursors),
        subscription,
        beat: next_beat(),
        departure: Departure::default(),
        began: false,
        over: false,
        _wait: wait,
    };
    Ok(sse::response(listener.frames()))
}

/// Finds one of the agent's links; another agent's is as unknown as none.
async fn own_link(app: &App, principal: &Principal, text: &str) -> Result<LinkId, Problem> {
    let link = LinkId::parse(text).map_err(|_| Problem::new(Code::LinkUnknown))?;
    if principal.grant.link.is_some_and(|only| only != link) {
        return Err(Code::LinkUnknown.into());
    }
    match app.commands().link(principal.agent, link).await?.status {
        Status::Unknown => Err(Code::LinkUnknown.into()),
        Status::Erased => Err(Code::LinkErased.into()),
        Status::Active | Status::Paused | Status::Expired | Status::Revoked => Ok(link),
    }
}

/// One connection of an agent's program.
struct Listener {
    app: App,
    /// What the program presented: a revoked key gets no more events.
    watch: KeyWatch,
    scope: CursorScope,
    cursors: Arc<AgentCursors>,
    subscription: Subscription,
    beat: Instant,
    departure: Departure,
    began: bool,
    over: bool,
    _wait: WaitPermit,
}

impl Listener {
    fn frames(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
        futures_util::stream::unfold(self, |mut listener| async move {
            let frames = listener.next().await?;
            Some((Ok(frames), listener))
        })
    }

    /// Returns what is to be written next; none at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.began, true) {
            self.is_there().await;
            let mut frames = Frames::default();
            frames.put_beginning(&self.cursor(self.subscription.at()));
            return frames.done();
        }
        while !self.over {
            let mut frames = Frames::default();
            tokio::select! {
                biased;
                // First, however much there is to tell.
                () = self.watch.is_due() => {
                    self.is_still_good(&mut frames).await;
                }
                () = sleep_until(self.beat) => self.write_sign_of_life(&mut frames).await,
                delivery = self.subscription.next() => self.write(delivery, &mut frames).await,
                () = self.departure.due(&self.app) => return None,
            }
            if let Some(bytes) = frames.done() {
                return Some(bytes);
            }
        }
        None
    }

    async fn write(&mut self, delivery: Delivery, frames: &mut Frames) {
        match delivery {
            Delivery::Entry(entry, after) => {
                // Boxed: a stream that only waits, as most do, should keep no room for this.
                if !Box::pin(self.is_still_good(frames)).await {
                    return;
                }
                if let Err(problem) = Box::pin(self.write_entry(&entry, after, frames)).await {
                    // The client resumes before this commit, and gets it when it can be opened.
                    tracing::warn!(code = problem.code.as_str(), "a commit cannot be told; the stream ends");
                    frames.put_retry_later();
                    self.over = true;
                }
            }
            Delivery::Signal(_) => {}
            Delivery::AgentChanged => self.watch.agent_changed(),
            Delivery::Reset => {
                frames.put_reset();
                self.over = true;
            }
            Delivery::Closed => self.over = true,
        }
    }

    async fn write_entry(&self, entry: &Entry, after: Position, frames: &mut Frames) -> Result<(), Problem> {
        let mut renderer = Renderer::new(&self.app, self.principal());
        for fact in entry.facts(Some(after)).filter(|fact| is_news_to(self.principal().key, fact)) {
            let Some(mut event) = renderer.render(&fact).await? else { continue };
            let cursor = self.cursor(fact.position);
            event.cursor = Some(cursor.clone());
            frames.put_id(&cursor);
            frames.put_event(event.data.kind(), &event);
        }
        Ok(())
    }

    /// Moves the cursor on over what was no news.
    async fn write_sign_of_life(&mut self, frames: &mut Frames) {
        self.beat = next_beat();
        self.is_there().await;
        if self.subscription.is_caught_up() {
            frames.put_id(&self.cursor(self.subscription.at()));
        }
        frames.put_sign_of_life();
    }

    /// Tells whether the key is still good: where it was taken back, nothing that came after is told, but why the stream ends.
    async fn is_still_good(&mut self, frames: &mut Frames) -> bool {
        if let Err(problem) = self.watch.check().await {
            frames.put_refusal(&problem);
            self.over = true;
        }
        !self.over
    }

    fn principal(&self) -> &Principal {
        self.watch.principal()
    }

    /// Tells the agent's pages that it listens.
    async fn is_there(&self) {
        let Principal { agent, key, grant, .. } = self.principal();
        if let Err(error) = self.app.hub().agent_active(*agent, grant.link, *key, true).await {
            tracing::debug!(%error, "nobody could be told that the agent is there");
        }
    }

    fn cursor(&self, position: Position) -> String {
        self.cursors.seal(self.principal().agent, self.scope, position)
    }
}
