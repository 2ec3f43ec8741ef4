//! A person's devices: a chat goes on on another one by a code, and one device is forgotten without the others.

use std::time::Duration;

use app::{App, Client, Priced, quantize_refusal};
use auth::{Chatter, cookie};
use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse};
use body::Json;
use events::Moment;
use http::StatusCode;
use http::header::SET_COOKIE;
use nats::{Carrier, HandoffCode};
use problem::{Code, Problem};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::qr::QrCode;

/// In steps of what time a code is refused: longer than the log takes to note that it was wrong.
const REFUSED_IN: Duration = Duration::from_millis(100);

/// A code that lets another device in, once.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Handoff {
    /// The time here.
    #[schema(value_type = String, format = DateTime)]
    now: Moment,
    /// 8 letters and digits; read in any case, with or without dashes.
    code: String,
    /// A page that takes the code out of this address's fragment.
    url: String,
    /// Until when the code is good.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Moment,
    /// The address as a picture for another device's camera.
    qr: QrCode,
}

/// Offers the session to another device; a code offered before is void.
#[utoipa::path(
    post, path = "/sessions/{id}/handoff", operation_id = "offer_handoff", tag = "chatters", params(("id" = String, Path)),
    responses(
        (status = 200, body = Handoff),
        (status = 401, description = "session_unknown", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 409, description = "session_ended, handoff_limit_reached", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 410, description = "session_erased", body = problem::Body<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn handoff(State(app): State<App>, chatter: Chatter) -> Result<Json<Handoff>, Problem> {
    let offered = app.commands().offer_handoff(chatter.agent, chatter.session).await?;
    app.wrote(chatter.agent, &offered.receipt);
    let code = offered.code.as_str().to_owned();
    // A fragment is never sent: neither a server nor a link preview on the way sees the code. Short, to be typed too.
    let url = app.config().address_of(&format!("/chat#{code}"));
    let qr = QrCode::of(&url);
    Ok(Json(Handoff { now: Moment(command_service::clock::now()), code, url, expires_at: offered.expires_at.into(), qr }))
}

/// Lets a client in by a code. Whoever tries many pays for it, and is never told what was wrong.
pub(super) async fn take(
    app: &App,
    client: Client,
    code: &str,
    proof: Option<&Value>,
    client_id: &str,
    carrier: Carrier,
) -> Result<Chatter, Problem> {
    let guess = app.prices().begin(Priced::HandoffCode, client, proof)?;
    let code = HandoffCode::parse(code).ok_or(Code::HandoffUnknown)?;
    // A code that leads to a session costs a look at that, and a note in the log: the time must not tell.
    let taken = quantize_refusal(REFUSED_IN, async { Ok(app.commands().take_handoff(&code, client_id).await?) }).await;
    if taken.as_ref().err().is_none_or(|problem: &Problem| problem.code != Code::HandoffUnknown) {
        guess.forgive();
    }
    let taken = taken?;
    app.wrote(taken.agent, &taken.receipt);
    Ok(Chatter { agent: taken.agent, session: taken.session, device: taken.device, carrier })
}

/// Forgets this device: its credential and its `client_id` open the session no more; the session and other devices stay.
#[utoipa::path(
    post, path = "/sessions/{id}/forget", operation_id = "forget_device", tag = "chatters", params(("id" = String, Path)),
    responses(
        (status = 204, description = "Forgotten."),
        (status = 401, description = "session_unknown", body = problem::Body<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn forget(State(app): State<App>, chatter: Chatter) -> Result<impl IntoResponse, Problem> {
    let receipt = app.commands().forget_device(chatter.address(), chatter.device).await?;
    app.wrote(chatter.agent, &receipt);
    let now = command_service::clock::now();
    let cookie =
        (chatter.carrier == Carrier::Cookie).then(|| (SET_COOKIE, cookie::set(chatter.session, "", app.config(), now, now)));
    Ok((StatusCode::NO_CONTENT, AppendHeaders(cookie)))
}
