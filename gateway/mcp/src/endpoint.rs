//! The way in: `/mcp`, for holders of a valid key only.

use std::sync::Arc;

use agent_events::AgentCursors;
use app::{App, Client};
use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use body::{Json, JsonError, check_json};
use domain::KeyId;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use rmcp::ErrorData;
use rmcp::model::ErrorCode;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use url::{Host, Url};

use super::agents::Agents;
use super::call::Gone;
use super::tools;

/// The longest body: the longest arguments there are, with every character escaped.
const BODY: usize = 256 * 1_024;

/// The longest error of the protocol, in bytes: ours are shorter, so what is longer quotes something that is.
const LONGEST_ERROR: u64 = 2_048;

/// Returns `/mcp`, for holders of a valid API key only.
pub fn routes(app: &App) -> Router<App> {
    let agents = Agents {
        tools: Arc::new(tools::router(app.commands().policy())),
        cursors: Arc::new(AgentCursors::new(app.cursors().clone(), app.backbone().secrets())),
        positions: Arc::default(),
        waits: Arc::clone(app.waits()),
        app: app.clone(),
    };
    let config = transport(&app.config().public_url);
    let service = StreamableHttpService::new(move || Ok(agents.clone()), Arc::new(NeverSessionManager::default()), config);
    Router::new().route_service("/mcp", service).layer(from_fn_with_state(app.clone(), authenticated))
}

/// Authenticates a request, and notes its principal and until when its connection lives.
async fn authenticated(State(app): State<App>, client: Client, mut request: Request, next: Next) -> Response {
    match auth::authenticate(&app, request.headers(), client).await {
        Ok(principal) => {
            let gone = CancellationToken::new();
            let held = gone.clone().drop_guard();
            request = match bounded(request, &app, principal.key).await {
                Ok(request) => request,
                Err(refusal) => return refusal,
            };
            request.extensions_mut().insert(principal);
            request.extensions_mut().insert(Gone(gone));
            let response = kept_short(next.run(request).await);
            // The body holds it from here on: it is dropped with the connection.
            response.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    let _held = &held;
                    frame
                }))
            })
        }
        Err(problem) => auth::refuse(problem, auth::bearer(request.headers()).is_some(), app.config()),
    }
}

/// Replaces an error of the protocol that quotes what was sent at length.
fn kept_short(response: Response) -> Response {
    let is_long = response.body().size_hint().lower() > LONGEST_ERROR;
    if !is_long || !response.status().is_client_error() {
        return response;
    }
    let error = ErrorData::new(ErrorCode::INVALID_REQUEST, "The request is not of the expected form.", None);
    (response.status(), Json(json!({"jsonrpc": "2.0", "id": null, "error": error}))).into_response()
}

/// Reads the body of a message, and refuses one that is too long, too slow or beyond the bounds of [`check_json`], before anything is built of it.
async fn bounded(request: Request, app: &App, key: KeyId) -> Result<Request, Response> {
    if request.method() != Method::POST {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let body = body::read(body, BODY, app.config().head_patience).await.map_err(IntoResponse::into_response)?;
    app.key_bytes(key, body.len()).map_err(IntoResponse::into_response)?;
    if let Err(error) = check_json(&body) {
        let code = match error {
            JsonError::Syntax(_) => ErrorCode::PARSE_ERROR,
            JsonError::Data(_) => ErrorCode::INVALID_REQUEST,
        };
        let answer = json!({"jsonrpc": "2.0", "id": null, "error": ErrorData::new(code, error.to_string(), None)});
        return Err((StatusCode::BAD_REQUEST, Json(answer)).into_response());
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// Answers one request at a time. By which names it is called is checked before, for all doors alike.
fn transport(public_url: &Url) -> StreamableHttpServerConfig {
    let local = ["localhost", "127.0.0.1", "::1"];
    let public = public_url.host().map(|host| match host {
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    });
    let is_local = public.as_deref().is_some_and(|host| local.contains(&host));
    let local_origins = ["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"].iter().filter(|_| is_local);
    let port = public_url.port_or_known_default().unwrap_or(443);
    let public_origin = public_url.host_str().map(|host| format!("{}://{host}:{port}", public_url.scheme()));
    StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(BODY)
        .disable_allowed_hosts()
        .with_allowed_origins(local_origins.map(|origin| (*origin).to_owned()).chain(public_origin))
        .enforce_origin_validation()
}
