//! One id for a request, through answer, logs and commits; its route, never its address, for that may hold a token.

use std::fmt;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use data_encoding::HEXLOWER;
use http::{HeaderName, HeaderValue, Method};
use tracing::Instrument as _;

use crate::chance;
use crate::problem::Code;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What a request is called everywhere: a trace id (W3C Trace Context, section 3.2.2.3), from the caller where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestId([u8; 16]);

impl RequestId {
    /// Draws a new one.
    pub(crate) fn draw() -> Self {
        Self(chance::bytes())
    }

    fn of(request: &Request) -> Self {
        let told = |name: &HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
        told(&TRACEPARENT)
            .and_then(Self::of_traceparent)
            .or_else(|| told(&REQUEST_ID).and_then(Self::parse))
            .unwrap_or_else(Self::draw)
    }

    fn of_traceparent(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let version = parts.next()?;
        (version.len() == 2).then(|| parts.next().and_then(Self::parse))?
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 16] = HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()?;
        (bytes != [0; 16]).then_some(Self(bytes))
    }

    /// Returns what commits of this request carry.
    pub(crate) fn traceparent(self) -> String {
        format!("00-{self}-{}-01", HEXLOWER.encode(&chance::bytes::<8>()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// Names, measures and logs a request.
pub(crate) async fn observe(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(&request);
    let method = method(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    request.extensions_mut().insert(id);
    let span = tracing::info_span!("request", %id, method, route);
    let begun = Instant::now();
    let mut response = nats::trace::with_parent(id.traceparent(), next.run(request)).instrument(span.clone()).await;

    let status = response.status();
    let code = response.extensions().get::<Code>().map_or("", |code| code.as_str());
    let took = begun.elapsed();
    span.in_scope(|| {
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        // That there are too many is told by the metrics: a line each would fill the disk.
        if status.is_server_error() && code != Code::Overloaded.as_str() {
            tracing::warn!(status = status.as_u16(), code, milliseconds, "answered");
        } else {
            tracing::debug!(status = status.as_u16(), code, milliseconds, "answered");
        }
    });
    metrics::counter!("tempchat_http_requests_total", "method" => method, "route" => route.clone(), "status" => status.as_str().to_owned(), "code" => code).increment(1);
    metrics::histogram!("tempchat_http_request_seconds", "method" => method, "route" => route).record(took);

    let value = HeaderValue::try_from(id.to_string()).expect("hexadecimal digits");
    response.headers_mut().insert(REQUEST_ID, value);
    response
}

/// Carries a request's name into work that another task does for it.
pub(crate) async fn carry<F: Future>(id: RequestId, tool: &'static str, work: F) -> F::Output {
    let span = tracing::info_span!("tool", %id, tool);
    nats::trace::with_parent(id.traceparent(), work).instrument(span).await
}

/// Names the methods there are; a client can make up others, and each would be a series of its own.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(name: &HeaderName, value: &'static str) -> Request {
        Request::builder().header(name, value).body(Body::empty()).unwrap()
    }

    #[test]
    fn a_callers_own_id_is_kept() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let trace = request(&TRACEPARENT, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        assert_eq!(RequestId::of(&trace).to_string(), id);
        assert_eq!(RequestId::of(&request(&REQUEST_ID, id)).to_string(), id);
        assert!(RequestId::of(&trace).traceparent().starts_with(&format!("00-{id}-")));
    }

    #[test]
    fn what_is_no_id_is_replaced() {
        for value in ["", "secret text", "00000000000000000000000000000000"] {
            let id = RequestId::of(&request(&REQUEST_ID, value)).to_string();
            assert_eq!(id.len(), 32);
            assert_ne!(id, value);
        }
    }
}
