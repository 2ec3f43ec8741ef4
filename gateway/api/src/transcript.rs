//! A chatter's own copy of the chat, until its words are erased.

use app::App;
use askama::Template;
use auth::Chatter;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use events::transcript::{self, Entry};
use events::{Event, Moment};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use problem::{Code, Problem};
use query_service::Range;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::history;
use super::input::Query;
use super::session::{SessionObject, Shown};

/// Events read at once.
const AT_ONCE: u16 = 500;

/// In which form.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TranscriptParams {
    /// `md`, `txt`, `json` or `html`.
    #[serde(default)]
    format: Format,
}

/// The forms of a transcript.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// Markdown.
    #[default]
    Md,
    /// Plain text.
    Txt,
    /// The events themselves.
    Json,
    /// A page.
    Html,
}

/// A transcript for programs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Transcript {
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    now: Moment,
    /// The session.
    session: SessionObject,
    /// Every event, oldest first.
    events: Vec<Event>,
}

#[derive(Template)]
#[template(path = "transcript.html")]
struct Html<'a> {
    title: &'a str,
    made_at: Moment,
    entries: &'a [Entry],
}

/// Gives the chatter a copy of the chat.
#[utoipa::path(
    get, path = "/sessions/{id}/transcript", tag = "chatters", params(("id" = String, Path), TranscriptParams),
    responses(
        (status = 200, content((String = "text/markdown"), (String = "text/plain"), (Transcript = "application/json"), (String = "text/html"))),
        (status = 401, description = "session_unknown", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 410, description = "session_erased", body = problem::Body<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn transcript(
    State(app): State<App>,
    chatter: Chatter,
    Query(params): Query<TranscriptParams>,
) -> Result<Response, Problem> {
    let shown = Shown::find(&app, &chatter).await?;
    let session = shown.object(&app, chatter.agent, chatter.session).await?;
    let events = all(&app, &chatter).await?;
    let now = Moment(command_service::clock::now());
    let (media_type, ending, body) = match params.format {
        Format::Md => {
            ("text/markdown; charset=utf-8", "md", transcript::markdown(session.title(), now, &transcript::entries(&events)))
        }
        Format::Txt => {
            ("text/plain; charset=utf-8", "txt", transcript::plain(session.title(), now, &transcript::entries(&events)))
        }
        Format::Html => {
            let page = Html { title: session.title(), made_at: now, entries: &transcript::entries(&events) };
            let page = page.render().map_err(|error| {
                tracing::error!(%error, "a transcript could not be rendered");
                Code::Internal
            })?;
            ("text/html; charset=utf-8", "html", page)
        }
        Format::Json => {
            let json = serde_json::to_string_pretty(&Transcript { now, session, events }).expect("plain values are JSON");
            ("application/json", "json", json)
        }
    };
    let file = format!("attachment; filename=\"chat.{ending}\"");
    let headers = [
        (CONTENT_TYPE, media_type),
        (CONTENT_DISPOSITION, file.as_str()),
        (CACHE_CONTROL, "no-store"),
        // Should a browser show it after all: nothing in it loads or runs.
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
        ),
    ];
    Ok((headers, body).into_response())
}

/// Reads a whole session.
async fn all(app: &App, chatter: &Chatter) -> Result<Vec<Event>, Problem> {
    let mut events = Vec::new();
    let mut after = None;
    loop {
        let page = history::read(app, chatter, Range::After(after), AT_ONCE).await?;
        events.extend(page.events);
        match page.span {
            Some((_, last)) if page.has_more => after = Some(last),
            Some(_) | None => return Ok(events),
        }
    }
}
