//! Leaving: ending a chat, saying how it was, and having it erased.

use app::App;
use auth::Chatter;
use axum::extract::State;
use axum::response::IntoResponse;
use body::Json;
use command_service::Refusal;
use domain::session::{EndReason, Status};
use events::Moment;
use http::StatusCode;
use nats::Actor;
use problem::{Code, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::session::{SessionAnswer, Shown};

/// How it was.
#[derive(Deserialize, ToSchema)]
pub(super) struct End {
    /// 1 to 5; once.
    #[schema(minimum = 1, maximum = 5)]
    rating: Option<u8>,
    /// A line to go with the rating.
    feedback: Option<String>,
}

/// Ends the chat; a rating is also taken once after any other end, until the words are erased.
#[utoipa::path(
    post, path = "/sessions/{id}/end", operation_id = "end_session", tag = "chatters", params(("id" = String, Path)), request_body = End,
    responses(
        (status = 200, body = SessionAnswer),
        (status = 401, description = "session_unknown", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 409, description = "already_rated", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 410, description = "session_erased", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 422, description = "rating_invalid, text_too_long", body = problem::Body<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn end(State(app): State<App>, chatter: Chatter, Json(end): Json<End>) -> Result<Json<SessionAnswer>, Problem> {
    let feedback = end.feedback.as_deref().map(str::trim).filter(|feedback| !feedback.is_empty());
    if feedback.is_some() && end.rating.is_none() {
        return Err(Problem::field("rating", "missing", "Feedback goes with a rating of 1 to 5."));
    }
    let shown = Shown::find(&app, &chatter).await?;
    // The rating first: a refused one ends nothing.
    if let Some(rating) = end.rating {
        let rated = app.commands().rate(chatter.address(), rating, feedback).await;
        let receipt = rated.map_err(|refusal| match refusal {
            Refusal::IdReused => Code::AlreadyRated.into(),
            other => Problem::from(other),
        })?;
        app.wrote(chatter.agent, &receipt);
    }
    if shown.standing.status != Status::Ended {
        let receipt = app.commands().end(chatter.address(), Actor::Chatter, EndReason::ChatterLeft, None).await?;
        app.wrote(chatter.agent, &receipt);
    }
    let ended = Shown::find_ended(&app, &chatter).await?;
    Ok(Json(ended.answer(&app, chatter.agent, chatter.session).await?))
}

/// What is wrong with a chat.
#[derive(Deserialize, ToSchema)]
pub(super) struct Report {
    /// In the person's own words, at most 1,000 characters.
    reason: String,
}

/// Reports the chat to the operator; the agent does not hear of it. Also after its end, until the words are erased.
#[utoipa::path(
    post, path = "/sessions/{id}/report", operation_id = "report_session", tag = "chatters", params(("id" = String, Path)), request_body = Report,
    responses(
        (status = 204, description = "Reported."),
        (status = 401, description = "session_unknown", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 409, description = "report_limit_reached", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 410, description = "session_erased", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 422, description = "text_empty, text_too_long", body = problem::Body<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn report(State(app): State<App>, chatter: Chatter, Json(report): Json<Report>) -> Result<StatusCode, Problem> {
    let reason = report.reason.trim();
    if reason.is_empty() {
        return Err(Code::TextEmpty.into());
    }
    let receipt = app.commands().report(chatter.address(), reason).await?;
    app.wrote(chatter.agent, &receipt);
    Ok(StatusCode::NO_CONTENT)
}

/// What became of an erasure.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Erasure {
    /// `erased`, or `erasing` while it is unknown whether the key is gone.
    status: &'static str,
    /// When the words were gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    erased_at: Option<Moment>,
}

/// Ends the chat and destroys the key of its words.
#[utoipa::path(
    delete, path = "/sessions/{id}", operation_id = "erase_session", tag = "chatters", params(("id" = String, Path)),
    responses(
        (status = 200, description = "The key is destroyed.", body = Erasure),
        (status = 202, description = "It is unknown whether the key is destroyed: repeat.", body = Erasure),
        (status = 401, description = "session_unknown", body = problem::Body<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn erase(State(app): State<App>, chatter: Chatter) -> Result<impl IntoResponse, Problem> {
    match app.commands().erase(chatter.address(), Actor::Chatter).await {
        Ok(receipt) => {
            app.wrote(chatter.agent, &receipt);
            Ok((StatusCode::OK, Json(Erasure { status: "erased", erased_at: Some(receipt.at.into()) })))
        }
        Err(refusal @ (Refusal::Unavailable(_) | Refusal::Busy)) => {
            tracing::warn!(%refusal, session = %chatter.session, "an erasure is unfinished; the client is to repeat it");
            Ok((StatusCode::ACCEPTED, Json(Erasure { status: "erasing", erased_at: None })))
        }
        Err(refusal) => Err(refusal.into()),
    }
}
