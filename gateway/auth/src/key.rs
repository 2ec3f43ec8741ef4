//! An agent: whoever presents one of its valid API keys, or a token that names it.

use app::audit::about;
use app::{App, Client, Limit};
use command_service::Principal;
use http::{HeaderMap, StatusCode};
use problem::{Code, Problem};

use super::bearer;

/// Finds out who presents what is in `Authorization`.
pub async fn authenticate(app: &App, headers: &HeaderMap, client: Client) -> Result<Principal, Problem> {
    let presented = bearer(headers).ok_or(Code::KeyInvalid)?;
    app.limits().check(Limit::Key(client.0))?;
    if let Some((agent, key)) = app.commands().named_by(presented) {
        about(|about| (about.agent, about.key) = (Some(agent), Some(key)));
    }
    let principal = judge(app, presented).await?;
    about(|about| (about.agent, about.key) = (Some(principal.agent), Some(principal.key)));
    if is_api_key(presented) {
        app.key_uses().note(principal.agent, principal.key);
    }
    Ok(principal)
}

/// Checks a caller that was let in before once more: during a long wait its key may have been revoked, or may have expired.
/// Where the log or the authorization server is unreachable, the earlier check counts.
pub async fn is_still(app: &App, principal: &Principal, presented: &str) -> Result<(), Problem> {
    match judge(app, presented).await {
        // Its end may have been moved; what it may do, and where, never changes.
        Ok(now) if now.key == principal.key => Ok(()),
        Ok(_) => Err(Code::KeyInvalid.into()),
        Err(problem) if problem.code.status() == StatusCode::UNAUTHORIZED => Err(problem),
        Err(_) => Ok(()),
    }
}

async fn judge(app: &App, presented: &str) -> Result<Principal, Problem> {
    match app.tokens() {
        Some(tokens) if !is_api_key(presented) => tokens.authenticate(app.commands(), presented).await,
        Some(_) | None => Ok(app.commands().authenticate(presented).await?),
    }
}

fn is_api_key(presented: &str) -> bool {
    presented.starts_with("tc_")
}
