//! Small signals of a chatter: typing, and how far they have read.

use app::{App, Limit};
use auth::Chatter;
use axum::extract::State;
use body::Json;
use domain::session::Reader;
use events::Speaker;
use http::StatusCode;
use problem::{Code, Problem};
use serde::Deserialize;
use utoipa::ToSchema;

/// Whether the chatter types.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Typing {
    /// Whether it began, or stopped.
    typing: bool,
}

/// Tells the agent that the chatter types, or stopped; nothing of it is kept.
#[utoipa::path(
    post, path = "/sessions/{id}/typing", operation_id = "signal_typing", tag = "chatters", params(("id" = String, Path)), request_body = Typing,
    responses(
        (status = 204, description = "Told."),
        (status = 401, description = "session_unknown", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 429, description = "rate_limited", body = problem::Body<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn typing(State(app): State<App>, chatter: Chatter, Json(signal): Json<Typing>) -> Result<StatusCode, Problem> {
    app.limits().check(Limit::SessionTyping(chatter.session))?;
    app.hub().typing(chatter.address(), Speaker::Chatter, signal.typing).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How far the chatter has read.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Read {
    /// The cursor of the last event read.
    upto: String,
}

/// Notes how far the chatter has read: at most once a second.
#[utoipa::path(
    post, path = "/sessions/{id}/read", operation_id = "mark_read", tag = "chatters", params(("id" = String, Path)), request_body = Read,
    responses(
        (status = 204, description = "Noted."),
        (status = 401, description = "session_unknown", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 410, description = "cursor_reset, session_erased", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 429, description = "rate_limited", body = problem::Body<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn read(State(app): State<App>, chatter: Chatter, Json(read): Json<Read>) -> Result<StatusCode, Problem> {
    let upto = app.cursors().open(&read.upto)?;
    if upto.shard != app.backbone().shard_of(chatter.agent) {
        return Err(Code::CursorReset.into());
    }
    let receipt = app.commands().mark_read(chatter.address(), Reader::Chatter, upto.sequence).await?;
    app.wrote(chatter.agent, &receipt);
    Ok(StatusCode::NO_CONTENT)
}
