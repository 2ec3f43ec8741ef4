//! Which address leads where, and what stands in between.

use app::App;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use body::Json;
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use problem::{Code, Problem};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::OpenApi;
use utoipa::openapi::Server;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::protect::{self, BODY, Bounds};
use crate::rate_limit::rate_limit;
use crate::{called_name, health, observe, openapi};

#[derive(OpenApi)]
#[openapi(
    info(title = "Tempchat", description = "Temporary chats between an AI agent and a person without an account."),
    tags(
        (name = "chatters", description = "What a person's client does. Errors are problems (RFC 9457) with a stable `code`."),
        (name = "agents", description = "What a program with an agent's API key hears beside MCP."),
        (name = "operators", description = "What looks after the service asks."),
    ),
)]
struct Description;

/// Describes the public API of a service at `public`, from the handlers themselves.
pub(crate) fn description(public: &str) -> Bytes {
    let (_, mut description) = OpenApiRouter::<App>::with_openapi(Description::openapi())
        .nest("/api/v1", api::quick().merge(api::waiting()))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .split_for_parts();
    description.servers = Some(vec![Server::new(public)]);
    openapi::complete(&mut description);
    serde_json::to_vec_pretty(&description).expect("a description is plain JSON").into()
}

/// What is not meant to be kept by browsers says nothing else.
const NOT_KEPT: HeaderValue = HeaderValue::from_static("no-store");
/// What is no page loads and runs nothing, in nobody's frame, where a browser shows it all the same.
const NO_PAGE: HeaderValue =
    HeaderValue::from_static("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");

/// Puts all routes together.
pub(crate) fn router(app: &App) -> Router {
    let bounds = Bounds::of(app.config());
    let bounded = || from_fn_with_state(bounds.clone(), protect::bounded);
    let quick = Router::from(api::quick()).layer(bounded()).layer(from_fn_with_state(bounds.clone(), protect::whole));
    let limited = || from_fn_with_state(app.clone(), rate_limit);
    let public_api = quick.merge(Router::from(api::waiting())).fallback(nothing_here).layer(
        ServiceBuilder::new()
            .layer(limited())
            .layer(from_fn_with_state(app.clone(), protect::same_site))
            .layer(DefaultBodyLimit::max(BODY)),
    );
    let description = description(&app.config().address_of(""));
    let operators = Router::new()
        .route("/readyz", get(health::readyz))
        .route("/openapi.json", get(move || async move { described(description) }))
        .route("/.well-known/tempchat-keys", get(signing_keys))
        .layer(bounded())
        // However busy it is, it is alive.
        .route("/healthz", get(health::healthz));
    Router::new()
        .nest("/api/v1", public_api)
        .merge(web::routes(app.config()).layer(bounded()))
        .merge(operators)
        .merge(mcp::routes(app).layer(limited()))
        .merge(auth::routes(app.config()).layer(bounded()))
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        // Applied from the last to the first: whatever happens, a request is named, measured and answered.
        .layer(CatchPanicLayer::custom(panicked))
        .layer(SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, NOT_KEPT))
        .layer(SetResponseHeaderLayer::if_not_present(CONTENT_SECURITY_POLICY, NO_PAGE))
        .layer(from_fn_with_state(called_name::Names::of(app.config()), called_name::known))
        .layer(from_fn_with_state(app.clone(), protect::headers))
        .layer(from_fn_with_state(app.clone(), observe::observe))
        .with_state(app.clone())
}

async fn nothing_here() -> Problem {
    Code::NotFound.into()
}

async fn wrong_method() -> Problem {
    Code::MethodNotAllowed.into()
}

fn described(description: Bytes) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], description).into_response()
}

/// The public keys of what this installation signs (RFC 7517).
async fn signing_keys(State(app): State<App>) -> Response {
    let keys = app.backbone().signer().public_keys();
    ([(CACHE_CONTROL, "public, max-age=300")], Json(keys)).into_response()
}

/// A panic is a fault of ours: its words stay in the log.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over so")]
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let words = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = words.unwrap_or("no words"), "a handler panicked");
    Problem::new(Code::Internal).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prefix;

    #[test]
    fn the_description_names_every_route_and_every_code() {
        let description: serde_json::Value = serde_json::from_slice(&description("https://x.example/chat")).unwrap();
        assert_eq!(description["servers"][0]["url"], "https://x.example/chat");
        let paths = description["paths"].as_object().unwrap();
        for (path, methods) in [
            ("/api/v1/links/inspect", &["post"][..]),
            ("/api/v1/sessions", &["post"]),
            ("/api/v1/sessions/{id}", &["get", "delete"]),
            ("/api/v1/sessions/{id}/messages", &["get", "post"]),
            ("/api/v1/sessions/{id}/answers", &["post"]),
            ("/api/v1/sessions/{id}/events", &["get"]),
            ("/api/v1/agent/events", &["get"]),
            ("/api/v1/agent/heads", &["get"]),
            ("/api/v1/sessions/{id}/typing", &["post"]),
            ("/api/v1/sessions/{id}/read", &["post"]),
            ("/api/v1/sessions/{id}/handoff", &["post"]),
            ("/api/v1/sessions/{id}/forget", &["post"]),
            ("/api/v1/sessions/{id}/end", &["post"]),
            ("/api/v1/sessions/{id}/transcript", &["get"]),
            ("/healthz", &["get"]),
            ("/readyz", &["get"]),
        ] {
            for method in methods {
                assert!(paths[path][method].is_object(), "{method} {path}");
            }
        }
        // Or a proxy that leaves a prefix on leads nowhere.
        for path in paths.keys() {
            assert!(prefix::first(path).is_some_and(prefix::is_ours) || prefix::is_file(path), "{path}");
        }
        let codes = description["components"]["schemas"]["Problem"]["properties"]["code"]["enum"].as_array().unwrap();
        assert_eq!(codes.len(), Code::ALL.len());
    }
}
