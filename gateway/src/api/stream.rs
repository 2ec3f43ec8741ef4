//! Server-sent events: what a session's page hears, without a gap over any number of connections.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use domain::Address;
use domain::session::Status;
use futures_util::Stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};
use nats::{Position, Scope};
use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use crate::app::App;
use crate::chance;
use crate::event::Speaker;
use crate::hub::{AgentState, Delivery, Signal, Subscription, Topic};
use crate::moment::Moment;
use crate::problem::{Code, Problem};

/// A silent stream says that it is alive about this often; proxies close what is silent for longer.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How many pending deliveries are written as one.
const WRITTEN_AT_ONCE: usize = 64;

/// Opens the stream of a session from what comes after `after` on; without it, from the beginning.
///
/// 204 when nothing will come any more: the standard's way to end reconnecting (WHATWG HTML, section 9.2.3).
pub(crate) async fn open(app: App, session: Address, after: Option<Position>) -> Result<Response, Problem> {
    let shard = app.backbone().shard_of(session.agent);
    let after = after.unwrap_or(Position { shard, sequence: 0, index: 0 });
    if after.shard != shard {
        return Err(Problem::new(Code::CursorReset));
    }
    let state = app.commands().session(session).await?;
    if state.status == Status::Erased && !has_more(&app, session, after).await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let subscription = app.hub().subscribe(Topic::Session(session), Some(after)).await?;
    let owes_reply = state.owed_since.is_some();
    let viewer = Viewer { app, session, subscription, owes_reply, told: None, beat: next_beat(), began: false, over: false };
    let mut response = Body::from_stream(viewer.frames()).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

/// Tells whether the log holds anything of the session after a place.
async fn has_more(app: &App, session: Address, after: Position) -> Result<bool, Problem> {
    let end = app.backbone().end(after.shard).await?;
    let commits = app.backbone().store().scan(Scope::Aggregate(session), after.sequence.saturating_sub(1), end, 2).await?;
    Ok(commits.iter().flat_map(nats::Recorded::facts).any(|fact| fact.position > after))
}

/// One connection's view of a session.
struct Viewer {
    app: App,
    session: Address,
    subscription: Subscription,
    owes_reply: bool,
    /// The agent's state as it was last told.
    told: Option<AgentState>,
    beat: Instant,
    began: bool,
    over: bool,
}

impl Viewer {
    fn frames(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
        futures_util::stream::unfold(self, |mut viewer| async move {
            let frames = viewer.next().await?;
            Some((Ok(frames), viewer))
        })
    }

    /// Returns what is to be written next; none at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if self.over {
            return None;
        }
        if !std::mem::replace(&mut self.began, true) {
            return Some(self.greeting());
        }
        loop {
            let delivery = tokio::select! {
                biased;
                delivery = self.subscription.next() => delivery,
                () = sleep_until(self.beat) => return Some(self.heartbeat()),
            };
            let mut frames = BytesMut::new();
            self.write(delivery, &mut frames).await;
            for _ in 1..WRITTEN_AT_ONCE {
                if self.over {
                    break;
                }
                let Some(delivery) = self.subscription.try_next() else { break };
                self.write(delivery, &mut frames).await;
            }
            if !frames.is_empty() {
                self.beat = next_beat();
                return Some(frames.freeze());
            }
            if self.over {
                return None;
            }
        }
    }

    /// Says from where to resume and how soon, before anything else comes.
    fn greeting(&mut self) -> Bytes {
        let mut frames = BytesMut::new();
        let [jitter] = chance::bytes();
        let retry = 1_000 + u32::from(jitter) * 8;
        let cursor = self.app.cursors().seal(self.subscription.at());
        frames.put_slice(format!("retry: {retry}\nid: {cursor}\n\n").as_bytes());
        self.tell_presence(&mut frames);
        frames.freeze()
    }

    fn heartbeat(&mut self) -> Bytes {
        self.beat = next_beat();
        let mut frames = BytesMut::from(&b":\n\n"[..]);
        self.tell_presence(&mut frames);
        frames.freeze()
    }

    async fn write(&mut self, delivery: Delivery, frames: &mut BytesMut) {
        match delivery {
            Delivery::Entry(entry, after) => {
                match entry.sse(self.app.backbone(), Some(after)).await {
                    Ok(bytes) => frames.put_slice(&bytes),
                    Err(error) => {
                        // The client resumes before this commit, and gets it when it can be opened.
                        tracing::warn!(%error, "a commit cannot be shown; the stream ends");
                        self.over = true;
                        return;
                    }
                }
                if let Some(owes_reply) = entry.leaves_reply_owed() {
                    self.owes_reply = owes_reply;
                    self.tell_presence(frames);
                }
                self.over = entry.erases();
            }
            Delivery::Signal(_, Signal::Typing { by: Speaker::Agent, typing }) => {
                put_event(frames, "typing", &Typing { by: Speaker::Agent, typing });
            }
            // One's own typing is no news.
            Delivery::Signal(_, Signal::Typing { by: Speaker::Chatter | Speaker::System, .. }) => {}
            Delivery::Signal(_, Signal::Agent { .. }) => self.tell_presence(frames),
            Delivery::Reset => {
                let code = Code::CursorReset;
                put_event(frames, "reset", &Reset { code: code.as_str(), detail: code.next_step() });
                self.over = true;
            }
            Delivery::Closed => self.over = true,
        }
    }

    /// Tells what the agent is doing, where that has changed.
    fn tell_presence(&mut self, frames: &mut BytesMut) {
        let state = self.app.hub().agent_state(self.session.agent, self.owes_reply);
        if self.told.replace(state) != Some(state) {
            put_event(frames, "presence", &Presence { who: Speaker::Agent, state, since: Moment::now() });
        }
    }
}

/// An ephemeral event: someone types, or stopped.
#[derive(Debug, Serialize)]
struct Typing {
    by: Speaker,
    typing: bool,
}

/// An ephemeral event: what the agent is doing.
#[derive(Debug, Serialize)]
struct Presence {
    who: Speaker,
    state: AgentState,
    since: Moment,
}

/// The cursor cannot be served: begin anew.
#[derive(Debug, Serialize)]
struct Reset {
    code: &'static str,
    detail: &'static str,
}

fn put_event(frames: &mut BytesMut, kind: &str, data: &impl Serialize) {
    let data = serde_json::to_string(data).expect("plain values are JSON");
    frames.put_slice(format!("event: {kind}\ndata: {data}\n\n").as_bytes());
}

fn next_beat() -> Instant {
    // Not all streams at once.
    let [jitter] = chance::bytes();
    Instant::now() + HEARTBEAT - Duration::from_millis(u64::from(jitter) * 16)
}
