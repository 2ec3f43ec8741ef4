//! Answers to typed questions: each is an event, and none is a message.

use std::collections::BTreeMap;

use app::{App, Client};
use auth::Chatter;
use axum::extract::State;
use axum::response::IntoResponse;
use body::Json;
use command_service::Receipt;
use domain::QuestionId;
use events::{Audience, Event, present};
use http::StatusCode;
use nats::Scope;
use problem::{Code, Problem};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::input::chosen_id;

/// What a chatter answers.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewAnswer {
    /// An id that the client chose: the same one again with the same values is the same answer.
    client_message_id: String,
    /// The question, as its event names it.
    question_id: String,
    /// Some or all fields by their keys; what is left out stays as it was, `null` takes a value back.
    #[schema(value_type = Object)]
    values: BTreeMap<String, Value>,
}

/// The event that was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Answered {
    /// The event.
    event: Event,
}

/// Answers some or all fields of a question; again until the question closes.
#[utoipa::path(
    post, path = "/sessions/{id}/answers", operation_id = "answer_question", tag = "chatters", params(("id" = String, Path)), request_body = NewAnswer,
    responses(
        (status = 201, body = Answered),
        (status = 200, description = "It was answered so before.", body = Answered),
        (status = 401, description = "session_unknown", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 404, description = "question_unknown", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 409, description = "question_closed, session_ended, id_reused, link_full", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 410, description = "session_erased", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 422, description = "answer_invalid, with errors by field", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 429, description = "rate_limited", body = problem::Body<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn answer(
    State(app): State<App>,
    client: Client,
    chatter: Chatter,
    Json(answer): Json<NewAnswer>,
) -> Result<impl IntoResponse, Problem> {
    let NewAnswer { client_message_id, question_id, values } = answer;
    chosen_id("client_message_id", &client_message_id)?;
    app.message(client, app.link_of(chatter.address()).await?)?;
    let question = QuestionId::parse(&question_id).map_err(|_| Code::QuestionUnknown)?;
    let receipt = app.commands().answer(chatter.address(), &client_message_id, question, &values).await?;
    recorded(&app, &chatter, &receipt).await
}

/// Returns the event that was asked for, as the log has it.
pub(super) async fn recorded(app: &App, chatter: &Chatter, receipt: &Receipt) -> Result<(StatusCode, Json<Answered>), Problem> {
    app.wrote(chatter.agent, receipt);
    // What is missing now is for the log to say: another answer may have come in between.
    let sequence = receipt.position.sequence;
    let scope = Scope::Aggregate(chatter.address());
    let recorded = app.backbone().store().scan(scope, sequence.saturating_sub(1), sequence, 1).await?;
    let vault = app.backbone().opener().vault(chatter.address()).await?;
    let fact = recorded.iter().flat_map(nats::Recorded::facts).find(|fact| fact.position == receipt.position);
    let event = fact.map(|fact| present(&fact, &vault, app.cursors(), Audience::Chatter)).transpose()?.flatten();
    let status = if receipt.replayed { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(Answered { event: event.ok_or(Code::Internal)? })))
}
