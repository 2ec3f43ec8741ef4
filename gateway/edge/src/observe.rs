//! Names, measures and logs every request: by its route, never its address, for that may hold a token.

use std::time::Instant;

use app::{App, Client, REQUEST_ID, RequestId, audit};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode};
use problem::Code;
use tracing::Instrument as _;

/// Names, measures and logs a request.
pub(crate) async fn observe(State(app): State<App>, client: Client, mut request: Request, next: Next) -> Response {
    let id = RequestId::of(&request);
    let method = method(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    request.extensions_mut().insert(id);
    let span = tracing::info_span!("request", %id, method, route);
    let begun = Instant::now();
    let answering = nats::trace::with_parent(id.traceparent(), next.run(request)).instrument(span.clone());
    let (mut response, about) = audit::observed(answering).await;

    let status = response.status();
    let refused = response.extensions().get::<Code>().copied().or_else(|| of_transport(status));
    if let Some(code) = refused {
        app.refused(code, format!("{method} {route}"), about, client);
    }
    let code = response.extensions().get::<Code>().map_or("", |code| code.as_str());
    let took = begun.elapsed();
    span.in_scope(|| {
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        // That there are too many is told by the metrics: a line each would fill the disk.
        if status.is_server_error() && code != Code::Overloaded.as_str() {
            tracing::warn!(status = status.as_u16(), code, milliseconds, "answered");
        } else {
            tracing::debug!(status = status.as_u16(), code, milliseconds, "answered");
        }
    });
    metrics::counter!("tempchat_http_requests_total", "method" => method, "route" => route.clone(), "status" => status.as_str().to_owned(), "code" => code).increment(1);
    metrics::histogram!("tempchat_http_request_seconds", "method" => method, "route" => route).record(took);

    let value = HeaderValue::try_from(id.to_string()).expect("hexadecimal digits");
    response.headers_mut().insert(REQUEST_ID, value);
    response
}

/// Says what a refusal without a code is: MCP's transport refuses other sites' pages by itself.
fn of_transport(status: StatusCode) -> Option<Code> {
    (status == StatusCode::FORBIDDEN).then_some(Code::CrossSite)
}

/// Names the methods there are; a client can make up others, and each would be a series of its own.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
