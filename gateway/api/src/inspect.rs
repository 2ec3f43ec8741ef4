//! Looking at a link before joining: it uses up nothing.

use app::audit::about;
use app::{App, Client};
use auth::presented_for_link;
use axum::extract::State;
use body::Json;
use command_service::Known;
use domain::session::Status;
use domain::{AgentId, LinkId, SessionId, link};
use events::{Moment, markdown};
use http::HeaderMap;
use nats::LinkToken;
use problem::{Code, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::uuid;
use super::link_preview::{LinkPreview, LinkState};

/// Which link is looked at, and by whom.
#[derive(Deserialize, ToSchema)]
#[schema(as = Inspect)]
pub(super) struct InspectRequest {
    /// The last part of the link's address.
    token: String,
    /// The client's secret random UUID for this link.
    client_id: Option<String>,
}

/// What there is to see of a link.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Inspection)]
pub(super) struct Inspection {
    /// The time here.
    #[schema(value_type = String, format = DateTime)]
    now: Moment,
    /// The link.
    link: LinkObject,
    /// The newest session that this client has had here.
    #[serde(skip_serializing_if = "Option::is_none")]
    your_session: Option<YourSession>,
}

/// A link as it shows itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Link)]
struct LinkObject {
    /// How it stands.
    state: LinkState,
    /// What the chat is about.
    title: String,
    /// The name under which the agent appears.
    agent_name: String,
    /// Who runs this service.
    #[serde(skip_serializing_if = "Option::is_none")]
    operator_name: Option<String>,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Moment,
    /// Whether a passcode is asked for.
    requires_passcode: bool,
    /// The page's language (BCP 47), where the agent chose one.
    language: Option<String>,
    /// More about the chat; not before the passcode is right.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// The same as safe HTML.
    #[serde(skip_serializing_if = "Option::is_none")]
    description_html: Option<String>,
    /// The first message of the chat; not before the passcode is right.
    #[serde(skip_serializing_if = "Option::is_none")]
    welcome_message: Option<String>,
    /// The same as safe HTML.
    #[serde(skip_serializing_if = "Option::is_none")]
    welcome_html: Option<String>,
    /// What speaks there: no setting of an agent's changes it.
    agent_kind: &'static str,
}

/// A session that this client has had.
#[derive(Debug, Serialize, ToSchema)]
struct YourSession {
    /// Its id.
    #[schema(value_type = String)]
    id: SessionId,
    /// How it stands.
    #[schema(value_type = String)]
    status: Status,
}

/// Shows a link to whoever holds its address.
#[utoipa::path(
    post, path = "/links/inspect", operation_id = "inspect_link", tag = "chatters", request_body = InspectRequest,
    responses(
        (status = 200, body = Inspection),
        (status = 404, description = "link_unknown", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 429, description = "rate_limited", body = problem::Body<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn inspect(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Json(request): Json<InspectRequest>,
) -> Result<Json<Inspection>, Problem> {
    let client_id = request.client_id.as_deref().map(|id| uuid("client_id", id)).transpose()?;
    let LinkToken { agent, link: id, rotation, recipient } = app.genuine(client, &request.token)?;
    about(|about| (about.agent, about.link) = (Some(agent), Some(id)));
    app.visit(client, id)?;
    let mut link = app.commands().link(agent, id).await?;
    // A token that was replaced opens nothing, and shows nothing; of a pruned link the newest one is not known.
    if link.status == link::Status::Unknown || link.rotation != rotation && link.status != link::Status::Erased {
        return Err(Code::LinkUnknown.into());
    }
    let known = match &client_id {
        Some(client_id) => app.commands().known_session(agent, id, recipient, client_id).await?,
        None => None,
    };
    let known = match known {
        Some(known) => Some(known),
        // The browser has lost what the page had kept, and not the cookie.
        None => known_by_cookie(&app, &headers, agent, (id, recipient)).await?,
    };
    let now = Moment(command_service::clock::now());
    let your_session = known.as_ref().map(|known| YourSession { id: known.session, status: status(&known.state, now) });
    if let Some(YourSession { id, status: Status::Ended | Status::Erased }) = &your_session {
        // A new session takes the admission of this one, whether that was released already or not.
        link.admissions.remove(id);
    }
    let preview = LinkPreview::of(&app, agent, id, &link).await?;
    let requires_passcode = link.settings.as_ref().is_some_and(|settings| settings.passcode.is_some());
    // A client with a session has given the passcode already.
    let trusted = !requires_passcode || known.is_some();
    let description = preview.description.filter(|_| trusted);
    let welcome_message = preview.welcome_message.filter(|_| trusted);
    Ok(Json(Inspection {
        link: LinkObject {
            state: link.entry(recipient, now.0).into(),
            title: preview.title,
            agent_name: preview.agent_name,
            operator_name: app.config().operator_name.clone(),
            expires_at: link.settings.as_ref().map_or(link.quiet_since, |settings| settings.expires_at).into(),
            requires_passcode,
            language: link.settings.as_ref().and_then(|settings| settings.language.clone()),
            description_html: description.as_deref().map(markdown::render),
            description,
            welcome_html: welcome_message.as_deref().map(markdown::render),
            welcome_message,
            agent_kind: "ai",
        },
        your_session,
        now,
    }))
}

/// Finds the session that the browser was given by this link, unless the session has forgotten it.
async fn known_by_cookie(
    app: &App,
    headers: &HeaderMap,
    agent: AgentId,
    (link, recipient): (LinkId, Option<u8>),
) -> Result<Option<Known>, Problem> {
    let Some(chatter) = presented_for_link(headers, app, link, recipient).filter(|chatter| chatter.agent == agent) else {
        return Ok(None);
    };
    let state = app.commands().session(chatter.address()).await?;
    let is_its_own = state.link == Some(link) && !state.has_forgotten(&chatter.device);
    Ok(is_its_own.then_some(Known { session: chatter.session, state }))
}

/// Tells how a session stands by the clock.
fn status(session: &domain::session::Session, now: Moment) -> Status {
    super::session::standing(session, now.0).map_or(Status::Erased, |standing| standing.status)
}
