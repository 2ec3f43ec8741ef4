//! An agent: whoever presents one of its valid API keys, or a token that names it.

use std::time::Duration;

use app::audit::about;
use app::{App, Client, Limit, evenly};
use command_service::Principal;
use http::{HeaderMap, StatusCode};
use problem::{Code, Problem};

use super::bearer;

/// How API keys without a tag begin: anybody can make one up for any agent.
const UNTAGGED: &str = "tc_1_";
/// In steps of what time such a key is refused: longer than the log takes to answer.
const REFUSED_IN: Duration = Duration::from_millis(30);

/// Finds out who presents what is in `Authorization`.
pub async fn authenticate(app: &App, headers: &HeaderMap, client: Client) -> Result<Principal, Problem> {
    let presented = bearer(headers).ok_or(Code::KeyInvalid)?;
    app.limits().check(Limit::Key(client.0))?;
    if let Some((agent, key)) = app.commands().named_by(presented) {
        about(|about| (about.agent, about.key) = (Some(agent), Some(key)));
    }
    // Whether there is such an agent is told neither in words nor in time. What has a tag is ours, or refused before any store is asked.
    let principal = if presented.starts_with(UNTAGGED) {
        evenly(REFUSED_IN, judge(app, presented)).await?
    } else {
        judge(app, presented).await?
    };
    about(|about| (about.agent, about.key) = (Some(principal.agent), Some(principal.key)));
    if is_api_key(presented) {
        app.key_uses().note(principal.agent, principal.key);
    }
    Ok(principal)
}

/// Checks a caller that was let in before once more: during a long wait its key may have been revoked, or may have expired.
/// Where the log or the authorization server is unreachable, the earlier check counts.
pub async fn is_still(app: &App, principal: &Principal, presented: &str) -> Result<(), Problem> {
    look_again(app, principal, presented).await.map(|_now| ())
}

/// Checks once more, and returns what is so now, where that is known.
pub(super) async fn look_again(app: &App, principal: &Principal, presented: &str) -> Result<Option<Principal>, Problem> {
    match judge(app, presented).await {
        // Its end may have been moved; what it may do, and where, never changes.
        Ok(now) if now.key == principal.key => Ok(Some(now)),
        Ok(_) => Err(taken_back()),
        Err(problem) if problem.code == Code::KeyInvalid && is_api_key(presented) => Err(taken_back()),
        Err(problem) if problem.code.status() == StatusCode::UNAUTHORIZED => Err(problem),
        Err(_) => Ok(None),
    }
}

/// Says to whom was let in why it gets nothing more.
fn taken_back() -> Problem {
    Problem::with_detail(Code::KeyInvalid, "The API key was revoked or replaced meanwhile.")
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
