//! One call of a tool: who calls, what it may use, and the ids it names.

use app::audit::About;
use app::{App, Client, RequestId};
use auth::KeyWatch;
use command_service::Principal;
use domain::agent::Scope;
use domain::link::{self, Link};
use domain::session::EventPosition;
use domain::{Address, LinkId, SessionId, Target, session};
use nats::{Actor, Fact, Position};
use problem::{Code, Problem};
use query_service::{Freshness, ScopeView, Viewer};
use rmcp::RoleServer;
use rmcp::service::RequestContext;
use text::clean;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::agents::Agents;
use super::given::{Outgoing, Reading};

/// Cancelled as soon as the caller's connection is gone, or the answer is out. rmcp lets a call go on for seconds after that.
#[derive(Debug, Clone)]
pub(super) struct Gone(pub(super) CancellationToken);

/// One call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) agents: Agents,
    pub(super) principal: Principal,
    pub(super) request: RequestContext<RoleServer>,
    /// The session that the call names, and the last event of it that the caller had been given when it called.
    pub(super) given: Option<(SessionId, Option<EventPosition>)>,
    gone: Gone,
    outgoing: Outgoing,
}

impl Call {
    /// Finds out who calls: the middleware has checked the key.
    pub(super) fn new(agents: &Agents, request: RequestContext<RoleServer>) -> Result<Self, Problem> {
        let extensions = request.extensions.get::<http::request::Parts>().map(|parts| &parts.extensions);
        let principal = extensions.and_then(|extensions| extensions.get::<Principal>()).cloned().ok_or(Code::KeyInvalid)?;
        let gone = extensions.and_then(|extensions| extensions.get::<Gone>()).cloned().ok_or(Code::Internal)?;
        let outgoing = extensions.and_then(|extensions| extensions.get::<Outgoing>()).cloned().ok_or(Code::Internal)?;
        Ok(Self { agents: agents.clone(), principal, request, given: None, gone, outgoing })
    }

    /// Notes what the caller was given of the session that it names, before anything else is given to it.
    pub(super) fn having_named(self, session: Option<&str>) -> Self {
        let session = session.and_then(|text| SessionId::parse(text).ok());
        let given = session.map(|session| (session, self.agents.given.upto(self.reading(session))));
        Self { given, ..self }
    }

    /// Returns the caller as a reader of one of the agent's sessions.
    pub(super) fn reading(&self, session: SessionId) -> Reading {
        Reading { agent: self.principal.agent, key: self.principal.key, session }
    }

    /// Notes that the caller's result holds what happened in a session up to an event; an abandoned call has given nothing.
    pub(super) fn gives(&self, session: SessionId, upto: EventPosition) {
        if !self.is_abandoned() {
            self.outgoing.add(self.reading(session), upto);
        }
    }

    /// Notes that the caller's result holds what happened.
    pub(super) fn has_given(&self, facts: &[&Fact]) {
        for fact in facts {
            if let Target::Session(session) = fact.address.target {
                self.gives(session, fact.position.into());
            }
        }
    }

    /// Notes beside the call what a cursor acknowledges, even if the client goes away.
    pub(super) fn note(&self, scope: query_service::Scope, upto: Position) -> JoinHandle<()> {
        let call = self.clone();
        tokio::spawn(async move { call.agents.positions.acknowledge(call.app(), &call.principal, scope, upto).await })
    }

    /// Tells whether the call was cancelled, or its connection is gone.
    pub(super) fn is_abandoned(&self) -> bool {
        self.request.ct.is_cancelled() || self.gone.0.is_cancelled()
    }

    /// Waits until the call is cancelled, or its connection is gone.
    pub(super) async fn abandoned(&self) {
        tokio::select! {
            () = self.request.ct.cancelled() => {}
            () = self.gone.0.cancelled() => {}
        }
    }

    /// Refuses a caller that was let in and has waited since: meanwhile its key may have been taken back, or reached its end.
    pub(super) async fn is_still_allowed(&self) -> Result<(), Problem> {
        auth::is_still(self.app(), &self.principal, self.presented()?).await
    }

    /// Watches the caller's key for as long as the call waits.
    pub(super) fn key_watch(&self) -> Result<KeyWatch, Problem> {
        Ok(KeyWatch::new(self.app().clone(), self.principal.clone(), self.presented()?.to_owned()))
    }

    fn presented(&self) -> Result<&str, Problem> {
        let parts = self.request.extensions.get::<http::request::Parts>();
        Ok(parts.and_then(|parts| auth::bearer(&parts.headers)).ok_or(Code::KeyInvalid)?)
    }

    /// Returns the request's name: commits and log lines carry it.
    pub(super) fn request_id(&self) -> Option<RequestId> {
        self.request.extensions.get::<http::request::Parts>()?.extensions.get().copied()
    }

    /// Returns from where the call comes.
    pub(super) fn client(&self) -> Client {
        let nowhere = Client(std::net::IpAddr::from([0, 0, 0, 0]));
        let parts = self.request.extensions.get::<http::request::Parts>();
        parts.map_or(nowhere, |parts| Client::of_request(&parts.extensions, &parts.headers, self.app().config().proxies))
    }

    /// Returns all that a handler may use.
    pub(super) fn app(&self) -> &App {
        &self.agents.app
    }

    /// Returns on whose behalf commands are sent.
    pub(super) fn actor(&self) -> Actor {
        Actor::Agent(self.principal.key)
    }

    /// Returns which rows the key may see.
    pub(super) fn viewer(&self) -> Viewer {
        App::viewer(&self.principal)
    }

    /// Reads a link's id; of a key that is limited to one link, every other is unknown.
    pub(super) fn link_id(&self, text: &str) -> Result<LinkId, Problem> {
        let link = LinkId::parse(text).map_err(|_| {
            unknown_link(text)
                .next("A link_id begins with lnk_ and is no url; call temp_chat_list_links for the links there are.")
        })?;
        if self.principal.grant.link.is_some_and(|only| only != link) {
            return Err(unknown_link(link));
        }
        Ok(link)
    }

    /// Reads a session's id; one that is none is as unknown as one of another agent's, and as one beyond the key's only link.
    pub(super) async fn session_id(&self, text: &str) -> Result<SessionId, Problem> {
        let session = parse_session(text)?;
        self.is_within(session).await?;
        Ok(session)
    }

    /// Refuses a session beyond the only link of a limited key.
    async fn is_within(&self, session: SessionId) -> Result<(), Problem> {
        if let Some(only) = self.principal.grant.link
            && self.app().link_of(self.session(session)).await.map_err(about_session(session))? != only
        {
            return Err(unknown_session(session));
        }
        Ok(())
    }

    /// Looks at a session that the caller may see: at its row, or where fresh rows have none, in the log, which alone knows what is
    /// unknown.
    pub(super) async fn session_scope(&self, text: &str) -> Result<(SessionId, ScopeView), Problem> {
        let session = parse_session(text)?;
        let answer = self.app().queries().session_scope(self.viewer(), session, self.fresh(0)).await?;
        match answer.value {
            Some(view) if !answer.stale => Ok((session, view)),
            Some(_) | None => {
                self.is_within(session).await?;
                Ok((session, self.logged_session(session).await?))
            }
        }
    }

    /// Looks at one of the agent's sessions in the log.
    pub(super) async fn logged_session(&self, session: SessionId) -> Result<ScopeView, Problem> {
        let state = self.app().commands().session(self.session(session)).await.map_err(about_session(session))?;
        // Of one whose commits were pruned, only that it was erased is known.
        let absent = || if state.status == session::Status::Erased { erased_session(session) } else { unknown_session(session) };
        let link = state.link.ok_or_else(absent)?;
        let is_timed_out = state.settings.as_ref().is_some_and(|settings| settings.expires_at <= command_service::clock::now());
        Ok(ScopeView { link, is_over: state.ended.is_some() || is_timed_out, is_erased: state.status == session::Status::Erased })
    }

    /// Looks at a link that the caller may see: at its row, or where fresh rows have none, in the log.
    pub(super) async fn link_scope(&self, link: LinkId) -> Result<ScopeView, Problem> {
        let answer = self.app().queries().link_scope(self.viewer(), link, self.fresh(0)).await?;
        if let Some(view) = answer.value
            && !answer.stale
        {
            return Ok(view);
        }
        let state = match self.logged_link(link).await? {
            // Rows that are behind have it still, until it is pruned.
            state if state.status == link::Status::Erased && answer.value.is_none() => return Err(erased_link(link)),
            state => state,
        };
        let is_open = matches!(state.status, link::Status::Active | link::Status::Paused);
        let ends_at = state.settings.as_ref().map(|settings| settings.expires_at);
        let is_timed_out = ends_at.is_none_or(|ends_at| ends_at <= command_service::clock::now());
        Ok(ScopeView { link, is_over: !is_open || is_timed_out, is_erased: state.status == link::Status::Erased })
    }

    /// Says why fresh rows have no such link: it is unknown, or beyond the key's only link, or its commits were pruned.
    pub(super) async fn absent_link(&self, link: LinkId) -> Problem {
        match self.logged_link(link).await {
            Ok(state) if state.status == link::Status::Erased => erased_link(link),
            Ok(_) => unknown_link(link),
            Err(problem) => problem,
        }
    }

    /// Says why fresh rows have no such session: it is unknown, or beyond the key's only link, or its commits were pruned.
    pub(super) async fn absent_session(&self, session: SessionId) -> Problem {
        if let Err(problem) = self.is_within(session).await {
            return problem;
        }
        match self.logged_session(session).await {
            Ok(view) if view.is_erased => erased_session(session),
            Ok(_) => unknown_session(session),
            Err(problem) => problem,
        }
    }

    /// Looks at one of the agent's links in the log, which alone knows what is unknown.
    pub(super) async fn logged_link(&self, link: LinkId) -> Result<Link, Problem> {
        if self.principal.grant.link.is_some_and(|only| only != link) {
            return Err(unknown_link(link));
        }
        let state = self.app().commands().link(self.principal.agent, link).await?;
        if state.status == link::Status::Unknown { Err(unknown_link(link)) } else { Ok(state) }
    }

    /// Refuses a key that lacks some of the scopes.
    pub(super) fn has(&self, tool: &str, scopes: &[Scope]) -> Result<(), Problem> {
        let grant = &self.principal.grant;
        let lacking: Vec<_> = scopes.iter().copied().filter(|scope| !grant.allows(*scope)).collect();
        if lacking.is_empty() {
            return Ok(());
        }
        let (needed, lacking) = (listed(scopes.iter().copied()), listed(lacking));
        let told = format!("{tool} needs {needed}; this key has {}.", listed(grant.scopes()));
        Err(Problem::with_detail(Code::ScopeMissing, told)
            .next(format!("Ask the operator for a key with {lacking}, or do without; no other call gets around this.")))
    }

    /// Tells the audit that the call was refused, where that was for security. A tool's refusal is a result, which nothing above can see.
    pub(super) fn was_refused(&self, door: &str, problem: &Problem) {
        let Principal { agent, key, .. } = self.principal;
        let about = About { agent: Some(agent), key: Some(key), link: self.principal.grant.link, session: None };
        let parts = self.request.extensions.get::<http::request::Parts>();
        if let Some(parts) = parts {
            let client = Client::of_request(&parts.extensions, &parts.headers, self.app().config().proxies);
            self.app().refused(problem.code, door.to_owned(), about, client);
        }
    }

    /// Refuses a key that is limited to one link.
    pub(super) fn is_everywhere(&self) -> Result<(), Problem> {
        match self.principal.grant.link {
            None => Ok(()),
            Some(link) => Err(Problem::with_detail(Code::KeyLimited, format!("This key may use {link} only."))
                .next("Call temp_chat_get_link for its url, or ask the operator for a key of the whole agent.")),
        }
    }

    /// Returns the address of one of the agent's sessions.
    pub(super) fn session(&self, session: SessionId) -> Address {
        Address::session(self.principal.agent, session)
    }

    /// Returns the position before every event of the agent.
    pub(super) fn beginning(&self) -> Position {
        Position { shard: self.app().backbone().shard_of(self.principal.agent), sequence: 0, index: 0 }
    }

    /// Returns how fresh an answer must be: this process's own writes, and whatever is known beyond.
    pub(super) fn fresh(&self, known: u64) -> Freshness {
        self.app().freshness_from(self.principal.agent, known)
    }

    /// Signals to the agent's pages that it is there: to all of them, or to those of the only link that the key may use.
    pub(super) async fn is_active(&self, listening: bool) {
        let Principal { agent, key, grant, .. } = &self.principal;
        if let Err(error) = self.app().hub().agent_active(*agent, grant.link, *key, listening).await {
            tracing::debug!(%error, "nobody could be told that the agent is there");
        }
    }

    /// Signals to the agent's pages whether a wait for their messages is still under way.
    pub(super) async fn has_done(&self) {
        self.is_active(self.agents.waits.any(&self.principal)).await;
    }
}

/// Writes scopes one after the other.
fn listed(scopes: impl IntoIterator<Item = Scope>) -> String {
    let names: Vec<_> = scopes.into_iter().map(Scope::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Reads a session's id.
fn parse_session(text: &str) -> Result<SessionId, Problem> {
    SessionId::parse(text).map_err(|_| {
        unknown_session(text).next("A session_id begins with ses_; call temp_chat_list_sessions for the sessions there are.")
    })
}

/// Says that the agent has no such session.
pub(super) fn unknown_session(given: impl std::fmt::Display) -> Problem {
    let given: String = clean(&given.to_string()).chars().take(60).collect();
    Problem::with_detail(Code::SessionUnknown, format!("You have no session {given}."))
}

/// Says that the agent has no such link.
pub(super) fn erased_session(session: SessionId) -> Problem {
    Problem::with_detail(Code::SessionErased, format!("{session} was erased."))
}

pub(super) fn erased_link(link: LinkId) -> Problem {
    Problem::with_detail(Code::LinkErased, format!("{link} was erased."))
}

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
