//! Looking at a link before joining: it uses up nothing.

use axum::extract::State;
use domain::session::Status;
use domain::{SessionId, link};
use nats::LinkToken;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Json, uuid};
use super::face::{Face, LinkState};
use crate::app::App;
use crate::client::Client;
use crate::limits::Limit;
use crate::moment::Moment;
use crate::problem::{Code, Problem};

/// Which link is looked at, and by whom.
#[derive(Deserialize, ToSchema)]
#[schema(as = Inspect)]
pub(super) struct Request {
    /// The last part of the link's address.
    token: String,
    /// The client's secret random UUID for this link.
    client_id: Option<String>,
}

/// What there is to see of a link.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Inspection)]
pub(super) struct Answer {
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
    /// The first message of the chat; not before the passcode is right.
    #[serde(skip_serializing_if = "Option::is_none")]
    welcome_message: Option<String>,
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
    post, path = "/links/inspect", tag = "chatters", request_body = Request,
    responses(
        (status = 200, body = Answer),
        (status = 404, description = "link_unknown", body = crate::problem::Body<'static>, content_type = "application/problem+json"),
        (status = 429, description = "rate_limited", body = crate::problem::Body<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn inspect(
    State(app): State<App>,
    client: Client,
    Json(request): Json<Request>,
) -> Result<axum::Json<Answer>, Problem> {
    app.limits().check(Limit::Visit(client.0))?;
    let client_id = request.client_id.as_deref().map(|id| uuid("client_id", id)).transpose()?;
    let LinkToken { agent, link: id, rotation, recipient } = app.link_tokens().check(&request.token).ok_or(Code::LinkUnknown)?;
    let mut link = app.commands().link(agent, id).await?;
    // A token that was replaced opens nothing, and shows nothing.
    if link.status == link::Status::Unknown || link.rotation != rotation {
        return Err(Code::LinkUnknown.into());
    }
    let known = match &client_id {
        Some(client_id) => app.commands().known_session(agent, id, recipient, client_id).await?,
        None => None,
    };
    let now = Moment::now();
    let your_session = known.as_ref().map(|known| YourSession { id: known.session, status: status(&known.state, now) });
    if let Some(YourSession { id, status: Status::Ended | Status::Erased }) = &your_session {
        // Whoever starts anew has this place, given back already or not.
        link.admissions.remove(id);
    }
    let face = Face::of(&app, agent, id, &link).await?;
    let requires_passcode = link.settings.as_ref().is_some_and(|settings| settings.passcode.is_some());
    // Who has a session here gave the passcode to get it.
    let trusted = !requires_passcode || known.is_some();
    Ok(axum::Json(Answer {
        link: LinkObject {
            state: link.entry(recipient, now.0).into(),
            title: face.title,
            agent_name: face.agent_name,
            operator_name: app.config().operator_name.clone(),
            expires_at: link.settings.as_ref().map_or(link.quiet_since, |settings| settings.expires_at).into(),
            requires_passcode,
            language: link.settings.as_ref().and_then(|settings| settings.language.clone()),
            description: face.description.filter(|_| trusted),
            welcome_message: face.welcome_message.filter(|_| trusted),
        },
        your_session,
        now,
    }))
}

/// Tells how a session stands by the clock.
fn status(session: &domain::session::Session, now: Moment) -> Status {
    super::session::standing(session, now.0).map_or(Status::Erased, |standing| standing.status)
}
