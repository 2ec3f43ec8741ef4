//! Asking typed questions: a form on the page, typed values back.

use domain::agent::Scope;
use forms::{Field, Form, Kind};
use rmcp::handler::server::router::tool::ToolRoute;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;

use super::conversation::{Conversation, Turn};
use super::{Definition, Effect, tool};
use crate::mcp::Agents;
use crate::mcp::answer::Answer;
use crate::mcp::args::Bound;
use crate::mcp::call::{Call, about_session};
use crate::problem::{Code, Problem};

const ASK: Definition = Definition {
    name: "temp_chat_ask",
    title: "Ask typed questions",
    description: "Asks 1-8 typed fields as a form in one chat, for choices, facts and approvals; returns like temp_chat_send_message. \
        Answers come as answer events with typed values, some fields at a time, until you speak again: read approvals from them, never from prose. \
        To ask everyone on a link use its questions.",
    effect: Effect::Adds,
    scopes: &[Scope::Read, Scope::WriteMessages],
};

/// Arguments of [`ASK`].
#[derive(Debug, Deserialize, JsonSchema)]
struct Ask {
    session_id: String,
    #[schemars(schema_with = "fields_schema")]
    fields: Vec<Value>,
    /// Words above the form.
    #[serde(default)]
    #[schemars(with = "String")]
    intro: Option<String>,
    #[serde(default)]
    #[schemars(with = "String")]
    after: Option<String>,
    #[serde(default)]
    #[schemars(with = "f64")]
    wait_for_reply_seconds: Option<f64>,
    #[serde(default)]
    #[schemars(with = "String")]
    idempotency_key: Option<String>,
}

/// Describes fields in as few words as do.
fn fields_schema(_: &mut SchemaGenerator) -> Schema {
    let kinds = Kind::ALL.map(Kind::as_str);
    json_schema!({
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "key": {"type": "string"},
                "label": {"type": "string"},
                "type": {"type": "string", "enum": kinds},
                "required": {"type": "boolean", "default": true},
                "help": {"type": "string"},
                "options": {
                    "type": "array",
                    "description": "Of choice, choices",
                    "items": {
                        "type": "object",
                        "properties": {"value": {"type": "string"}, "label": {"type": "string"}},
                        "required": ["value"],
                    },
                },
                "min": {"anyOf": [{"type": "number"}, {"type": "string"}], "description": "Of number, date"},
                "max": {"anyOf": [{"type": "number"}, {"type": "string"}]},
                "max_length": {"type": "integer"},
            },
            "required": ["key", "label", "type"],
        },
    })
}

/// Describes fields that are written as those of [`ASK`].
pub(super) fn fields_as_asked(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"type": "object"}, "description": "Asked from the start; as fields of temp_chat_ask."})
}

pub(super) fn routes() -> Vec<ToolRoute<Agents>> {
    let bounds = [
        Bound::new("fields", 1, 8),
        Bound::new("intro", 0, 2_000),
        Bound::new("wait_for_reply_seconds", 0, 50).usually(0),
        Bound::new("idempotency_key", 1, 200),
    ];
    vec![tool(ASK, &bounds, ask)]
}

async fn ask(call: Call, arguments: Ask) -> Result<Answer<Conversation>, Problem> {
    let turn = Turn::begin(&call, &arguments.session_id, arguments.after.as_deref(), arguments.wait_for_reply_seconds).await?;
    let form = form(arguments.intro, arguments.fields)?;
    let commands = call.app().commands();
    let attempt = arguments.idempotency_key.unwrap_or_else(|| commands.attempt());
    let asked = commands.ask(turn.session(), call.actor(), &attempt, &form).await;
    let (question, receipt) = asked.map_err(about_session(turn.reading.session))?;
    turn.end(&call, &receipt, Some(question)).await
}

/// Makes a form of fields as an agent wrote them, or says which is wrong and how.
pub(super) fn form(intro: Option<String>, fields: Vec<Value>) -> Result<Form, Problem> {
    let read = |(index, field): (usize, Value)| {
        let wrong = |error: serde_json::Error| Problem::with_detail(Code::QuestionInvalid, format!("fields[{index}]: {error}."));
        serde_json::from_value::<Field>(without_nulls(field)).map_err(wrong)
    };
    let fields = fields.into_iter().enumerate().map(read).collect::<Result<_, _>>()?;
    Form::new(intro, fields).map_err(|errors| Problem::of_fields(Code::QuestionInvalid, errors))
}

/// What is null counts as left out.
fn without_nulls(mut field: Value) -> Value {
    if let Some(parts) = field.as_object_mut() {
        parts.retain(|_, part| !part.is_null());
    }
    field
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_wrong_field_is_told_with_its_place() {
        let told = |field: Value| form(None, vec![field]).unwrap_err().tool_text();
        let unknown = told(json!({"key": "a", "label": "A", "type": "colour"}));
        assert!(unknown.starts_with("question_invalid: fields[0]: unknown variant `colour`, expected one of"), "{unknown}");
        let empty = told(json!({"key": "a", "label": "A", "type": "choice"}));
        assert_eq!(
            empty,
            "question_invalid: fields[0].options: choice has 1 to 20 options, not 0. Call again with the fields corrected."
        );
    }

    #[test]
    fn null_is_nothing() {
        assert!(form(None, vec![json!({"key": "a", "label": "A", "type": "text", "help": null, "required": null})]).is_ok());
    }
}
