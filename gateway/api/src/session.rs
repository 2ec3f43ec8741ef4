//! A session as its chatter sees it: from the log's own state, so that nothing just done is missing.

use app::App;
use auth::{Chatter, cookie};
use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse};
use body::Json;
use domain::link::{Entry, Link};
use domain::session::{EndReason, Session, Standing, Status};
use domain::{AgentId, LinkId, SessionId, Timestamp};
use events::Moment;
use http::header::SET_COOKIE;
use hub::AgentState;
use nats::Carrier;
use problem::{Code, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use super::link_preview::LinkPreview;

/// A session.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct SessionObject {
    /// Its id.
    #[schema(value_type = String)]
    id: SessionId,
    /// The link it came through.
    #[schema(value_type = String)]
    link_id: LinkId,
    /// `active`, `idle`, `ended` or `erased`; an idle session resumes with the chatter's next word.
    #[schema(value_type = String)]
    status: Status,
    /// What the chat is about.
    title: String,
    /// The name under which the agent appears.
    agent_name: String,
    /// What the agent seems to be doing.
    agent_state: AgentState,
    /// When it started.
    #[schema(value_type = String, format = DateTime)]
    started_at: Moment,
    /// When it ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Moment,
    /// Why it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "chatter_left")]
    ends_reason: Option<EndReason>,
    /// Messages that the chatter may still send.
    messages_left: u32,
    /// The chatter's limits.
    limits: SessionLimits,
    /// Fields of open questions that are not answered.
    open_fields: u32,
    /// When the agent is going to end it, unless the chatter writes something.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    end_planned_at: Option<Moment>,
    /// When its words are gone at the latest.
    #[schema(value_type = String, format = DateTime)]
    erase_at: Moment,
    /// The page's language (BCP 47), where the agent chose one for the link.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
}

impl SessionObject {
    /// Returns what the chat is about.
    pub(super) fn title(&self) -> &str {
        &self.title
    }
}

/// A chatter's limits.
#[derive(Debug, Serialize, ToSchema)]
struct SessionLimits {
    /// Characters of one message.
    max_message_chars: u32,
    /// Messages within a minute.
    messages_per_minute: u32,
}

/// The answer to a request for a session.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionAnswer {
    /// The time here.
    #[schema(value_type = String, format = DateTime)]
    now: Moment,
    /// The session.
    session: SessionObject,
    /// Whether its link would let this client in again.
    can_start_new: bool,
}

/// Judges a session that may be shown at `now`: one that is unknown or whose words are due to be gone may not.
pub(super) fn standing(session: &Session, now: Timestamp) -> Result<Standing, Problem> {
    let standing = session.standing(now).ok_or(Code::SessionUnknown)?;
    match standing.status {
        Status::Erased => Err(Code::SessionErased.into()),
        Status::Ended if now >= standing.erase_at => Err(Code::SessionErased.into()),
        Status::Unknown | Status::Active | Status::Idle | Status::Ended => Ok(standing),
    }
}

/// A session that may be shown, with its link.
pub(super) struct Shown {
    pub(super) state: Session,
    pub(super) standing: Standing,
    pub(super) link_id: LinkId,
    pub(super) link: Link,
    recipient: Option<u8>,
}

impl Shown {
    /// Finds a session that still has its words.
    pub(super) async fn find(app: &App, chatter: &Chatter) -> Result<Self, Problem> {
        let state = app.commands().session(chatter.address()).await?;
        let standing = standing(&state, command_service::clock::now())?;
        Self::with(app, chatter, state, standing).await
    }

    /// Finds a session that was just ended: it is told even where nothing is kept after the end.
    pub(super) async fn find_ended(app: &App, chatter: &Chatter) -> Result<Self, Problem> {
        let state = app.commands().session(chatter.address()).await?;
        let standing = state.standing(command_service::clock::now()).ok_or(Code::SessionUnknown)?;
        Self::with(app, chatter, state, standing).await
    }

    async fn with(app: &App, chatter: &Chatter, state: Session, standing: Standing) -> Result<Self, Problem> {
        let link_id = state.link.ok_or(Code::SessionUnknown)?;
        let mut link = app.commands().link(chatter.agent, link_id).await?;
        if standing.status == Status::Ended {
            // A new session takes the admission of this one, whether that was released already or not.
            link.admissions.remove(&chatter.session);
        }
        let recipient = link.came.iter().find(|(_, came)| **came == chatter.session).map(|(recipient, _)| *recipient);
        Ok(Self { state, standing, link_id, link, recipient })
    }

    /// Tells whether the link would let someone in.
    pub(super) fn can_start_new(&self) -> bool {
        let entry = || self.link.entry(self.recipient, command_service::clock::now());
        self.standing.status == Status::Ended && entry() == Entry::Open
    }

    /// Writes the session as the contract has it.
    pub(super) async fn object(&self, app: &App, agent: AgentId, id: SessionId) -> Result<SessionObject, Problem> {
        let LinkPreview { title, agent_name, .. } = LinkPreview::of(app, agent, self.link_id, &self.link).await?;
        let settings = self.state.settings.as_ref().ok_or(Code::SessionUnknown)?;
        Ok(SessionObject {
            id,
            link_id: self.link_id,
            status: self.standing.status,
            title,
            agent_name,
            agent_state: app.hub().agent_state(agent, self.link_id, self.state.owed_since.is_some()),
            started_at: self.state.started_at.into(),
            expires_at: settings.expires_at.into(),
            ends_reason: self.standing.ended.map(|(reason, _)| reason),
            messages_left: self.state.messages_left(),
            limits: SessionLimits {
                max_message_chars: app.commands().policy().chatter_characters,
                messages_per_minute: settings.messages_per_minute,
            },
            open_fields: open_fields(&self.state),
            end_planned_at: self.state.planned_end.as_ref().map(|planned| planned.at.into()),
            erase_at: self.standing.erase_at.into(),
            language: self.link.settings.as_ref().and_then(|settings| settings.language.clone()),
        })
    }

    /// Writes the answer that shows the session.
    pub(super) async fn answer(&self, app: &App, agent: AgentId, id: SessionId) -> Result<SessionAnswer, Problem> {
        let session = self.object(app, agent, id).await?;
        Ok(SessionAnswer { now: Moment(command_service::clock::now()), session, can_start_new: self.can_start_new() })
    }
}

/// Counts the fields of questions that take answers and have none.
fn open_fields(session: &Session) -> u32 {
    let unanswered = |fields: u8, answered: u8| u32::from(fields).saturating_sub(answered.count_ones());
    let now = command_service::clock::now();
    let open = session.questions.values().filter(|question| question.is_open(now));
    open.map(|question| unanswered(question.fields, question.answered)).sum()
}

/// Shows a session; a cookie is given its new lifetime.
#[utoipa::path(
    get, path = "/sessions/{id}", operation_id = "get_session", tag = "chatters", params(("id" = String, Path)),
    responses(
        (status = 200, body = SessionAnswer),
        (status = 401, description = "session_unknown", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 410, description = "session_erased", body = problem::Body<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get(State(app): State<App>, chatter: Chatter) -> Result<impl IntoResponse, Problem> {
    let shown = Shown::find(&app, &chatter).await?;
    let answer = shown.answer(&app, chatter.agent, chatter.session).await?;
    let cookie = (chatter.carrier == Carrier::Cookie).then(|| cookie_until(&app, &chatter, shown.standing.erase_at));
    Ok((AppendHeaders(cookie.map(|cookie| (SET_COOKIE, cookie))), Json(answer)))
}

/// Gives a client its session's cookie until the session is erased.
pub(super) fn cookie_until(app: &App, chatter: &Chatter, erase_at: Timestamp) -> http::HeaderValue {
    let Chatter { agent, session, device, .. } = *chatter;
    let credential = app.credentials().issue(Carrier::Cookie, agent, session, device);
    cookie::set(session, &credential, app.config(), command_service::clock::now(), erase_at)
}

/// Gives a client the cookie by which its link leads it back to the session.
pub(super) fn cookie_for_link(app: &App, chatter: &Chatter, shown: &Shown) -> http::HeaderValue {
    let Chatter { agent, session, device, .. } = *chatter;
    let credential = app.credentials().issue(Carrier::Cookie, agent, session, device);
    let now = command_service::clock::now();
    cookie::set_for_link(shown.link_id, shown.recipient, &credential, app.config(), now, shown.standing.erase_at)
}

#[cfg(test)]
mod tests {
    use domain::Millis;
    use domain::session::Settings;

    use super::*;

    fn session(status: Status, ended: Option<(EndReason, Timestamp)>) -> Session {
        let settings = Settings {
            expires_at: Timestamp(100),
            max_messages: 5,
            messages_per_minute: 5,
            idle_timeout: Millis(10),
            keep_after_end: Millis(50),
            budget: domain::budget::Limits::default(),
        };
        Session { status, ended, settings: Some(settings), ..Session::default() }
    }

    fn code(session: &Session, now: i64) -> Code {
        standing(session, Timestamp(now)).unwrap_err().code
    }

    #[test]
    fn a_dead_timer_keeps_no_session_open() {
        let open = session(Status::Active, None);
        assert_eq!(standing(&open, Timestamp(99)).unwrap().status, Status::Active);
        let over = standing(&open, Timestamp(100)).unwrap();
        let ended = Some((EndReason::LinkExpired, Timestamp(100)));
        assert_eq!((over.status, over.ended, over.erase_at), (Status::Ended, ended, Timestamp(150)));
        assert_eq!(code(&open, 150), Code::SessionErased);
    }

    #[test]
    fn an_ended_session_is_shown_until_its_words_are_due_to_go() {
        let ended = session(Status::Ended, Some((EndReason::ChatterLeft, Timestamp(20))));
        assert_eq!(standing(&ended, Timestamp(69)).unwrap().erase_at, Timestamp(70));
        assert_eq!(code(&ended, 70), Code::SessionErased);
        assert_eq!(code(&session(Status::Erased, None), 0), Code::SessionErased);
        assert_eq!(code(&Session::default(), 0), Code::SessionUnknown);
    }
}
