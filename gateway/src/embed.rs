//! A link's chat in other sites' pages: a script that draws a bubble, and the shell for its frame, in the link's allowed origins only.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::link;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use tower_http::compression::CompressionLayer;

use crate::app::App;
use crate::client::Client;
use crate::limits::Limit;
use crate::pages;
use crate::problem::Problem;

/// Draws the bubble; other sites load it under this one name for ever, so it is no hashed asset.
const SCRIPT: &str = include_str!("../web/embed.js");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Routes to what other sites load.
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/embed.js", get(script)).route("/embed/{token}", get(frame)).layer(CompressionLayer::new())
}

/// The only answer that is meant for other sites.
async fn script() -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8")),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")),
        (RESOURCE_POLICY, HeaderValue::from_static("cross-origin")),
    ];
    (headers, SCRIPT).into_response()
}

/// The shell, whatever the token: what differs is who may frame it, and a made-up token is framed by nobody.
async fn frame(State(app): State<App>, client: Client, Path(token): Path<String>) -> Result<Response, Problem> {
    app.limits().check(Limit::Visit(client.0))?;
    let Some((agent, id, rotation)) = app.link_tokens().check(&token) else { return Ok(pages::framed_shell(&[])) };
    let link = app.commands().link(agent, id).await?;
    let is_its_token = link.status != link::Status::Unknown && link.rotation == rotation;
    let origins = link.settings.filter(|_| is_its_token).map(|settings| settings.allowed_origins);
    Ok(pages::framed_shell(&origins.unwrap_or_default()))
}
