//! Receipts: what came of a decision, signed, so that whoever holds one can show it without this service.

use app::{App, Client};
use auth::bearer;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use body::Json;
use command_service::Principal;
use domain::agent::Scope;
use domain::session::Event;
use domain::{Address, ReceiptId};
use events::Moment;
use forms::Outcome;
use http::HeaderMap;
use nats::{AnyEvent, Document, Fact, Field, Hash, Text};
use problem::{Code, Problem};
use query_service::ReceiptPosition;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The documents' `type`.
const RECEIPT: &str = "receipt";

/// A receipt.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReceiptAnswer {
    /// The time here.
    #[schema(value_type = String, format = DateTime)]
    now: Moment,
    /// `{type: "receipt", receipt_id, question_id, session_id, link_id, verdict, at, payload_hash, payload_salt?, words_hash?, words_salt?, shard,
    /// epoch, sequence, index, running_hash, kid, signature}`. A hash is the SHA-256 of the 32 bytes of its salt and the text's UTF-8 bytes behind
    /// them, in hexadecimal; words are the edited payload, or the reason. The salts are there until the session is erased. The signature
    /// (Ed25519, base64url) is over the form of RFC 8785 of the rest; keys are at `/.well-known/tempchat-keys`.
    #[schema(value_type = Object)]
    receipt: Document,
}

/// Gives the receipt of a decision, once those who follow the log have come to it.
#[utoipa::path(
    get, path = "/agent/receipts/{receipt_id}", operation_id = "get_receipt", tag = "agents", params(("receipt_id" = String, Path)),
    responses(
        (status = 200, body = ReceiptAnswer),
        (status = 401, description = "key_invalid, key_expired", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 403, description = "scope_missing", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 404, description = "receipt_unknown", body = problem::Body<'static>, content_type = "application/problem+json"),
        (status = 503, description = "unavailable: it is not made yet", body = problem::Body<'static>, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn receipt(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let principal = match auth::authenticate(&app, &headers, client).await {
        Ok(principal) if principal.grant.allows(Scope::Read) => principal,
        Ok(_) => return Err(Problem::with_detail(Code::ScopeMissing, "A receipt needs a key with read.")),
        Err(problem) => return Ok(auth::refuse(problem, bearer(&headers).is_some(), app.config())),
    };
    let id = ReceiptId::parse(&id).map_err(|_| Code::ReceiptUnknown)?;
    let fresh = app.freshness(principal.agent);
    let found = app.queries().receipt(App::viewer(&principal), id, fresh).await?;
    let Some(place) = found.value else {
        return Err(if found.stale { Code::Unavailable.into() } else { Code::ReceiptUnknown.into() });
    };
    let document = document(&app, &principal, id, &place).await?;
    let receipt = app.backbone().signer().sign(document);
    Ok(Json(ReceiptAnswer { now: Moment(command_service::clock::now()), receipt }).into_response())
}

/// Writes what is signed. The outcome is read from the log itself: rows say no more than where it stands.
async fn document(app: &App, principal: &Principal, id: ReceiptId, place: &ReceiptPosition) -> Result<Document, Problem> {
    let session = Address::session(principal.agent, place.session);
    let sequence = place.position.sequence;
    let scope = nats::Scope::Aggregate(session);
    let recorded = app.backbone().store().scan(scope, sequence.saturating_sub(1), sequence, 1).await?;
    let fact = recorded.iter().flat_map(nats::Recorded::facts).find(|fact| fact.position == place.position);
    let Some(Fact {
        event: AnyEvent::Session(Event::DecisionMade { question, verdict, payload, words, document }),
        at,
        link,
        ..
    }) = fact
    else {
        return Err(Code::ReceiptUnknown.into());
    };
    let outcome = match app.backbone().opener().vault(session).await?.open(Field::Outcome, 0, &document.bytes)? {
        Text::Open(text) => Outcome::from_document(&text)
            .inspect_err(|error| tracing::error!(%question, %error, "the document of an outcome cannot be read"))
            .ok(),
        Text::Erased => None,
    };
    let (payload_salt, words_salt) = outcome.map(|outcome| (outcome.payload_salt, outcome.words_salt)).unzip();
    let members = [
        ("type", Some(Value::from(RECEIPT))),
        ("receipt_id", Some(id.to_string().into())),
        ("question_id", Some(question.to_string().into())),
        ("session_id", Some(place.session.to_string().into())),
        ("link_id", link.map(|link| link.to_string().into())),
        ("verdict", Some(serde_json::to_value(verdict).map_err(|_| Code::Internal)?)),
        ("at", Some(Moment(at).to_string().into())),
        ("payload_hash", Some(Hash(payload.0).to_string().into())),
        ("payload_salt", payload_salt.map(Value::from)),
        ("words_hash", words.map(|words| Hash(words.hash.0).to_string().into())),
        ("words_salt", words_salt.flatten().map(Value::from)),
        ("shard", Some(place.position.shard.0.into())),
        ("epoch", Some(app.backbone().epoch(place.position.shard).to_string().into())),
        ("sequence", Some(sequence.into())),
        ("index", Some(place.position.index.into())),
        ("running_hash", Some(place.running.to_string().into())),
    ];
    Ok(members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
}
