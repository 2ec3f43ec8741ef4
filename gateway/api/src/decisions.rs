//! Verdicts on what an agent wants to have decided; no agent can give one.

use app::{App, Client};
use auth::Chatter;
use axum::extract::State;
use axum::response::IntoResponse;
use body::Json;
use command_service::Verdict;
use domain::QuestionId;
use domain::session::Choice;
use problem::{Code, Problem};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::answers::{Answered, recorded};
use super::input::chosen_id;

/// What a chatter decides.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewVerdict {
    /// An id that the client chose: the same one again with the same content is the same verdict.
    client_message_id: String,
    /// The decision, as its `question` event names it.
    question_id: String,
    /// `approve`, `reject`, `edit` or `respond`, as far as the decision allows it.
    #[schema(value_type = String, example = "approve")]
    verdict: Choice,
    /// With `edit`: the payload in the place of the one that was shown, a text for a text and JSON for JSON; at most 8,000 characters.
    #[schema(value_type = Option<Object>)]
    edited: Option<Value>,
    /// With `reject`, where there is one, and with `respond`: the words, at most 2,000 characters.
    reason: Option<String>,
}

/// Decides, once: the first verdict stands, from whichever device it comes.
#[utoipa::path(
    post, path = "/sessions/{id}/decisions", operation_id = "decide_question", tag = "chatters", params(("id" = String, Path)), request_body = NewVerdict,
    responses(
        (status = 201, body = Answered),
        (status = 200, description = "It was decided so before, by this very request.", body = Answered),
        (status = 401, description = "session_unknown", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 404, description = "question_unknown", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 409, description = "question_closed, session_ended, id_reused, link_full", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 410, description = "session_erased", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 422, description = "answer_invalid, with errors by member", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 429, description = "rate_limited", body = problem::Body<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn decide(
    State(app): State<App>,
    client: Client,
    chatter: Chatter,
    Json(given): Json<NewVerdict>,
) -> Result<impl IntoResponse, Problem> {
    let NewVerdict { client_message_id, question_id, verdict: choice, edited, reason } = given;
    chosen_id("client_message_id", &client_message_id)?;
    app.message(client, app.link_of(chatter.address()).await?)?;
    let question = QuestionId::parse(&question_id).map_err(|_| Code::QuestionUnknown)?;
    let verdict = Verdict { choice, edited, reason };
    let receipt = app.commands().decide(chatter.address(), &client_message_id, question, &verdict).await?;
    recorded(&app, &chatter, &receipt).await
}
