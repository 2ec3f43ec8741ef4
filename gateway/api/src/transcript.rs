//! A chatter's own copy of the chat, until its words are erased.

use std::num::NonZeroU32;
use std::time::Duration;

use app::{App, Limit, WaitPermit};
use askama::Template;
use auth::Chatter;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use events::transcript::{self, Entry, Reader};
use events::{Event, Moment};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use problem::Problem;
use query_service::Range;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::timeout;
use utoipa::{IntoParams, ToSchema};

use super::history::{self, History};
use super::input::Query;
use super::session::{SessionObject, Shown};

/// Events read at once, and written as one piece.
const AT_ONCE: u16 = 200;
/// How many ordinary requests of its session a transcript costs: it reads up to some thousand events.
const COST: NonZeroU32 = NonZeroU32::new(20).expect("more than nothing");
/// Characters of a title that a file's name has.
const NAME: usize = 60;
/// How long a transcript may take to be read to its end.
const LASTS: Duration = Duration::from_mins(2);

/// In which form.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TranscriptParams {
    /// `md`, `txt`, `json` or `html`.
    #[serde(default)]
    #[param(inline)]
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

impl Format {
    /// Returns the media type, and how a file's name ends.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Md => ("text/markdown; charset=utf-8", "md"),
            Self::Txt => ("text/plain; charset=utf-8", "txt"),
            Self::Json => ("application/json", "json"),
            Self::Html => ("text/html; charset=utf-8", "html"),
        }
    }
}

/// A transcript for programs, as it is described; it is written piece by piece.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its description is used")]
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
#[template(path = "transcript-head.html")]
struct HtmlHead<'a> {
    title: &'a str,
    made_at: Moment,
}

#[derive(Template)]
#[template(path = "transcript-entries.html")]
struct HtmlEntries<'a> {
    entries: &'a [Entry],
}

/// Gives the chatter a copy of the chat.
#[utoipa::path(
    get, path = "/sessions/{id}/transcript", operation_id = "get_transcript", tag = "chatters", params(("id" = String, Path), TranscriptParams),
    responses(
        (status = 200, content((String = "text/markdown"), (String = "text/plain"), (Transcript = "application/json"), (String = "text/html"))),
        (status = 401, description = "session_unknown", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 410, description = "session_erased", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 429, description = "rate_limited, too_many_streams", body = problem::Body<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn transcript(
    State(app): State<App>,
    chatter: Chatter,
    Query(params): Query<TranscriptParams>,
) -> Result<Response, Problem> {
    let shown = Shown::find(&app, &chatter).await?;
    app.limits().check_cost(Limit::SessionRequests(chatter.session), COST)?;
    let permit = app.waits().begin_transcript(chatter.session, shown.link_id)?;
    let session = shown.object(&app, chatter.agent, chatter.session).await?;
    let first = history::read(&app, &chatter, Range::After(None), AT_ONCE).await?;
    let (media_type, ending) = params.format.names();
    let file = format!("attachment; filename=\"chat.{ending}\"; filename*=UTF-8''{}.{ending}", file_name(session.title()));
    let writer = Writer { format: params.format, now: Moment(command_service::clock::now()), session, asked: Reader::default() };
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
    Ok((headers, streamed(app, chatter, writer, first, permit)).into_response())
}

/// Writes a transcript while it is read, page by page: who reads slowly holds a place for some time, and nothing else.
fn streamed(app: App, chatter: Chatter, mut writer: Writer, first: History, permit: WaitPermit) -> Body {
    let (pieces, written) = mpsc::channel(1);
    tokio::spawn(async move {
        let _permit = permit;
        let writing = writer.write(&app, &chatter, first, &pieces);
        let outcome = tokio::select! {
            outcome = timeout(LASTS, writing) => outcome.unwrap_or(Err(Broken)),
            // Nobody reads it any more.
            () = pieces.closed() => return,
        };
        if outcome.is_err() {
            // The connection breaks, so that no part passes for the whole.
            let _gone = pieces.try_send(Err(Broken));
        }
    });
    Body::from_stream(futures_util::stream::unfold(written, |mut written| async move { Some((written.recv().await?, written)) }))
}

/// A transcript cannot be written on.
#[derive(Debug, thiserror::Error)]
#[error("the transcript could not be written to its end")]
struct Broken;

type Pieces = mpsc::Sender<Result<String, Broken>>;

/// Writes one transcript.
struct Writer {
    format: Format,
    now: Moment,
    session: SessionObject,
    asked: Reader,
}

impl Writer {
    /// Writes everything, a piece for each page; no connection to the rows is held while a piece is taken.
    async fn write(&mut self, app: &App, chatter: &Chatter, first: History, pieces: &Pieces) -> Result<(), Broken> {
        let (mut page, mut text) = (first, self.head()?);
        let mut is_first = true;
        loop {
            text += &self.entries(&page.events, is_first)?;
            is_first = false;
            let after = page.span.filter(|_| page.has_more).map(|(_, last)| last);
            if after.is_none() {
                text += self.foot();
            }
            pieces.send(Ok(std::mem::take(&mut text))).await.map_err(|_| Broken)?;
            let Some(after) = after else { return Ok(()) };
            page = history::read(app, chatter, Range::After(Some(after)), AT_ONCE).await.map_err(|problem| {
                tracing::warn!(code = problem.code.as_str(), "a transcript breaks off");
                Broken
            })?;
        }
    }

    fn head(&self) -> Result<String, Broken> {
        let (title, now) = (self.session.title(), self.now);
        Ok(match self.format {
            Format::Md => transcript::markdown_head(title, now),
            Format::Txt => transcript::plain_head(title, now),
            Format::Html => rendered(&HtmlHead { title, made_at: now })?,
            Format::Json => format!("{{\"now\":{},\"session\":{},\"events\":[", json(&now), json(&self.session)),
        })
    }

    fn entries(&mut self, events: &[Event], is_first: bool) -> Result<String, Broken> {
        Ok(match self.format {
            Format::Md => transcript::markdown_entries(&self.asked.entries(events)),
            Format::Txt => transcript::plain_entries(&self.asked.entries(events)),
            Format::Html => rendered(&HtmlEntries { entries: &self.asked.entries(events) })?,
            Format::Json => {
                let events = events.iter().map(json).collect::<Vec<_>>().join(",\n");
                if is_first || events.is_empty() { events } else { format!(",\n{events}") }
            }
        })
    }

    fn foot(&self) -> &'static str {
        match self.format {
            Format::Md | Format::Txt => "",
            Format::Html => "</body>\n</html>\n",
            Format::Json => "]}\n",
        }
    }
}

/// Writes a chat's title as a file's name (RFC 8187, section 3.2): without what some system gives a meaning.
fn file_name(title: &str) -> String {
    let name: String = title.chars().take(NAME).map(|letter| if letter.is_alphanumeric() { letter } else { '-' }).collect();
    let name = name.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    let name = if name.is_empty() { "chat" } else { &name };
    name.bytes().fold(String::new(), |encoded, byte| match byte {
        b'-' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => encoded + &char::from(byte).to_string(),
        _ => encoded + &format!("%{byte:02X}"),
    })
}

fn rendered(template: &impl Template) -> Result<String, Broken> {
    template.render().map_err(|error| {
        tracing::error!(%error, "a transcript could not be rendered");
        Broken
    })
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain values are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_title_as_its_name_and_no_sign_in_it() {
        assert_eq!(file_name("The moving van: Saturday?"), "The-moving-van-Saturday");
        assert_eq!(file_name("Größe"), "Gr%C3%B6%C3%9Fe");
        assert_eq!(file_name("../../etc/passwd\r\nX: y"), "etc-passwd-X-y");
        assert_eq!(file_name("✨"), "chat");
        assert!(file_name(&"字".repeat(200)).len() == 9 * NAME);
    }
}
