//! The way in: `/mcp`, for holders of a valid key only.

use std::borrow::Cow;
use std::sync::Arc;

use agent_events::AgentCursors;
use app::{App, Client};
use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use body::{Json, JsonError, check_json, without_halves};
use bytes::Bytes;
use domain::KeyId;
use http::header::ACCEPT;
use http::{HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use rmcp::model::ErrorCode;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio_util::sync::CancellationToken;
use url::{Host, Url};

use super::agents::Agents;
use super::batch;
use super::call::Gone;
use super::given::{Given, Outgoing};
use super::signs_of_life::with_signs_of_life;
use super::tools;

/// The longest body: the longest arguments there are, with every character escaped.
const BODY: usize = 256 * 1_024;

/// The longest error of the protocol, in bytes: ours are shorter, so what is longer quotes something that is.
const LONGEST_ERROR: u64 = 2_048;

/// Returns `/mcp`, for holders of a valid API key only.
pub fn routes(app: &App) -> Router<App> {
    let given = Arc::<Given>::default();
    let agents = Agents {
        tools: Arc::new(tools::router(app.commands().policy())),
        cursors: Arc::new(AgentCursors::new(app.cursors().clone(), app.backbone().secrets())),
        positions: Arc::default(),
        given: Arc::clone(&given),
        waits: Arc::clone(app.waits()),
        app: app.clone(),
    };
    let config = transport(&app.config().public_url);
    let service = StreamableHttpService::new(move || Ok(agents.clone()), Arc::new(NeverSessionManager::default()), config);
    // Some clients end every address with a slash.
    Router::new().route_service("/mcp", service.clone()).route_service("/mcp/", service).layer(from_fn_with_state(
        app.clone(),
        move |app: State<App>, client: Client, request: Request, next: Next| {
            authenticated(app, Arc::clone(&given), client, request, next)
        },
    ))
}

/// Authenticates a request, and notes its principal and until when its connection lives.
async fn authenticated(State(app): State<App>, given: Arc<Given>, client: Client, mut request: Request, next: Next) -> Response {
    match auth::authenticate(&app, request.headers(), client).await {
        Ok(principal) => {
            let gone = CancellationToken::new();
            let held = gone.clone().drop_guard();
            let key = principal.key;
            request.extensions_mut().insert(principal);
            request.extensions_mut().insert(Gone(gone));
            let outgoing = Outgoing::default();
            request.extensions_mut().insert(outgoing.clone());
            with_signs_of_life(async move {
                let response = if request.method() == Method::POST {
                    answer(request, &app, key, next).await.unwrap_or_else(|refusal| refusal)
                } else {
                    next.run(request).await
                };
                let response = kept_short(response);
                // The body holds it from here on: it is dropped with the connection.
                response.map(|body| {
                    Body::new(body.map_frame(move |frame| {
                        let _held = &held;
                        outgoing.goes_out(&given);
                        frame
                    }))
                })
            })
            .await
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
    let error = batch::error(ErrorCode::INVALID_REQUEST, "The request is not of the expected form.");
    (response.status(), Json(error)).into_response()
}

/// Answers a message, or a list of them.
async fn answer(request: Request, app: &App, key: KeyId, next: Next) -> Result<Response, Response> {
    let (mut parts, body) = request.into_parts();
    let body = bounded(body, app, key).await?;
    // We answer in JSON, whoever asks: many clients that take nothing else say so, or say nothing.
    parts.headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    if batch::is_list(&body) {
        return Ok(batch::answer(parts, &body, &next).await);
    }
    if begins(&body) {
        // The version is agreed upon in the body; a client may still name the one it spoke last.
        parts.headers.remove("mcp-protocol-version");
    }
    Ok(next.run(Request::from_parts(parts, Body::from(body))).await)
}

/// Tells whether a message is the first of a client. Only what has the word in it is read for that.
fn begins(body: &[u8]) -> bool {
    const WORD: &[u8] = b"\"initialize\"";
    #[derive(serde::Deserialize)]
    struct Message {
        method: Option<String>,
    }
    body.windows(WORD.len()).any(|part| part == WORD)
        && body::read_json(body).is_ok_and(|message: Message| message.method.as_deref() == Some("initialize"))
}

/// Reads the body of a message, and refuses one that is too long, too slow or beyond the bounds of [`check_json`], before anything is built of it.
async fn bounded(body: Body, app: &App, key: KeyId) -> Result<Bytes, Response> {
    let body = body::read(body, BODY, app.config().head_patience).await.map_err(IntoResponse::into_response)?;
    app.key_bytes(key, body.len()).map_err(IntoResponse::into_response)?;
    let mended = match without_halves(&body) {
        Cow::Owned(mended) => Some(mended),
        Cow::Borrowed(_) => None,
    };
    let body = mended.map_or(body, Bytes::from);
    check_json(&body).map_err(|error| {
        let code = match error {
            JsonError::Syntax(_) => ErrorCode::PARSE_ERROR,
            JsonError::Data(_) => ErrorCode::INVALID_REQUEST,
        };
        (StatusCode::BAD_REQUEST, Json(batch::error(code, error.to_string()))).into_response()
    })?;
    Ok(body)
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
