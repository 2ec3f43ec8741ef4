//! An agent: whoever presents one of its valid API keys, or a token that names it.

use std::time::Duration;

use app::audit::about;
use app::{App, Client, Limit, quantize_refusal};
use command_service::{Principal, clock};
use domain::{KeyId, Timestamp};
use http::{HeaderMap, StatusCode};
use nats::ApiKey;
use problem::{Code, Problem};

use super::bearer;

/// In steps of what time a key without a tag is refused: longer than the log takes to answer.
const REFUSED_IN: Duration = Duration::from_millis(30);

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
    if let Some((agent, key)) = app.commands().named_by(text) {
        about(|about| (about.agent, about.key) = (Some(agent), Some(key)));
    }
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
            // Whether there is such an agent is told neither in words nor in time.
            counted(app, client, quantize_refusal(REFUSED_IN, judge(app, text)).await)?
        }
        Presented::Unknown => counted(app, client, judge(app, text).await)?,
    };
    about(|about| (about.agent, about.key) = (Some(principal.agent), Some(principal.key)));
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
/// Where the log or the authorization server is unreachable, the earlier check counts, until the end that it told of.
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
        // Where nothing can be asked, the clock still can.
        Err(_) => still_in_time(principal, clock::now()).map(|()| None),
    }
}

fn still_in_time(principal: &Principal, now: Timestamp) -> Result<(), Problem> {
    match principal.good_until {
        Some(end) if now >= end => Err(Code::KeyExpired.into()),
        Some(_) | None => Ok(()),
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

#[cfg(test)]
mod tests {
    use domain::AgentId;
    use domain::agent::Grant;

    use super::*;

    #[test]
    fn who_was_let_in_for_a_time_is_not_let_in_for_longer_whoever_cannot_be_asked() {
        let until = |good_until| Principal {
            agent: AgentId::new([1; 16]),
            agent_name: String::new(),
            key: KeyId::new([2; 16]),
            key_name: String::new(),
            grant: Grant::default(),
            good_until,
        };
        assert!(still_in_time(&until(Some(Timestamp(10))), Timestamp(9)).is_ok());
        assert_eq!(still_in_time(&until(Some(Timestamp(10))), Timestamp(10)).unwrap_err().code, Code::KeyExpired);
        assert!(still_in_time(&until(None), Timestamp(i64::MAX)).is_ok());
    }
}
