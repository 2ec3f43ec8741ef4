//! An agent: whoever presents one of its valid API keys.

use command_service::Principal;
use http::HeaderMap;

use super::bearer;
use crate::app::App;
use crate::client::Client;
use crate::limits::Limit;
use crate::problem::{Code, Problem};

/// Finds out who presents the key in `Authorization`.
pub(crate) async fn authenticate(app: &App, headers: &HeaderMap, client: Client) -> Result<Principal, Problem> {
    let key = bearer(headers).ok_or(Code::KeyInvalid)?;
    app.limits().check(Limit::Key(client.0))?;
    let principal = app.commands().authenticate(key).await?;
    app.key_uses().note(principal.agent, principal.key);
    Ok(principal)
}
