//! What stands before every handler: no other site's requests, no endless ones, no more than fit; and the headers of every answer.

use std::time::Duration;

use app::{App, BodyBytes, Client, Config, Proxies};
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{HOST, ORIGIN, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use problem::{Code, Problem};
use tokio::time::timeout;
use url::Url;

use crate::concurrency::{Concurrency, NoPermit};

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

/// The longest body: the longest text there is, with every character escaped.
pub(crate) const BODY: usize = 128 * 1_024;

/// What ordinary requests are held to.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    permits: Concurrency,
    proxies: Proxies,
    /// For a body to come.
    body_patience: Duration,
    /// For the answer.
    patience: Duration,
}

impl Bounds {
    pub(crate) fn of(config: &Config) -> Self {
        let Config { requests, proxies, head_patience, patience, .. } = *config;
        Self { permits: Concurrency::new(requests), proxies, body_patience: head_patience, patience }
    }
}

/// Reads the whole request before it takes a permit, so that a slow sender holds none.
pub(crate) async fn whole(State(bounds): State<Bounds>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    if body.is_end_stream() {
        return next.run(Request::from_parts(parts, body)).await;
    }
    match body::read(body, BODY, bounds.body_patience).await {
        Ok(body) => {
            parts.extensions.insert(BodyBytes(body.len()));
            next.run(Request::from_parts(parts, Body::from(body))).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// Holds an ordinary request to its time and the service to its load.
pub(crate) async fn bounded(State(bounds): State<Bounds>, request: Request, next: Next) -> Response {
    let client = Client::of_request(request.extensions(), request.headers(), bounds.proxies);
    let _permit = match bounds.permits.try_permit(client.0) {
        Ok(permit) => permit,
        Err(NoPermit::Full) => return Problem::new(Code::Overloaded).into_response(),
        Err(NoPermit::HasHalf) => {
            let told = "Too many requests from this address are under way.";
            return Problem::with_detail(Code::RateLimited, told).into_response();
        }
    };
    timeout(bounds.patience, next.run(request)).await.unwrap_or_else(|_| {
        let told = format!("The request took more than {} s.", bounds.patience.as_secs());
        Problem::with_detail(Code::TimedOut, told).into_response()
    })
}

/// Sets the headers that every answer carries.
pub(crate) async fn headers(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(PERMISSIONS_POLICY, NO_SENSORS);
    // One file is for other sites' pages, and says so itself.
    headers.entry(RESOURCE_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(ROBOTS, HeaderValue::from_static("noindex, nofollow, noarchive"));
    if app.config().is_secure() {
        headers.insert(STRICT_TRANSPORT_SECURITY, TWO_YEARS);
    }
    response
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::net::SocketAddr;

    use axum::Router;
    use axum::extract::ConnectInfo;
    use axum::middleware::from_fn_with_state;
    use axum::routing::post;
    use bytes::Bytes;
    use futures_util::StreamExt as _;
    use futures_util::stream;
    use http::StatusCode;
    use tower::ServiceExt as _;

    use super::*;

    /// Two permits, so that one address may have one.
    fn bounded_router() -> Router {
        let bounds = Bounds::of(&Config { requests: 2, ..Config::new(Url::parse("https://chat.example").unwrap()) });
        let wait = post(|body: String| async move {
            if body == "wait" {
                std::future::pending::<()>().await;
            }
        });
        let router = Router::new().route("/", wait).layer(from_fn_with_state(bounds.clone(), bounded));
        router.layer(from_fn_with_state(bounds, whole))
    }

    fn from(last: u8, body: Body) -> Request {
        let peer = ConnectInfo(SocketAddr::from(([192, 0, 2, last], 1)));
        Request::builder().method(Method::POST).uri("/").extension(peer).body(body).unwrap()
    }

    fn beginning(body: &'static str) -> Body {
        let begun = stream::iter([Ok::<_, Infallible>(Bytes::from_static(body.as_bytes()))]);
        Body::from_stream(begun.chain(stream::pending()))
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_slowly_holds_up_nobody_and_not_for_ever() {
        let router = bounded_router();
        let slow: Vec<_> = (0..9).map(|_| tokio::spawn(router.clone().oneshot(from(1, beginning("{"))))).collect();
        tokio::task::yield_now().await;
        assert_eq!(router.oneshot(from(1, Body::from("quick"))).await.unwrap().status(), StatusCode::OK);
        for slow in slow {
            assert_eq!(slow.await.unwrap().unwrap().extensions().get(), Some(&Code::TimedOut));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_has_half_of_the_places() {
        let router = bounded_router();
        let long = tokio::spawn(router.clone().oneshot(from(1, Body::from("wait"))));
        tokio::task::yield_now().await;
        let refused = router.clone().oneshot(from(1, Body::from("quick"))).await.unwrap();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(refused.headers().contains_key(http::header::RETRY_AFTER));
        assert_eq!(router.oneshot(from(2, Body::from("quick"))).await.unwrap().status(), StatusCode::OK);
        assert_eq!(long.await.unwrap().unwrap().extensions().get(), Some(&Code::TimedOut));
    }

    #[tokio::test]
    async fn a_body_has_an_end() {
        let endless = Body::from_stream(stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[b' '; 1_024]))));
        let refused = bounded_router().oneshot(from(1, endless)).await.unwrap();
        assert_eq!(refused.extensions().get(), Some(&Code::BodyTooLarge));
    }

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
