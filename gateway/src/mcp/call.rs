//! One call of a tool: who calls, what it may use, and the ids it names.

use command_service::Principal;
use domain::{Address, LinkId, SessionId};
use nats::{Actor, Position};
use query_service::Freshness;
use rmcp::RoleServer;
use rmcp::service::RequestContext;

use super::typed::clean;
use super::{Agents, Gone};
use crate::app::App;
use crate::observe::RequestId;
use crate::problem::{Code, Problem};

/// One call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) agents: Agents,
    pub(super) principal: Principal,
    pub(super) request: RequestContext<RoleServer>,
    gone: Gone,
}

impl Call {
    /// Finds out who calls: the middleware has checked the key.
    pub(super) fn new(agents: &Agents, request: RequestContext<RoleServer>) -> Result<Self, Problem> {
        let extensions = request.extensions.get::<http::request::Parts>().map(|parts| &parts.extensions);
        let principal = extensions.and_then(|extensions| extensions.get::<Principal>()).cloned().ok_or(Code::KeyInvalid)?;
        let gone = extensions.and_then(|extensions| extensions.get::<Gone>()).cloned().ok_or(Code::Internal)?;
        Ok(Self { agents: agents.clone(), principal, request, gone })
    }

    /// Tells whether nobody is there any more to take the answer.
    pub(super) fn is_abandoned(&self) -> bool {
        self.request.ct.is_cancelled() || self.gone.0.is_cancelled()
    }

    /// Waits until nobody is there any more to take the answer: the call was cancelled, or its connection is gone.
    pub(super) async fn abandoned(&self) {
        tokio::select! {
            () = self.request.ct.cancelled() => {}
            () = self.gone.0.cancelled() => {}
        }
    }

    /// Returns the request's name: commits and log lines carry it.
    pub(super) fn request_id(&self) -> Option<RequestId> {
        self.request.extensions.get::<http::request::Parts>()?.extensions.get().copied()
    }

    /// Returns all that a handler may use.
    pub(super) fn app(&self) -> &App {
        &self.agents.app
    }

    /// Returns on whose behalf commands are sent.
    pub(super) fn actor(&self) -> Actor {
        Actor::Agent(self.principal.key)
    }

    /// Returns the address of one of the agent's sessions.
    pub(super) fn session(&self, session: SessionId) -> Address {
        Address::session(self.principal.agent, session)
    }

    /// Returns the place before everything of the agent's.
    pub(super) fn beginning(&self) -> Position {
        Position { shard: self.app().backbone().shard_of(self.principal.agent), sequence: 0, index: 0 }
    }

    /// Returns how fresh an answer must be: this process's own writes, and whatever is known beyond.
    pub(super) fn fresh(&self, known: u64) -> Freshness {
        match self.app().freshness(self.principal.agent).at_least {
            Some(written) => Freshness::at_least(written.max(known)),
            // Nothing was written here: another process may have.
            None => Freshness::default(),
        }
    }

    /// Tells the agent's pages that it is there.
    pub(super) async fn is_active(&self, listening: bool) {
        if let Err(error) = self.app().hub().agent_active(self.principal.agent, self.principal.key, listening).await {
            tracing::debug!(%error, "nobody could be told that the agent is there");
        }
    }
}

/// Reads a session's id; one that is none is as unknown as one of another agent's.
pub(super) fn session_id(text: &str) -> Result<SessionId, Problem> {
    SessionId::parse(text).map_err(|_| unknown_session(text))
}

/// Reads a link's id.
pub(super) fn link_id(text: &str) -> Result<LinkId, Problem> {
    LinkId::parse(text).map_err(|_| unknown_link(text))
}

/// Says that the agent has no such session.
pub(super) fn unknown_session(given: impl std::fmt::Display) -> Problem {
    let given: String = clean(&given.to_string()).chars().take(60).collect();
    Problem::with_detail(Code::SessionUnknown, format!("You have no session {given}."))
}

/// Says that the agent has no such link.
pub(super) fn unknown_link(given: impl std::fmt::Display) -> Problem {
    let given: String = clean(&given.to_string()).chars().take(60).collect();
    Problem::with_detail(Code::LinkUnknown, format!("You have no link {given}."))
}

/// Tells a refusal about a session, with its id.
pub(super) fn about_session(session: SessionId) -> impl Fn(command_service::Refusal) -> Problem {
    move |refusal| {
        let problem = Problem::from(refusal);
        if problem.code == Code::SessionUnknown { unknown_session(session) } else { problem }
    }
}

/// Tells a refusal about a link, with its id.
pub(super) fn about_link(link: LinkId) -> impl Fn(command_service::Refusal) -> Problem {
    move |refusal| {
        let problem = Problem::from(refusal);
        if problem.code == Code::LinkUnknown { unknown_link(link) } else { problem }
    }
}
