//! A chatter: whoever shows the credential of the session that the address names.

use app::audit::about;
use app::{App, BodyBytes, Client, Limit};
use axum::extract::{FromRequestParts, Path};
use domain::{Address, AgentId, DeviceId, LinkId, SessionId};
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};
use http::request::Parts;
use nats::{Carrier, SessionCredential};
use problem::{Code, Problem};
use serde::Deserialize;

use super::cookie;

/// Who is in a session, by a credential that we made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chatter {
    /// The tenant.
    pub agent: AgentId,
    /// The session.
    pub session: SessionId,
    /// The device to which the credential was given.
    pub device: DeviceId,
    /// How the credential came.
    pub carrier: Carrier,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

impl Chatter {
    /// Returns where the session lives in the log.
    pub fn address(&self) -> Address {
        Address::session(self.agent, self.session)
    }
}

impl FromRequestParts<App> for Chatter {
    type Rejection = Problem;

    /// A session that is unknown, one of somebody else's, and one that has forgotten the device are refused alike.
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(Named { id }) = Path::<Named>::from_request_parts(parts, app).await.map_err(|_| Code::SessionUnknown)?;
        let session = SessionId::parse(&id).map_err(|_| Code::SessionUnknown)?;
        // Whose credential it is, if it is anybody's: where it is refused, this is who tried.
        if let Some(shown) = presented(&parts.headers, app).next() {
            about(|about| (about.agent, about.session) = (Some(shown.agent), Some(shown.session)));
        }
        let Ok(client) = Client::from_request_parts(parts, app).await;
        let shown: Vec<_> = presented(&parts.headers, app).filter(|chatter| chatter.session == session).collect();
        match shown.first() {
            Some(chatter) => {
                let body = parts.extensions.get::<BodyBytes>().copied();
                app.session_request(client, (session, chatter.address()), body).await?;
            }
            None if shows_something(&parts.headers) => app.limits().check(Limit::MadeUpCredentials(client))?,
            None => {}
        }
        for chatter in shown {
            if !app.commands().has_forgotten(chatter.address(), chatter.device).await? {
                return Ok(chatter);
            }
        }
        Err(Code::SessionUnknown.into())
    }
}

/// Walks all that a request's credentials say; whether a session has forgotten the device is for the session to say.
pub fn presented<'a>(headers: &'a HeaderMap, app: &'a App) -> impl Iterator<Item = Chatter> + 'a {
    let check = move |carrier: Carrier, text: &str| {
        let SessionCredential { agent, session, device } = app.credentials().check(carrier, text)?;
        Some(Chatter { agent, session, device, carrier })
    };
    let bearer = bearer(headers).into_iter().filter_map(move |text| check(Carrier::Bearer, text));
    bearer.chain(cookie::values(headers, app.config().is_secure()).filter_map(move |text| check(Carrier::Cookie, text)))
}

/// Reads whose session a browser has had by a link, where it shows the cookie that it was given for the link.
pub fn presented_for_link(headers: &HeaderMap, app: &App, link: LinkId, recipient: Option<u8>) -> Option<Chatter> {
    let text = cookie::value_for_link(headers, link, recipient, app.config().is_secure())?;
    let SessionCredential { agent, session, device } = app.credentials().check(Carrier::Cookie, text)?;
    Some(Chatter { agent, session, device, carrier: Carrier::Cookie })
}

/// Tells whether a request carries what might be a credential.
fn shows_something(headers: &HeaderMap) -> bool {
    headers.contains_key(AUTHORIZATION) || headers.contains_key(COOKIE)
}

/// Reads a bearer token (RFC 6750, section 2.1).
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_bearer_token_is_read_in_any_case_of_its_scheme() {
        let of = |value| bearer(&HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))])).map(str::to_owned);
        assert_eq!(of("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(of("bearer abc").as_deref(), Some("abc"));
        assert_eq!(of("Basic abc"), None);
        assert_eq!(of("abc"), None);
    }
}
