//! What answers while the service starts, and waits for what it stands on: it is alive, it is not ready, and it says what is missing.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use body::Json;
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use problem::{Code, Problem};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::health::{Part, RETRY_AFTER_SECONDS, Readiness};

/// Connections that are answered at once; further ones wait to be accepted.
const CONNECTIONS: usize = 256;
/// How long a connection may take: each is for one request.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait where the system cannot accept.
const PAUSE: Duration = Duration::from_millis(100);

/// What is missing.
#[derive(Debug, Clone)]
pub struct Missing {
    /// The part of the service that waits for it, by its name in `/readyz`.
    pub part: &'static str,
    /// What was met there.
    pub detail: String,
}

/// Answers on `listener` that something is missing, until it is dropped.
pub async fn serve_starting(listener: &TcpListener, missing: watch::Receiver<Missing>) -> Infallible {
    let mut open = JoinSet::new();
    loop {
        if open.len() >= CONNECTIONS {
            let _one_is_done = open.join_next().await;
        }
        while open.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let missing = missing.clone();
        let answer = service_fn(move |request: Request<Incoming>| {
            let response = answer(request.uri().path(), &missing.borrow());
            std::future::ready(Ok::<_, Infallible>(response))
        });
        let mut connection = http1::Builder::new();
        connection.timer(TokioTimer::new()).header_read_timeout(PATIENCE).keep_alive(false);
        open.spawn(timeout(PATIENCE, connection.serve_connection(TokioIo::new(stream), answer)));
    }
}

fn answer(path: &str, Missing { part, detail }: &Missing) -> Response {
    let mut response = match path.rsplit('/').next() {
        Some("healthz") => return "ok\n".into_response(),
        Some("readyz") => {
            let parts = vec![Part::new(part, Err(detail.clone()))];
            (StatusCode::SERVICE_UNAVAILABLE, Json(Readiness::not_ready(parts))).into_response()
        }
        _ => Problem::with_detail(Code::Unavailable, "The service is starting, and waits for a part of it.").into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.map(Body::new)
}
