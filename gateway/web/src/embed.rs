//! A link's chat in other sites' pages: a script that draws a bubble, and the shell for its frame, in the link's allowed origins only.

use std::sync::LazyLock;

use app::{App, Client};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::link;
use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use nats::LinkToken;
use problem::{Code, Problem};
use tower_http::compression::CompressionLayer;

use crate::assets::{ASSETS, Embedded};
use crate::pages::Pages;

/// Other sites load the script under one name for ever: after so long they ask whether there is a newer one.
const A_WHILE: HeaderValue = HeaderValue::from_static("public, max-age=600");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
static SCRIPT: LazyLock<&Embedded> = LazyLock::new(|| ASSETS.file("embed.js"));

/// Routes to what other sites load.
pub(crate) fn routes(pages: Pages) -> Router<App> {
    let frame = get(move |app: State<App>, client: Client, token: Path<String>| frame(pages, app, client, token));
    Router::new().route("/embed/{token}", frame).layer(CompressionLayer::new()).route("/embed.js", get(script))
}

/// The only answer that is meant for other sites.
async fn script(headers: HeaderMap) -> Response {
    let tag = SCRIPT.tag();
    let body = if has(&headers, &tag) { StatusCode::NOT_MODIFIED.into_response() } else { SCRIPT.smallest(&headers) };
    let headers_of_all = [(CACHE_CONTROL, A_WHILE), (ETAG, tag), (RESOURCE_POLICY, HeaderValue::from_static("cross-origin"))];
    (headers_of_all, body).into_response()
}

/// Tells whether a browser has what `tag` names already (RFC 9110, section 13.1.2).
fn has(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let named = headers.get_all(IF_NONE_MATCH).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    named.map(<[u8]>::trim_ascii).any(|name| name == tag.as_bytes())
}

/// The shell, whatever the token: only its allowed frame ancestors differ; for a made-up token there are none.
async fn frame(pages: Pages, State(app): State<App>, client: Client, Path(token): Path<String>) -> Result<Response, Problem> {
    let LinkToken { agent, link: id, rotation, .. } = match app.genuine(client, &token) {
        Ok(token) => token,
        Err(problem) if problem.code == Code::LinkUnknown => return Ok(pages.framed_shell(&[])),
        Err(problem) => return Err(problem),
    };
    app.visit(client, id)?;
    let link = app.commands().link(agent, id).await?;
    let is_its_token = link.status != link::Status::Unknown && link.rotation == rotation;
    let origins = link.settings.filter(|_| is_its_token).map(|settings| settings.allowed_origins);
    Ok(pages.framed_shell(&origins.unwrap_or_default()))
}
