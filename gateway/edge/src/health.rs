//! Liveness and readiness, for operators.

use std::time::Duration;

use app::App;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use body::Json;
use events::Moment;
use futures_util::future::join_all;
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use nats::WriteFailure;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::warnings::{self, Warning};

/// How long a part may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(2);
/// From this share of its byte limit on the log's fullness is shown.
const SHOWN_FROM: f64 = 0.75;
/// So many commits of one shard are a second's work for the projector: a busy moment is no fault, a rebuild is no state to serve in.
const LAG: u64 = 20_000;
/// So long after a failed append, with none since, the service is ready again: nobody else would find out that it works.
const TRY_AGAIN: Duration = Duration::from_secs(20);
/// After how many seconds whoever meets a service that is not ready should ask again.
pub(crate) const RETRY_AFTER_SECONDS: u64 = 2;
/// From this share on the log takes only endings and erasures.
const FULL_FROM: f64 = 0.9;

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether every part is ready.
    ready: bool,
    /// The parts.
    parts: Vec<Part>,
    /// What should be looked at, ready or not.
    warnings: Vec<Warning>,
}

impl Readiness {
    /// Says that some parts are not ready, where there is nothing else to say yet.
    pub(crate) fn not_ready(parts: Vec<Part>) -> Self {
        Self { ready: false, parts, warnings: Vec::new() }
    }
}

/// How one part is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Part {
    /// Its name.
    #[schema(value_type = String)]
    name: &'static str,
    /// Whether it does its work.
    ready: bool,
    /// A word on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl Part {
    pub(crate) fn new(name: &'static str, found: Result<Option<String>, String>) -> Self {
        match found {
            Ok(detail) => Self { name, ready: true, detail },
            Err(detail) => Self { name, ready: false, detail: Some(detail) },
        }
    }
}

/// Says that the process runs.
#[utoipa::path(get, path = "/healthz", tag = "operators", responses((status = 200, description = "The process runs.")))]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Says whether every part does its work, and what should be looked at.
#[utoipa::path(
    get, path = "/readyz", tag = "operators",
    responses((status = 200, description = "Ready.", body = Readiness), (status = 503, description = "Not ready.", body = Readiness)),
)]
pub(crate) async fn readyz(State(app): State<App>) -> Response {
    let (log, rows, others, warnings) = tokio::join!(log(&app), rows(&app), app.probes().ask(PATIENCE), warnings::warnings(&app));
    let others = others.into_iter().map(|(name, found)| Part::new(name, found));
    let mut parts: Vec<_> = std::iter::once(log).chain(rows).chain(others).collect();
    if app.leaving().is_cancelled() {
        parts.push(Part::new("service", Err("stopping".to_owned())));
    }
    let ready = parts.iter().all(|part| part.ready);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut answer = (status, [(CACHE_CONTROL, "no-store")], Json(Readiness { ready, parts, warnings })).into_response();
    if !ready {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
    }
    answer
}

async fn log(app: &App) -> Part {
    if !app.backbone().is_connected() {
        return Part::new("log", Err("not connected".to_owned()));
    }
    let written = app.backbone().write_failure();
    if let Some(failure) = written.as_ref().filter(|failure| failure.untried < TRY_AGAIN) {
        return Part::new("log", Err(describe(failure)));
    }
    let found = match timeout(PATIENCE, app.backbone().fullness()).await {
        Ok(Ok(full)) => Ok(written.map(|failure| describe(&failure)).or_else(|| fullness(full))),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    };
    Part::new("log", found)
}

/// Says how the rows are: whether they can be read, how far behind the log they are, and whether what falls due is carried out.
async fn rows(app: &App) -> Vec<Part> {
    let progress = match timeout(PATIENCE, app.queries().progress()).await {
        Ok(Ok(progress)) => progress,
        Ok(Err(error)) => return vec![Part::new("postgres", Err(error.to_string()))],
        Err(_) => return vec![Part::new("postgres", Err("no answer in time".to_owned()))],
    };
    let lags = progress.reached.iter().map(|(shard, reached)| async move {
        let end = timeout(PATIENCE, app.backbone().end(*shard)).await.ok()?.ok()?;
        Some(end.saturating_sub(*reached))
    });
    let lag = join_all(lags).await.into_iter().try_fold(0_u64, |greatest, lag| Some(greatest.max(lag?)));
    // Expiry is checked against the clock in every request: a late schedule is shown, and is no reason to be unready.
    let late = progress.late_since.map(|since| format!("late: something has been due since {}", Moment(since)));
    vec![Part::new("postgres", Ok(None)), Part::new("projection", projection(lag)), Part::new("schedule", Ok(late))]
}

fn describe(failure: &WriteFailure) -> String {
    let WriteFailure { stream, why, since, untried } = failure;
    format!(
        "{stream} cannot be written to ({why}), since {} s, tried {} s ago. Is the disk of nats-server full? Once there is room, a server that \
         still refuses must be started anew (`tempchat up` does that by itself)",
        since.as_secs(),
        untried.as_secs()
    )
}

fn projection(lag: Option<u64>) -> Result<Option<String>, String> {
    match lag {
        None => Err("the log's end is not known".to_owned()),
        Some(0) => Ok(None),
        Some(lag) if lag < LAG => Ok(Some(format!("{lag} commits behind"))),
        Some(lag) => Err(format!("{lag} commits behind")),
    }
}

/// A full log still serves everyone who is in, so it is ready; that it is filling up is shown.
fn fullness(full: f64) -> Option<String> {
    let percent = full * 100.0;
    if full >= FULL_FROM {
        return Some(format!("{percent:.0} % full: only endings and erasures are accepted"));
    }
    (full >= SHOWN_FROM).then(|| format!("{percent:.0} % full"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_far_behind_are_not_ready() {
        assert_eq!(projection(Some(0)), Ok(None));
        assert_eq!(projection(Some(12)), Ok(Some("12 commits behind".to_owned())));
        assert!(projection(Some(LAG)).is_err());
        assert!(projection(None).is_err());
    }

    #[test]
    fn the_log_speaks_up_when_it_fills() {
        assert_eq!(fullness(0.74), None);
        assert_eq!(fullness(0.76).as_deref(), Some("76 % full"));
        assert!(fullness(0.91).unwrap().contains("only endings"));
    }
}
