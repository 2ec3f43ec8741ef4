//! The request for a session's event stream: its cursor, and what it is answered where that cannot be served.

use app::{App, Client};
use auth::Chatter;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use nats::Position;
use problem::{Code, Problem};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{session_stream, sse};
use crate::input::Query;

/// From where to listen.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SessionStreamParams {
    /// The last cursor that the client has; `Last-Event-ID` wins over it.
    after: Option<String>,
}

/// Streams what happens in a session (server-sent events).
#[utoipa::path(
    get, path = "/sessions/{id}/events", operation_id = "stream_session_events", tag = "chatters", params(("id" = String, Path), SessionStreamParams),
    responses(
        (status = 200, description = "Events as they happen; `reset` where the cursor cannot be served.", content_type = "text/event-stream"),
        (status = 204, description = "Nothing will happen any more."),
        (status = 401, description = "session_unknown", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 429, description = "too_many_streams", body = problem::Body<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn events(
    State(app): State<App>,
    chatter: Chatter,
    client: Client,
    headers: HeaderMap,
    Query(params): Query<SessionStreamParams>,
) -> Result<Response, Problem> {
    let after = sse::resumes_after(&headers, params.after);
    match listen(app, &chatter, client, after.as_deref()).await {
        Err(Problem { code: code @ (Code::CursorReset | Code::CursorInvalid), .. }) => Ok(sse::reset(code)),
        opened => opened,
    }
}

async fn listen(app: App, chatter: &Chatter, client: Client, after: Option<&str>) -> Result<Response, Problem> {
    let after: Option<Position> = after.map(|after| app.cursors().open(after)).transpose()?;
    session_stream::open(app, chatter, client, after).await
}
