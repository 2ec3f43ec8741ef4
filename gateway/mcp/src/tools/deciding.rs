//! Requesting a decision over an exact payload: a verdict that is claimed once, and signed.

use domain::Policy;
use domain::agent::Scope;
use domain::session::Choice;
use forms::Decision;
use problem::{Code, Problem};
use rmcp::handler::server::router::tool::ToolRoute;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;

use super::lengths::{millis, minutes};
use super::turn::{Speech, Turn};
use super::{AnswerOrTask, Definition, Effect, tool};
use crate::agents::Agents;
use crate::args::Bound;
use crate::call::Call;
use crate::results::received::Spoken;

const REQUEST_DECISION: Definition = Definition {
    name: "temp_chat_request_decision",
    title: "Request a decision",
    description: "Has one person decide on an exact payload before you act on it: shown unchanged, JSON in its form of RFC 8785; \
        payload_sha256 is over these bytes. Returns like temp_chat_send_message; one decision event tells the verdict. \
        Silence is timed_out, never approval.",
    effect: Effect::Adds,
    scopes: &[Scope::Read, Scope::WriteMessages],
};

const CHOICES: [Choice; 4] = [Choice::Approve, Choice::Reject, Choice::Edit, Choice::Respond];

/// Arguments of [`REQUEST_DECISION`].
#[derive(Debug, Deserialize, JsonSchema)]
struct RequestDecision {
    session_id: String,
    subject: String,
    #[schemars(schema_with = "payload_schema")]
    payload: Value,
    #[serde(default = "either")]
    #[schemars(schema_with = "allow_schema")]
    allow: Vec<String>,
    #[serde(default)]
    #[schemars(with = "f64")]
    answer_within_minutes: Option<f64>,
    #[serde(default)]
    #[schemars(with = "String")]
    after: Option<String>,
    #[serde(default)]
    even_if_unread: bool,
    #[serde(default)]
    #[schemars(with = "f64")]
    wait_for_reply_seconds: Option<f64>,
    #[serde(default)]
    #[schemars(with = "String")]
    idempotency_key: Option<String>,
}

fn either() -> Vec<String> {
    [Choice::Approve, Choice::Reject].map(|choice| choice.as_str().to_owned()).to_vec()
}

/// Describes a payload: some hosts refuse an object that names no property.
fn payload_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"anyOf": [{"type": "string"}, {"type": "object", "properties": {"action": {"type": "string"}}}]})
}

fn allow_schema(_: &mut SchemaGenerator) -> Schema {
    let choices = CHOICES.map(Choice::as_str);
    json_schema!({"type": "array", "items": {"type": "string", "enum": choices}, "default": either()})
}

pub(super) fn routes(policy: &Policy) -> Vec<ToolRoute<Agents>> {
    let bounds = [
        Bound::new("subject", 1, 200),
        Bound::new("answer_within_minutes", minutes(policy.shortest_answer_time), minutes(policy.longest_answer_time)),
        Bound::new("wait_for_reply_seconds", 0, 50).usually(0),
        Bound::new("idempotency_key", 1, 200),
    ];
    vec![tool(REQUEST_DECISION, &bounds, request_decision)]
}

async fn request_decision(call: Call, arguments: RequestDecision) -> Result<AnswerOrTask<Spoken>, Problem> {
    let RequestDecision { wait_for_reply_seconds: wait, even_if_unread, .. } = arguments;
    let turn =
        Turn::begin(&call, &arguments.session_id, Speech { after: arguments.after.as_deref(), wait, even_if_unread }).await?;
    let allow = arguments.allow.iter().map(|given| choice(given)).collect::<Result<Vec<_>, _>>()?;
    let decision = Decision::new(&arguments.subject, &arguments.payload)
        .map_err(|errors| Problem::of_fields(Code::QuestionInvalid, errors).next("Call again with that corrected."))?;
    let commands = call.app().commands();
    let attempt = arguments.idempotency_key.unwrap_or_else(|| commands.attempt());
    let within = arguments.answer_within_minutes.map(millis);
    let asked = commands.request_decision(turn.session(), turn.issuer(&call), &attempt, (&decision, &allow), within).await;
    turn.end(&call, asked.map(|(question, receipt)| (receipt, Some(question)))).await
}

fn choice(given: &str) -> Result<Choice, Problem> {
    let known = CHOICES.into_iter().find(|choice| choice.as_str() == given);
    known.ok_or_else(|| {
        let detail = format!("allow has {}, and not {}.", CHOICES.map(Choice::as_str).join(", "), problem::brief(given, 40));
        Problem::with_detail(Code::InvalidRequest, detail).next("Call temp_chat_request_decision again with these only.")
    })
}
