//! Who comes with what: what is made up is counted apart from what is genuine, so that neither is refused for the other.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use domain::{Address, KeyId, LinkId, SessionId};
use http::request::Parts;
use nats::LinkToken;
use problem::{Code, Problem};

use crate::app::App;
use crate::client::Client;
use crate::limits::Limit;

impl FromRequestParts<App> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self::of_request(&parts.extensions, &parts.headers, app.config().proxies))
    }
}

/// How long the body of a request was, where it has one.
#[derive(Debug, Clone, Copy)]
pub struct BodyBytes(pub usize);

impl App {
    /// Reads a token that this installation made; of others an address has few.
    pub fn genuine(&self, client: Client, token: &str) -> Result<LinkToken, Problem> {
        let token = self.link_tokens().check(token);
        token.map_or_else(|| self.limits().check(Limit::MadeUpTokens(client)).and(Err(Code::LinkUnknown.into())), Ok)
    }

    /// Counts a look at a link, or somebody who wants in, with a genuine token.
    pub fn visit(&self, client: Client, link: LinkId) -> Result<(), Problem> {
        self.limits().check(Limit::LinkVisitsFromAddress((link, client)))?;
        self.limits().check(Limit::Visits(client))?;
        self.limits().check(Limit::LinkVisits(link))
    }

    /// Counts a session that is about to begin.
    pub fn new_session(&self, client: Client, link: LinkId) -> Result<(), Problem> {
        self.limits().check(Limit::NewSessions(client))?;
        self.limits().check(Limit::LinkNewSessions(link))?;
        self.limits().check(Limit::AllNewSessions(()))
    }

    /// Counts a request about a session that a genuine credential opens, and the bytes of its body.
    pub async fn session_request(
        &self,
        client: Client,
        (session, address): (SessionId, Address),
        body: Option<BodyBytes>,
    ) -> Result<(), Problem> {
        self.limits().check(Limit::SessionRequests(session))?;
        let Some(BodyBytes(bytes)) = body else { return Ok(()) };
        self.limits().check_bytes(Limit::SessionBytes(session), bytes)?;
        self.limits().check_bytes(Limit::LinkBytes(self.link_of(address).await?), bytes)?;
        self.limits().check_bytes(Limit::Bytes(client), bytes)?;
        self.limits().check_bytes(Limit::AllBytes(()), bytes)
    }

    /// Counts the bytes of a body that came with a key.
    pub fn key_bytes(&self, key: KeyId, bytes: usize) -> Result<(), Problem> {
        self.limits().check_bytes(Limit::KeyBytes(key), bytes)?;
        self.limits().check_bytes(Limit::AllBytes(()), bytes)
    }

    /// Tells whether a key was good here lately.
    pub fn is_good_key(&self, key: KeyId) -> bool {
        self.good_keys().contains_key(&key)
    }

    /// Notes that a key is good.
    pub fn note_good_key(&self, key: KeyId) {
        self.good_keys().insert(key, ());
    }

    /// Counts a message or an answer of a chatter's.
    pub fn message(&self, client: Client, link: LinkId) -> Result<(), Problem> {
        self.limits().check(Limit::LinkMessages(link))?;
        self.limits().check(Limit::Messages(client))
    }
}
