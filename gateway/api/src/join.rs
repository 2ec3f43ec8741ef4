//! Joining: the tap that starts a session, or gives a client back the one it has.

use app::audit::about;
use app::{App, Attempt, Client, Priced};
use auth::{Chatter, presented};
use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Response};
use body::Json;
use command_service::{Join, Joined, Known};
use domain::abuse::Reason;
use domain::{AgentId, LinkId};
use events::{Event, Moment};
use http::header::{ACCEPT_LANGUAGE, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use nats::{Carrier, LinkToken};
use problem::{Code, Problem};
use query_service::Range;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::input::{one_line, uuid};
use super::session::{SessionObject, Shown, cookie_for_link, cookie_until};
use super::{devices, history};

/// How many of the newest events come with the answer.
const NEWEST: u16 = 50;
/// Characters of a passcode that are looked at: each costs time.
const PASSCODE_CHARACTERS: usize = 200;

/// Who wants in, and where.
#[derive(Deserialize, ToSchema)]
#[schema(as = Join)]
pub(super) struct JoinRequest {
    /// The last part of the link's address; not with a hand-off code.
    token: Option<String>,
    /// A secret random UUID made by the client: the same one again is the same session.
    client_id: String,
    /// The name the chatter chose.
    display_name: Option<String>,
    /// The passcode as typed.
    passcode: Option<String>,
    /// Whether a new session is wanted after one that ended.
    #[serde(default)]
    start_new: bool,
    /// How the client carries its credential.
    #[serde(default)]
    credential: Credential,
    /// A code from another device of this person's: its session goes on here too. Instead of a token.
    handoff_code: Option<String>,
    /// With `proof_required` answered before: `{challenge, solution}`, the challenge as it came with its `solution`, `{counter, derivedKey}`.
    #[schema(value_type = Option<Object>)]
    proof: Option<Value>,
}

/// How a client carries its credential.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Credential {
    /// As a cookie of the session's own addresses.
    #[default]
    Cookie,
    /// As `Authorization: Bearer`, for frames and clients without cookies.
    Bearer,
}

/// A session, and what was said last.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Joined)]
pub(super) struct JoinAnswer {
    /// The time here.
    #[schema(value_type = String, format = DateTime)]
    now: Moment,
    /// The session.
    session: SessionObject,
    /// The newest events, oldest first.
    events: Vec<Event>,
    /// Whether there are events before these.
    has_earlier: bool,
    /// From where to go on.
    next_cursor: String,
    /// Whether a new session may be started in place of this ended one.
    can_start_new: bool,
    /// The credential, for a client that asked for a bearer token.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_token: Option<String>,
    /// Whether the events may lack the very newest.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
}

/// Starts a session, or gives the client the one it has.
#[utoipa::path(
    post, path = "/sessions", operation_id = "join", tag = "chatters", request_body = JoinRequest,
    responses(
        (status = 201, description = "A session began.", body = JoinAnswer),
        (status = 200, description = "The client has this session already.", body = JoinAnswer),
        (status = 401, description = "passcode_required, passcode_wrong", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 403, description = "proof_required, blocked", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 404, description = "link_unknown, handoff_unknown", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 409, description = "link_full, link_used_up, link_paused, client_id_used, link_budget_reached, agent_budget_reached", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 410, description = "link_expired, link_revoked", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 429, description = "too_many_attempts, rate_limited", body = problem::Body<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn join(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Json(mut request): Json<JoinRequest>,
) -> Result<Response, Problem> {
    request.client_id = uuid("client_id", &request.client_id)?;
    let token = match (&request.token, &request.handoff_code) {
        (Some(token), None) => token,
        (None, Some(code)) => {
            let chatter =
                devices::take(&app, client, code, request.proof.as_ref(), &request.client_id, carrier(request.credential))
                    .await?;
            return welcome(&app, &chatter, false).await.map(IntoResponse::into_response);
        }
        (None, None) => return Err(Problem::field("token", "missing", "Send a token or a handoff_code.")),
        (Some(_), Some(_)) => {
            return Err(Problem::field("handoff_code", "conflict", "Send a token or a handoff_code, not both."));
        }
    };
    let token = app.genuine(client, token)?;
    let LinkToken { agent, link, rotation, recipient } = token;
    about(|about| (about.agent, about.link) = (Some(agent), Some(link)));
    let passcode = request.passcode.clone().filter(|passcode| !text::is_blank(passcode));
    let guess = match &passcode {
        Some(_) => guess(&app, client, &token, request.proof.as_ref()).await?,
        None => None,
    };
    let (known, entry) = match enter(&app, client, &token, &request, guess.as_ref()).await {
        Ok(entered) => entered,
        Err(problem) => {
            // Nobody looked at the passcode.
            if let Some(guess) = guess {
                guess.forgive();
            }
            return Err(problem);
        }
    };
    if passcode.as_ref().is_some_and(|passcode| passcode.chars().count() > PASSCODE_CHARACTERS) {
        return Err(Code::PasscodeWrong.into());
    }
    let joined = app
        .commands()
        .join(&Join {
            agent,
            link,
            rotation,
            recipient,
            holds: known.and_then(|known| {
                presented(&headers, &app)
                    .find(|presented| presented.session == known.session && !known.state.has_forgotten(&presented.device))
                    .map(|presented| presented.session)
            }),
            network: Some(network(client)),
            client_id: request.client_id.clone(),
            display_name: request.display_name.as_deref().and_then(one_line),
            passcode,
            language: preferred_language(&headers),
            start_new: request.start_new,
        })
        .await
        .map_err(Problem::from);
    // A session that is there already is given again for the passcode alone, and refused in other words.
    let was_wrong = |problem: &Problem| matches!(problem.code, Code::PasscodeWrong | Code::ClientIdUsed);
    if let Some(guess) = guess {
        if !joined.as_ref().is_err_and(was_wrong) {
            guess.forgive();
        } else if guess.has_used_up() {
            notice(&app, agent, link, Reason::PasscodeGuesses).await;
        }
    }
    if let Some(entry) = entry {
        if !matches!(joined, Ok(Joined::Started(..))) {
            entry.forgive();
        } else if entry.has_used_up() {
            notice(&app, agent, link, Reason::ManyFromOneNetwork).await;
        }
    }
    let joined = joined?;
    let started = match &joined {
        Joined::Started(_, receipt) => {
            app.wrote(agent, receipt);
            !receipt.replayed
        }
        Joined::Existing(_) => false,
    };
    let session = joined.session();
    let device = app.commands().device(session, &request.client_id);
    let chatter = Chatter { agent, session, device, carrier: carrier(request.credential) };
    welcome(&app, &chatter, started).await.map(IntoResponse::into_response)
}

/// Lets somebody in as far as it does not depend on the link, and returns the session that the client has, and how a newcomer counts among
/// those of the network.
async fn enter(
    app: &App,
    client: Client,
    &LinkToken { agent, link, recipient, .. }: &LinkToken,
    request: &JoinRequest,
    guess: Option<&Attempt>,
) -> Result<(Option<Known>, Option<Attempt>), Problem> {
    let known = app.commands().known_session(agent, link, recipient, &request.client_id);
    // Who has paid is not held up by what others did at the same address or link.
    if guess.is_some_and(Attempt::is_paid) {
        return Ok((known.await?, None));
    }
    app.visit(client, link)?;
    let known = known.await?;
    let mut entry = None;
    if known.is_none() || request.start_new {
        if app.commands().must_prove(agent, link, &request.client_id, &network(client)).await? {
            // It counts, however it ends: the next from this network pay more.
            let _counted = app.prices().begin(Priced::Entry(link), client, request.proof.as_ref())?;
        } else {
            entry = Some(app.prices().begin(Priced::Crowd(link), client, request.proof.as_ref())?);
        }
        app.new_session(client, link)?;
    }
    Ok((known, entry))
}

/// Tells the agent what strangers do to its link; they are answered whether or not that can be told.
async fn notice(app: &App, agent: AgentId, link: LinkId, reason: Reason) {
    if let Err(error) = app.commands().notice_abuse(agent, link, reason).await {
        tracing::warn!(%error, ?reason, "an agent could not be told of abuse");
    }
}

/// Names the network that a client comes from, as links know it.
fn network(client: Client) -> String {
    client.neighbourhood().0.to_string()
}

/// Lets a passcode be tried, where the link asks for one and the token is its newest.
async fn guess(app: &App, client: Client, token: &LinkToken, proof: Option<&Value>) -> Result<Option<Attempt>, Problem> {
    let link = app.commands().link(token.agent, token.link).await?;
    let asks = link.rotation == token.rotation && link.settings.is_some_and(|settings| settings.passcode.is_some());
    asks.then(|| app.prices().begin(Priced::Passcode(token.link), client, proof)).transpose()
}

fn carrier(credential: Credential) -> Carrier {
    match credential {
        Credential::Cookie => Carrier::Cookie,
        Credential::Bearer => Carrier::Bearer,
    }
}

/// Answers with the session and the credential for it.
async fn welcome(app: &App, chatter: &Chatter, started: bool) -> Result<impl IntoResponse + use<>, Problem> {
    let Chatter { agent, session, device, carrier } = *chatter;
    let shown = Shown::find(app, chatter).await?;
    let (object, newest) =
        tokio::try_join!(shown.object(app, agent, session), history::read(app, chatter, Range::Newest, NEWEST))?;
    let last = newest.span.map_or_else(|| history::beginning(app, chatter), |(_, last)| last);
    let answer = JoinAnswer {
        now: Moment(command_service::clock::now()),
        session: object,
        events: newest.events,
        has_earlier: newest.has_more,
        next_cursor: app.cursors().seal(last),
        can_start_new: shown.can_start_new(),
        session_token: (carrier == Carrier::Bearer).then(|| app.credentials().issue(carrier, agent, session, device)),
        stale: newest.stale,
    };
    let cookies = (carrier == Carrier::Cookie)
        .then(|| [cookie_until(app, chatter, shown.standing.erase_at), cookie_for_link(app, chatter, &shown)]);
    let cookies = cookies.into_iter().flatten().map(|cookie| (SET_COOKIE, cookie)).collect::<Vec<_>>();
    let status = if started { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, AppendHeaders(cookies), Json(answer)))
}

/// Reads the language that the chatter's browser asks for first (RFC 9110, section 12.5.4).
fn preferred_language(headers: &HeaderMap) -> Option<String> {
    let first = headers.get(ACCEPT_LANGUAGE)?.to_str().ok()?.split([',', ';']).next()?.trim();
    (!first.is_empty() && first != "*").then(|| first.to_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_browsers_first_language_counts() {
        let of = |value| preferred_language(&HeaderMap::from_iter([(ACCEPT_LANGUAGE, HeaderValue::from_static(value))]));
        assert_eq!(of("de-CH,de;q=0.9,en;q=0.8").as_deref(), Some("de-CH"));
        assert_eq!(of("en;q=0.8").as_deref(), Some("en"));
        assert_eq!(of("*"), None);
    }
}
