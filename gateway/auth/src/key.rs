//! An agent: whoever presents one of its valid API keys, or a token that names it.

use app::{App, Client, Limit};
use command_service::Principal;
use domain::KeyId;
use http::{HeaderMap, StatusCode};
use nats::ApiKey;
use problem::{Code, Problem};

use super::bearer;

/// What is presented, as far as its own form tells.
enum Presented {
    /// A key that this installation has issued, whether or not it is still good.
    Genuine(KeyId),
    /// A key of the first form, which anybody may have made up.
    Untagged(KeyId),
    /// A key that nobody issued, or a token that an authorization server may have issued: its signature tells.
    Unknown,
}

/// Finds out who presents what is in `Authorization`. What turns out to be made up is counted apart, by address; what is good by its key.
pub async fn authenticate(app: &App, headers: &HeaderMap, client: Client) -> Result<Principal, Problem> {
    let text = bearer(headers).ok_or(Code::KeyInvalid)?;
    let principal = match presented(app, text) {
        // Revoked or expired, it is nobody's invention.
        Presented::Genuine(key) => {
            app.limits().check(Limit::KeyRequests(key))?;
            judge(app, text).await?
        }
        Presented::Untagged(key) => {
            // Only the log tells, so it is counted before.
            if !app.is_good_key(key) {
                app.limits().check(Limit::UntaggedKeys(client))?;
            }
            counted(app, client, judge(app, text).await)?
        }
        Presented::Unknown => counted(app, client, judge(app, text).await)?,
    };
    if is_api_key(text) {
        app.note_good_key(principal.key);
        app.key_uses().note(principal.agent, principal.key);
    }
    Ok(principal)
}

fn presented(app: &App, text: &str) -> Presented {
    match app.api_keys().parse(text) {
        Some(ApiKey { key, is_tagged: true, .. }) => Presented::Genuine(key),
        Some(ApiKey { key, is_tagged: false, .. }) => Presented::Untagged(key),
        None => Presented::Unknown,
    }
}

/// Counts what was good by its key, and what opened nothing by the address it came from.
fn counted(app: &App, client: Client, judged: Result<Principal, Problem>) -> Result<Principal, Problem> {
    match &judged {
        Ok(principal) => app.limits().check(Limit::KeyRequests(principal.key))?,
        Err(problem) if problem.code.status() == StatusCode::UNAUTHORIZED => app.limits().check(Limit::FailedKeys(client))?,
        Err(_) => {}
    }
    judged
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
