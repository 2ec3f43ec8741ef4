//! The signed heads of the log, for whoever wants to keep them: with one, anyone can show that the log once said something else.

use app::{App, Client};
use auth::bearer;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use body::Json;
use events::Moment;
use http::HeaderMap;
use nats::Document;
use serde::Serialize;
use utoipa::ToSchema;

/// The newest heads.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HeadsAnswer {
    /// The time here.
    #[schema(value_type = String, format = DateTime)]
    now: Moment,
    /// One of each shard: `{type: "head", at, shard, epoch, sequence, running_hash, leaf, kid, signature}`. The signature (Ed25519, base64url)
    /// is over the form of RFC 8785 of the rest; keys are at `/.well-known/tempchat-keys`.
    #[schema(value_type = Vec<Object>)]
    heads: Vec<Document>,
}

/// Tells the newest signed heads of the log; any valid key may ask.
#[utoipa::path(
    get, path = "/agent/heads", operation_id = "get_signed_heads", tag = "agents",
    responses(
        (status = 200, body = HeadsAnswer),
        (status = 401, description = "key_invalid, key_expired", body = problem::Body<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn heads(State(app): State<App>, client: Client, headers: HeaderMap) -> Response {
    if let Err(problem) = auth::authenticate(&app, &headers, client).await {
        return auth::refuse(problem, bearer(&headers).is_some(), app.config());
    }
    let heads = app.backbone().heads().newest().into_iter().map(|signed| signed.document().clone()).collect();
    Json(HeadsAnswer { now: Moment(command_service::clock::now()), heads }).into_response()
}
