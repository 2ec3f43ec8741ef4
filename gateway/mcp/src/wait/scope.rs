//! The scope of a wait: one session, one link, or all of the agent's.

use agent_events::CursorScope;
use domain::{LinkId, SessionId};
use hub::Topic;
use nats::Position;
use problem::{Code, Problem};
use query_service::{Scope, ScopeView};

use crate::call::{Call, erased_link};
use crate::results::event::Named;

/// The scope of a wait.
#[derive(Debug, Clone)]
pub(crate) struct WaitScope {
    /// The same in the rows.
    pub(crate) rows: Scope,
    /// The same in the hub.
    pub(crate) topic: Topic,
    /// The scopes whose cursors may be passed: its own first, then wider ones.
    pub(crate) cursors: Vec<CursorScope>,
    /// Whether no event can come any more, as far as its row or its aggregate tells.
    pub(crate) is_over: bool,
    /// What the call itself named, so that no event need.
    pub(crate) named: Named,
}

impl WaitScope {
    /// Finds the scope of a call, and that it is the agent's.
    pub(crate) async fn of(call: &Call, link: Option<&str>, session: Option<&str>) -> Result<Self, Problem> {
        let named = Named { link: link.is_some(), session: session.is_some() };
        let link = link.map(|link| call.link_id(link)).transpose()?;
        match (link, session) {
            (link, Some(session)) => {
                let scope = Self { named, ..Self::of_session(call, session).await? };
                match link {
                    Some(link) if !scope.cursors.contains(&CursorScope::Link(link)) => {
                        let told = format!("{session} is not a session of {link}.");
                        Err(Problem::with_detail(Code::InvalidRequest, told)
                            .next("Call temp_chat_wait_for_messages again with session_id only."))
                    }
                    Some(_) | None => Ok(scope),
                }
            }
            // A key that is limited to one link gets events of that link only.
            (link, None) => match link.or(call.principal.grant.link) {
                Some(link) => Ok(Self { named, ..Self::of_link(call, link).await? }),
                None => Ok(Self {
                    rows: Scope::Agent,
                    topic: Topic::Agent(call.principal.agent),
                    cursors: vec![CursorScope::Agent],
                    is_over: false,
                    named,
                }),
            },
        }
    }

    /// Finds a link of the agent's.
    async fn of_link(call: &Call, link: LinkId) -> Result<Self, Problem> {
        let view = call.link_scope(link).await?;
        if view.is_erased {
            return Err(erased_link(link));
        }
        Ok(Self {
            rows: Scope::Link(link),
            topic: Topic::Link(call.principal.agent, link),
            cursors: vec![CursorScope::Link(link), CursorScope::Agent],
            is_over: view.is_over,
            named: Named { link: true, session: false },
        })
    }

    /// Finds a session of the agent's that is only read.
    async fn of_session(call: &Call, session: &str) -> Result<Self, Problem> {
        let (session, view) = call.session_scope(session).await?;
        Ok(Self::of_view(call, session, view))
    }

    /// Finds a session of the agent's in which the call is about to do something: that needs its aggregate anyway.
    pub(crate) async fn of_turn(call: &Call, session: &str) -> Result<Self, Problem> {
        let session = call.session_id(session).await?;
        Ok(Self::of_view(call, session, call.logged_session(session).await?))
    }

    /// Makes the scope of a session that was found.
    pub(crate) fn of_view(call: &Call, session: SessionId, view: ScopeView) -> Self {
        Self {
            rows: Scope::Session(session),
            topic: Topic::Session(call.session(session)),
            cursors: vec![CursorScope::Session(session), CursorScope::Link(view.link), CursorScope::Agent],
            is_over: view.is_over,
            named: Named { link: false, session: true },
        }
    }

    /// Opens a cursor of this scope or a wider one; one of all that is the agent's is void once something after it was pruned.
    pub(crate) async fn open(&self, call: &Call, after: Option<&str>) -> Result<Option<Position>, Problem> {
        let Some(after) = after else { return Ok(None) };
        let agent = call.principal.agent;
        let position = call.agents.cursors.open(agent, &self.cursors, after).map_err(|problem| match self.rows {
            Scope::Session(_) if problem.code == Code::CursorScope => {
                problem.next("Pass a next_cursor of this session, of its link, or of all, or leave after out.")
            }
            Scope::Link(_) if problem.code == Code::CursorScope => {
                problem.next("Pass a next_cursor of this link or of all, or leave after out.")
            }
            Scope::Agent | Scope::Link(_) | Scope::Session(_) => problem,
        })?;
        // Within a link or session that is there, nothing is missing.
        if matches!(self.rows, Scope::Agent) {
            call.app().nothing_was_pruned_after(agent, position).await?;
        }
        // The tag binds a cursor to the agent, and an agent to its shard.
        Ok(Some(position))
    }

    /// Seals a position of this scope.
    pub(crate) fn seal(&self, call: &Call, position: Position) -> String {
        let own = self.cursors.first().copied().unwrap_or(CursorScope::Agent);
        call.agents.cursors.seal(call.principal.agent, own, position)
    }
}
