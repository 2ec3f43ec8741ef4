//! Where agents get tokens (RFC 9728): there only where the operator trusts an authorization server.

use access_tokens::resource;
use app::{App, Config};
use axum::Router;
use axum::routing::get;
use body::Json;
use domain::agent::Scope;
use serde_json::{Value, json};

/// The address that belongs to `/mcp` (RFC 9728, section 3.1).
pub(super) const METADATA: &str = "/.well-known/oauth-protected-resource/mcp";
/// Where clients look that know the host only.
const OF_HOST: &str = "/.well-known/oauth-protected-resource";

/// Returns the metadata's addresses; none where there is nothing to say.
pub fn routes(config: &Config) -> Router<App> {
    let Some(said) = metadata(config) else { return Router::new() };
    let said = get(move || async move { Json(said) });
    let routes = Router::new().route(METADATA, said.clone()).route(OF_HOST, said.clone());
    // On a shared host clients put the path of the resource behind the well-known one (RFC 9728, section 3.1).
    match config.prefix() {
        "" => routes,
        prefix => routes.route(&format!("{OF_HOST}{prefix}/mcp"), said),
    }
}

fn metadata(config: &Config) -> Option<Value> {
    let server = config.authorization_server.as_ref()?;
    Some(json!({
        "resource": resource(&config.public_url),
        "resource_name": "Tempchat",
        "authorization_servers": [server.issuer],
        "scopes_supported": Scope::ALL,
        "bearer_methods_supported": ["header"],
    }))
}
