//! One id for a request, through answer, logs and commits.

use std::fmt;

use axum::extract::Request;
use data_encoding::HEXLOWER;
use http::HeaderName;
use tracing::Instrument as _;

use crate::random;

/// The header in which an answer has it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What a request is called everywhere: a trace id (W3C Trace Context, section 3.2.2.3), from the caller where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId([u8; 16]);

impl RequestId {
    /// Draws a new one.
    pub fn draw() -> Self {
        Self(random::bytes())
    }

    /// Takes the id that a request names, or draws one.
    pub fn of(request: &Request) -> Self {
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
    pub fn traceparent(self) -> String {
        format!("00-{self}-{}-01", HEXLOWER.encode(&random::bytes::<8>()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// Carries a request's name into work that another task does for it.
pub async fn carry<F: Future>(id: RequestId, tool: &'static str, work: F) -> F::Output {
    let span = tracing::info_span!("tool", %id, tool);
    nats::trace::with_parent(id.traceparent(), work).instrument(span).await
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
