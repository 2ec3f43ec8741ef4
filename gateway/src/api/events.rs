//! The door to a session's event stream: who may listen, and from where.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName};
use nats::Position;
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::Query;
use super::stream;
use crate::app::App;
use crate::auth::Chatter;
use crate::problem::{Code, Problem};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// From where to listen.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Params {
    /// The last cursor that the client has; `Last-Event-ID` wins over it.
    after: Option<String>,
}

/// Streams what happens in a session (server-sent events).
#[utoipa::path(
    get, path = "/sessions/{id}/events", tag = "chatters", params(("id" = String, Path), Params),
    responses(
        (status = 200, description = "Events as they happen; `reset` where the cursor cannot be served.", content_type = "text/event-stream"),
        (status = 204, description = "Nothing will happen any more."),
        (status = 401, description = "session_unknown", body = crate::problem::Body<'static>, content_type = "application/problem+json"),
        (status = 429, description = "too_many_streams", body = crate::problem::Body<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn events(
    State(app): State<App>,
    chatter: Chatter,
    headers: HeaderMap,
    Query(params): Query<Params>,
) -> Result<Response, Problem> {
    let told = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
    let after = told.filter(|id| !id.is_empty()).or(params.after);
    match listen(app, &chatter, after.as_deref()).await {
        // A browser's `EventSource` cannot read a problem: it is told as an event.
        Err(Problem { code: code @ (Code::CursorReset | Code::CursorInvalid), .. }) => Ok(reset(code)),
        opened => opened,
    }
}

async fn listen(app: App, chatter: &Chatter, after: Option<&str>) -> Result<Response, Problem> {
    let after: Option<Position> = after.map(|after| app.cursors().open(after)).transpose()?;
    stream::open(app, chatter, after).await
}

/// Answers with nothing but the word that the cursor is of no use.
fn reset(code: Code) -> Response {
    let detail = serde_json::json!({ "code": Code::CursorReset.as_str(), "detail": code.next_step() });
    let frame = format!("event: reset\ndata: {detail}\n\n");
    let body = Body::from_stream(futures_util::stream::iter([Ok::<_, Infallible>(Bytes::from(frame))]));
    ([(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache, no-transform")], body).into_response()
}
