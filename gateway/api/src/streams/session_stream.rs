//! A session's event stream for its page: without a gap over any number of connections.

use std::convert::Infallible;
use std::time::Duration;

use app::{App, Client, WaitPermit};
use auth::Chatter;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::session::Status;
use domain::{Address, DeviceId, LinkId};
use events::{Moment, Speaker};
use futures_util::Stream;
use http::StatusCode;
use hub::{AgentState, Delivery, Entry, Signal, Subscription};
use nats::Position;
use problem::{Code, Problem};
use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use super::sse::{self, Departure, Frames, first_beat, next_beat};

/// How many pending deliveries are written as one.
const WRITTEN_AT_ONCE: usize = 64;
/// How long a stream stays after the session has ended, for what follows at once: an erasure, above all.
const LINGERS: Duration = Duration::from_millis(500);

/// Opens the stream of a session from what comes after `after` on; without it, from the beginning.
///
/// 204 when nothing will come any more: the standard's way to end reconnecting (WHATWG HTML, section 9.2.3).
pub(super) async fn open(app: App, chatter: &Chatter, client: Client, after: Option<Position>) -> Result<Response, Problem> {
    let (session, device) = (chatter.address(), chatter.device);
    let shard = app.backbone().shard_of(session.agent);
    let after = after.unwrap_or(Position { shard, sequence: 0, index: 0 });
    if after.shard != shard {
        return Err(Code::CursorReset.into());
    }
    let state = app.commands().session(session).await?;
    match state.status {
        Status::Unknown => return Err(Code::SessionUnknown.into()),
        Status::Ended | Status::Erased if has_seen_all(&app, session, after).await? => {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        Status::Active | Status::Idle | Status::Ended | Status::Erased => {}
    }
    let (link, owes_reply) = (state.link.ok_or(Code::SessionUnknown)?, state.owed_since.is_some());
    let permit = app.waits().begin_for_chatter(chatter.session, link, client.0)?;
    let subscription = app.hub().view(session, after).await?;
    let has_ended = matches!(state.status, Status::Ended | Status::Erased);
    let viewer = Viewer {
        app,
        session,
        device,
        link,
        subscription,
        owes_reply,
        told: None,
        beat: first_beat(),
        // What was missed is told first, however long that takes.
        ends_at: has_ended.then(|| Instant::now() + LINGERS),
        departure: Departure::default(),
        began: false,
        over: false,
        _permit: permit,
    };
    Ok(sse::response(viewer.frames()))
}

/// Tells whether a client at `after` has had the last event of a session that is over; a position beyond the log's end proves nothing.
async fn has_seen_all(app: &App, session: Address, after: Position) -> Result<bool, Problem> {
    let Some(last) = app.backbone().store().last(session).await? else { return Ok(false) };
    let events = u16::try_from(last.types.split(',').count()).unwrap_or(u16::MAX);
    let seen = after >= Position { sequence: last.head.sequence, index: events.saturating_sub(1), ..after };
    Ok(seen && after.sequence <= app.backbone().end(after.shard).await?)
}

/// One connection's view of a session.
struct Viewer {
    app: App,
    session: Address,
    device: DeviceId,
    link: LinkId,
    subscription: Subscription,
    owes_reply: bool,
    /// The agent's state as it was last told.
    told: Option<AgentState>,
    beat: Instant,
    /// When the stream ends, once the session has, unless something is still to be read.
    ends_at: Option<Instant>,
    departure: Departure,
    began: bool,
    over: bool,
    _permit: WaitPermit,
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
        if !std::mem::replace(&mut self.began, true) {
            return Some(self.greeting());
        }
        while !self.over {
            let delivery = tokio::select! {
                biased;
                delivery = self.subscription.next() => delivery,
                () = ended(self.ends_at) => {
                    if self.subscription.is_caught_up() {
                        return Some(self.farewell());
                    }
                    self.ends_at = Some(Instant::now() + LINGERS);
                    continue;
                }
                () = sleep_until(self.beat) => return Some(self.heartbeat()),
                // The client comes back after the pause that it was told at the beginning.
                () = self.departure.due(&self.app) => return None,
            };
            let mut frames = Frames::default();
            self.write(delivery, &mut frames).await;
            for _ in 1..WRITTEN_AT_ONCE {
                if self.over {
                    break;
                }
                let Some(delivery) = self.subscription.try_next() else { break };
                self.write(delivery, &mut frames).await;
            }
            // The agent's state matters only once the client has caught up.
            if !self.over && self.subscription.is_caught_up() {
                self.tell_presence(&mut frames);
            }
            if let Some(bytes) = frames.done() {
                self.beat = next_beat();
                return Some(bytes);
            }
        }
        None
    }

    /// Says from where to resume and how soon, before anything else comes; and what is so right now.
    fn greeting(&mut self) -> Bytes {
        let mut frames = Frames::default();
        let cursor = self.app.cursors().seal(self.subscription.at());
        frames.put_beginning(&cursor);
        self.tell_presence(&mut frames);
        if self.app.hub().agent_types(self.session) {
            frames.put_event("typing", &Typing { by: Speaker::Agent, typing: true });
        }
        frames.done().unwrap_or_default()
    }

    fn heartbeat(&mut self) -> Bytes {
        self.beat = next_beat();
        let mut frames = Frames::default();
        frames.put_sign_of_life();
        self.tell_presence(&mut frames);
        frames.done().unwrap_or_default()
    }

    /// Ends the stream; whoever comes back from here learns that nothing will come any more.
    fn farewell(&mut self) -> Bytes {
        self.over = true;
        let mut frames = Frames::default();
        frames.put_end(&self.app.cursors().seal(self.subscription.at()));
        frames.done().unwrap_or_default()
    }

    async fn write(&mut self, delivery: Delivery, frames: &mut Frames) {
        match delivery {
            Delivery::Entry(entry, after) => self.write_entry(&entry, after, frames).await,
            Delivery::Signal(Signal::Typing { by: Speaker::Agent, typing }) => {
                frames.put_event("typing", &Typing { by: Speaker::Agent, typing });
            }
            // A chatter does not receive their own typing signal; the agent's state is written by the caller; keys are for their holders.
            Delivery::Signal(Signal::Typing { by: Speaker::Chatter | Speaker::System, .. } | Signal::Agent { .. })
            | Delivery::AgentChanged => {}
            Delivery::Reset => {
                frames.put_reset();
                self.over = true;
            }
            Delivery::Closed => self.over = true,
        }
    }

    async fn write_entry(&mut self, entry: &Entry, after: Position, frames: &mut Frames) {
        // Boxed: a stream that only waits, as most do, should keep no room for this.
        match Box::pin(entry.sse(self.app.backbone(), Some(after))).await {
            Ok(bytes) => {
                frames.put(bytes);
                self.owes_reply = entry.leaves_reply_owed().unwrap_or(self.owes_reply);
                if entry.ends() {
                    self.ends_at.get_or_insert_with(|| Instant::now() + LINGERS);
                }
                // A forgotten device gets no more events, and is refused when it comes back.
                self.over = entry.erases() || (entry.forgets() && self.is_forgotten().await);
            }
            Err(error) => {
                // The client resumes before this commit, and gets it when it can be opened.
                tracing::warn!(%error, "a commit cannot be shown; the stream ends");
                frames.put_retry_later();
                self.over = true;
            }
        }
    }

    /// Tells whether this device was just shut out; where that cannot be known, it is told when it comes back.
    async fn is_forgotten(&self) -> bool {
        Box::pin(self.app.commands().has_just_forgotten(self.session, self.device)).await.unwrap_or(true)
    }

    /// Tells what the agent is doing, where that has changed.
    fn tell_presence(&mut self, frames: &mut Frames) {
        let state = self.app.hub().agent_state(self.session.agent, self.link, self.owes_reply);
        if self.told.replace(state) != Some(state) {
            frames.put_event("presence", &Presence { who: Speaker::Agent, state, since: Moment(command_service::clock::now()) });
        }
    }
}

/// Waits for the end of a stream, where that is known.
async fn ended(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
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
