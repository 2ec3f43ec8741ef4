//! What stands before every handler: no other site's requests, no endless ones, no more than fit; and the headers of every answer.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{HOST, ORIGIN, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use url::Url;

use crate::app::App;
use crate::problem::{Code, Problem};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
/// Two years, as preload lists ask.
const TWO_YEARS: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");
const NO_SENSORS: HeaderValue = HeaderValue::from_static(
    "camera=(), microphone=(), geolocation=(), display-capture=(), payment=(), usb=(), serial=(), browsing-topics=()",
);

/// Refuses what another site makes a browser send: beside `SameSite=Strict` and JSON-only bodies, a third lock on the same door.
pub(crate) async fn same_site(State(app): State<App>, request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || is_own(request.headers(), &app.config().origin()) {
        return next.run(request).await;
    }
    Problem::new(Code::CrossSite).into_response()
}

/// Tells whether a request comes from our own pages or from no page at all.
fn is_own(headers: &HeaderMap, public: &str) -> bool {
    if let Some(site) = headers.get(FETCH_SITE) {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    // Locally a service has several names: the one that was called is as good as the public one.
    let called = headers.get(HOST).and_then(|host| host.to_str().ok());
    origin == public || Url::parse(origin).is_ok_and(|origin| called.is_some() && authority(&origin).as_deref() == called)
}

fn authority(origin: &Url) -> Option<String> {
    let host = origin.host_str()?;
    Some(origin.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// The places of ordinary requests.
pub(crate) type Places = Arc<Semaphore>;

/// Holds an ordinary request to its time and the service to its load.
pub(crate) async fn bounded(State((app, places)): State<(App, Places)>, request: Request, next: Next) -> Response {
    let Ok(_place) = places.try_acquire() else {
        return Problem::new(Code::Overloaded).into_response();
    };
    timeout(app.config().patience, next.run(request)).await.unwrap_or_else(|_| {
        let patience = app.config().patience.as_secs();
        Problem::with_detail(Code::TimedOut, format!("The request took more than {patience} s.")).into_response()
    })
}

/// Sets the headers that every answer carries.
pub(crate) async fn headers(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(PERMISSIONS_POLICY, NO_SENSORS);
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(ROBOTS, HeaderValue::from_static("noindex, nofollow, noarchive"));
    if app.config().is_secure() {
        headers.insert(STRICT_TRANSPORT_SECURITY, TWO_YEARS);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(headers: &[(HeaderName, &'static str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        is_own(&headers, "https://chat.example")
    }

    #[test]
    fn our_pages_and_programs_are_let_in() {
        assert!(own(&[]));
        assert!(own(&[(FETCH_SITE, "same-origin"), (ORIGIN, "https://chat.example")]));
        assert!(own(&[(ORIGIN, "https://chat.example")]));
        assert!(own(&[(ORIGIN, "http://localhost:8080"), (HOST, "localhost:8080")]));
    }

    #[test]
    fn other_sites_are_not() {
        assert!(!own(&[(FETCH_SITE, "cross-site")]));
        assert!(!own(&[(FETCH_SITE, "same-site"), (ORIGIN, "https://chat.example")]));
        assert!(!own(&[(ORIGIN, "https://evil.example"), (HOST, "chat.example")]));
        assert!(!own(&[(ORIGIN, "null"), (HOST, "chat.example")]));
        assert!(!own(&[(ORIGIN, "https://evil.example")]));
    }
}
