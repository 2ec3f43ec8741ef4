//! An agent: whoever presents one of its valid API keys, or a token that names it.

use command_service::Principal;
use http::HeaderMap;

use super::bearer;
use crate::app::App;
use crate::client::Client;
use crate::limits::Limit;
use crate::problem::{Code, Problem};

/// Finds out who presents what is in `Authorization`.
pub(crate) async fn authenticate(app: &App, headers: &HeaderMap, client: Client) -> Result<Principal, Problem> {
    let key = bearer(headers).ok_or(Code::KeyInvalid)?;
    app.limits().check(Limit::Key(client.0))?;
    if let Some(tokens) = app.tokens().filter(|_| !key.starts_with("tc_")) {
        return tokens.authenticate(app.commands(), key).await;
    }
    let principal = app.commands().authenticate(key).await?;
    app.key_uses().note(principal.agent, principal.key);
    Ok(principal)
}
