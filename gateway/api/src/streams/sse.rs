//! The form of every event stream (WHATWG HTML, section 9.2): its headers, its frames, its signs of life.

use std::convert::Infallible;
use std::time::Duration;

use app::{App, random};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::Stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use problem::{Code, Problem};
use serde::Serialize;
use tokio::time::{Instant, sleep_until};

/// A silent stream says that it is alive about this often; proxies close what is silent for longer, the page doubts it after 40 s.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A page's stream says so for the first time after this: what lets the beginning through and holds back what follows is found out soon. The page
/// waits for it for 8 s.
const FIRST_BEAT: Duration = Duration::from_secs(2);
/// How soon a client comes back, at least (in milliseconds): after an ordinary end, and after one that a pause may mend.
const RETRY: u32 = 1_000;
const RETRY_LATER: u32 = 6_000;
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Returns the cursor from which a client resumes: `Last-Event-ID` wins over the address's.
pub(super) fn resumes_after(headers: &HeaderMap, after: Option<String>) -> Option<String> {
    let told = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
    told.filter(|id| !id.is_empty()).or(after)
}

/// Answers with a stream of frames.
pub(super) fn response(frames: impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static) -> Response {
    let mut response = Body::from_stream(frames).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // Words would outlive their erasure in a browser's cache.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// Answers with nothing but the word that the cursor is of no use: a browser's `EventSource` cannot read a problem.
pub(super) fn reset(code: Code) -> Response {
    let mut frames = Frames::default();
    frames.put_event("reset", &Why { code: Code::CursorReset.as_str(), detail: code.next_step() });
    response(futures_util::stream::iter([Ok(frames.done().unwrap_or_default())]))
}

/// Why a stream ends: its cursor cannot be served, or whoever listens may listen no more.
#[derive(Debug, Serialize)]
struct Why<'a> {
    code: &'static str,
    detail: &'a str,
}

/// What is written at once: a single piece stays shared with all who write it too.
#[derive(Default)]
pub(super) struct Frames {
    first: Bytes,
    all: BytesMut,
}

impl Frames {
    pub(super) fn put(&mut self, bytes: Bytes) {
        if self.first.is_empty() {
            self.first = bytes;
            return;
        }
        if self.all.is_empty() {
            self.all.put_slice(&self.first);
        }
        self.all.put_slice(&bytes);
    }

    pub(super) fn put_event(&mut self, kind: &str, data: &impl Serialize) {
        let data = serde_json::to_string(data).expect("plain values are JSON");
        self.put(format!("event: {kind}\ndata: {data}\n\n").into());
    }

    /// Says from where to resume and how soon.
    pub(super) fn put_beginning(&mut self, cursor: &str) {
        self.put(format!("retry: {}\nid: {cursor}\n\n", jittered(RETRY)).into());
    }

    /// Says from where to resume after what follows.
    pub(super) fn put_id(&mut self, cursor: &str) {
        self.put(format!("id: {cursor}\n").into());
    }

    /// Says from where to resume where nothing follows.
    pub(super) fn put_end(&mut self, cursor: &str) {
        self.put(format!("id: {cursor}\n\n").into());
    }

    /// Says that the stream is alive.
    pub(super) fn put_sign_of_life(&mut self) {
        self.put(Bytes::from_static(b":\n\n"));
    }

    /// Says that a pause may mend what ends the stream.
    pub(super) fn put_retry_later(&mut self) {
        self.put(format!("retry: {}\n\n", jittered(RETRY_LATER)).into());
    }

    /// Says that the cursor cannot be served.
    pub(super) fn put_reset(&mut self) {
        let code = Code::CursorReset;
        self.put_event("reset", &Why { code: code.as_str(), detail: code.next_step() });
    }

    /// Says why nothing more is told.
    pub(super) fn put_refusal(&mut self, problem: &Problem) {
        self.put_event("refused", &Why { code: problem.code.as_str(), detail: &problem.detail });
    }

    /// Returns what there is, if anything.
    pub(super) fn done(self) -> Option<Bytes> {
        let bytes = if self.all.is_empty() { self.first } else { self.all.freeze() };
        (!bytes.is_empty()).then_some(bytes)
    }
}

/// Spreads a time over the two seconds that follow it (in milliseconds): not all clients at once.
fn jittered(least: u32) -> u32 {
    let [jitter] = random::bytes();
    least + u32::from(jitter) * 8
}

/// When a stream ends because the service is about to stop: not all at once, and while there are others to go to.
#[derive(Debug, Default)]
pub(super) struct Departure(Option<Instant>);

impl Departure {
    /// Waits until it is this stream's turn; cancel safe.
    pub(super) async fn due(&mut self, app: &App) {
        let at = if let Some(at) = self.0 {
            at
        } else {
            app.leaving().cancelled().await;
            let [share] = random::bytes();
            // Balancers have half of the time to notice.
            let half = app.config().drain / 2;
            *self.0.insert(Instant::now() + half + half * u32::from(share) / 320)
        };
        sleep_until(at).await;
    }
}

/// Returns when a page's stream is to say for the first time that it is alive.
pub(super) fn first_beat() -> Instant {
    let [jitter] = random::bytes();
    Instant::now() + FIRST_BEAT + Duration::from_millis(u64::from(jitter) * 4)
}

/// Returns when a silent stream is to say that it is alive.
pub(super) fn next_beat() -> Instant {
    // Not all streams at once.
    let [jitter] = random::bytes();
    Instant::now() + HEARTBEAT - Duration::from_millis(u64::from(jitter) * 16)
}
