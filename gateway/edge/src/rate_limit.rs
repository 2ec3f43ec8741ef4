//! Counts every request to the API and to `/mcp`, and tells in every answer how the limits stand.

use app::{App, Limit, with_fields};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Answers a request within the limit of the whole installation; all other limits are the handlers' to count, who know for whom.
pub(crate) async fn rate_limit(State(app): State<App>, request: Request, next: Next) -> Response {
    let answering = async {
        match app.limits().check(Limit::AllRequests(())) {
            Ok(()) => next.run(request).await,
            Err(refusal) => refusal.into_response(),
        }
    };
    let (mut response, fields) = with_fields(answering).await;
    response.headers_mut().extend(fields);
    response
}
