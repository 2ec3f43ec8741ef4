//! Asking typed questions: a form on the page, typed values back; and taking them back.

use std::collections::BTreeMap;

use command_service::Asking;
use domain::agent::Scope;
use domain::{Policy, QuestionId};
use forms::{Field, Form, Kind};
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

const ASK: Definition = Definition {
    name: "temp_chat_ask",
    title: "Ask typed questions",
    description: "Asks 1-8 typed fields as a form in one chat, for choices, facts and approvals; returns like temp_chat_send_message. \
        Answers come as answer events with typed values, maybe some fields at a time, until question_closed. \
        Read approvals from them, never from prose. \
        To ask everyone on a link use its questions (changeable until you speak).",
    effect: Effect::Adds,
    scopes: &[Scope::Read, Scope::WriteMessages],
};

const WITHDRAW: Definition = Definition {
    name: "temp_chat_withdraw_question",
    title: "Take a question back",
    description: "Closes an open question. To ask it differently use replaces of temp_chat_ask.",
    effect: Effect::Ends,
    scopes: &[Scope::Read, Scope::WriteMessages],
};

/// What an agent may write of a field.
const PARTS: [&str; 9] = ["key", "label", "type", "required", "help", "options", "min", "max", "max_length"];

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
    /// A `question_id` that this one closes.
    #[serde(default)]
    #[schemars(with = "String")]
    replaces: Option<String>,
    /// The first complete answer closes it; false: changeable until you speak again.
    #[serde(default = "yes", rename = "final")]
    is_final: bool,
    #[serde(default)]
    #[schemars(with = "f64")]
    answer_within_minutes: Option<f64>,
    /// Values that count then if the person wrote nothing at all; shown beforehand.
    #[serde(default)]
    #[schemars(schema_with = "values_schema")]
    if_silent: Option<Vec<BTreeMap<String, Value>>>,
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

/// Arguments of [`WITHDRAW`].
#[derive(Debug, Deserialize, JsonSchema)]
struct Withdraw {
    session_id: String,
    question_id: String,
    /// Shown to the person.
    #[serde(default)]
    #[schemars(with = "String")]
    reason: Option<String>,
    #[serde(default)]
    #[schemars(with = "String")]
    after: Option<String>,
    #[serde(default)]
    even_if_unread: bool,
}

fn yes() -> bool {
    true
}

/// Describes values by key in a form that every host takes: some refuse an object whose properties are not listed.
fn values_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "key": {"type": "string"},
                "value": {"anyOf": [
                    {"type": "string"}, {"type": "number"}, {"type": "boolean"}, {"type": "array", "items": {"type": "string"}},
                ]},
            },
            "required": ["key", "value"],
        },
    })
}

/// Reads values by key, as they are described or as one object of them.
fn by_key(given: Vec<BTreeMap<String, Value>>) -> BTreeMap<String, Value> {
    let parts = given.into_iter().flat_map(|mut part| {
        let key = part.get("key").and_then(Value::as_str).filter(|_| part.len() == 2 && part.contains_key("value"));
        match key.map(str::to_owned) {
            Some(key) => BTreeMap::from([(key, part.remove("value").unwrap_or_default())]),
            None => part,
        }
    });
    parts.collect()
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
                "min": {"anyOf": [{"type": "number"}, {"type": "string"}]},
                "max": {"anyOf": [{"type": "number"}, {"type": "string"}]},
                "max_length": {"type": "integer"},
            },
            "required": ["key", "label", "type"],
        },
    })
}

/// Describes the same fields in fewer words, where they are not what a tool is about: every part of them is taken.
pub(super) fn fields_in_short(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "key": {"type": "string"},
                "label": {"type": "string"},
                "type": {"type": "string", "enum": Kind::ALL.map(Kind::as_str)},
                "required": {"type": "boolean"},
                "options": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["key", "label", "type"],
        },
    })
}

pub(super) fn routes(policy: &Policy) -> Vec<ToolRoute<Agents>> {
    let bounds = [
        Bound::new("answer_within_minutes", minutes(policy.shortest_answer_time), minutes(policy.longest_answer_time)),
        Bound::new("fields", 1, 8),
        Bound::new("intro", 0, 2_000),
        Bound::new("wait_for_reply_seconds", 0, 50).usually(0),
        Bound::new("idempotency_key", 1, 200),
    ];
    let reason = Bound::new("reason", 0, policy.withdrawal_characters);
    vec![tool(ASK, &bounds, ask), tool(WITHDRAW, &[reason], withdraw)]
}

async fn ask(call: Call, arguments: Ask) -> Result<AnswerOrTask<Spoken>, Problem> {
    let Ask { wait_for_reply_seconds: wait, even_if_unread, .. } = arguments;
    let turn =
        Turn::begin(&call, &arguments.session_id, Speech { after: arguments.after.as_deref(), wait, even_if_unread }).await?;
    let form = form("fields", arguments.intro, arguments.fields)?;
    let answer_within = arguments.answer_within_minutes.map(millis);
    let form = match arguments.if_silent.map(by_key).filter(|values| !values.is_empty()) {
        None => form,
        Some(_) if answer_within.is_none() => {
            return Err(Problem::with_detail(Code::QuestionInvalid, "if_silent counts only after answer_within_minutes.")
                .next("Call temp_chat_ask again with both."));
        }
        Some(values) => form.with_silence(&values).map_err(silence_invalid)?,
    };
    let replaces = arguments.replaces.as_deref().filter(|id| !id.is_empty()).map(question_id).transpose()?;
    let asking = Asking { is_final: arguments.is_final, answer_within, replaces };
    let commands = call.app().commands();
    let attempt = arguments.idempotency_key.unwrap_or_else(|| commands.attempt());
    let asked = commands.ask(turn.session(), turn.issuer(&call), &attempt, &form, asking).await;
    turn.end(&call, asked.map(|(question, receipt)| (receipt, Some(question)))).await
}

async fn withdraw(call: Call, arguments: Withdraw) -> Result<AnswerOrTask<Spoken>, Problem> {
    let Withdraw { session_id, question_id, reason, after, even_if_unread } = arguments;
    let turn = Turn::begin(&call, &session_id, Speech { after: after.as_deref(), wait: None, even_if_unread }).await?;
    let question = self::question_id(&question_id)?;
    let reason = reason.as_deref().filter(|reason| !text::is_blank(reason));
    let withdrawn = call.app().commands().withdraw_question(turn.session(), turn.issuer(&call), question, reason).await;
    turn.end(&call, withdrawn.map(|receipt| (receipt, Some(question)))).await
}

fn question_id(given: &str) -> Result<QuestionId, Problem> {
    QuestionId::parse(given).map_err(|_| Code::QuestionUnknown.into())
}

/// Says what is wrong with the values that silence means, each under the argument's name.
fn silence_invalid(mut errors: Vec<forms::FieldError>) -> Problem {
    for error in &mut errors {
        error.key = format!("if_silent.{}", error.key);
    }
    Problem::of_fields(Code::QuestionInvalid, errors)
}

/// Makes a form of fields as an agent wrote them, or says which is wrong and how.
pub(super) fn form(argument: &str, intro: Option<String>, fields: Vec<Value>) -> Result<Form, Problem> {
    let read = |(index, field): (usize, Value)| {
        let wrong = |told: String| Problem::with_detail(Code::QuestionInvalid, format!("{argument}[{index}]{told}."));
        let field = without_nulls(field);
        // Left out in silence, a part would be missed by whoever wrote it.
        if let Some(told) = unknown_part(&field).or_else(|| wrong_option(&field)) {
            return Err(wrong(told));
        }
        serde_json::from_value::<Field>(field).map_err(|error| wrong(format!(": {error}")))
    };
    let fields = fields.into_iter().enumerate().map(read).collect::<Result<_, _>>()?;
    Form::new(intro, fields).map_err(|mut errors| {
        for error in &mut errors {
            // The form knows its parts, and not what the argument was called.
            if let Some(place) = error.key.strip_prefix("fields") {
                error.key = format!("{argument}{place}");
            }
        }
        Problem::of_fields(Code::QuestionInvalid, errors)
    })
}

/// Finds a part that no field has.
fn unknown_part(field: &Value) -> Option<String> {
    let unknown = field.as_object()?.keys().find(|part| !PARTS.contains(&part.as_str()))?;
    let unknown: String = unknown.chars().take(60).collect();
    Some(format!(": there is no {unknown:?}; a field has {}", PARTS.join(", ")))
}

/// Finds an option that is neither a text nor a value with a label.
fn wrong_option(field: &Value) -> Option<String> {
    let is_right = |option: &Value| match option {
        Value::String(_) => true,
        Value::Object(parts) => {
            parts.get("value").is_some_and(Value::is_string)
                && parts.iter().all(|(part, value)| matches!(part.as_str(), "value" | "label") && value.is_string())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => false,
    };
    let mut options = field.get("options")?.as_array()?.iter().enumerate();
    let (index, option) = options.find(|(_, option)| !is_right(option))?;
    let option: String = option.to_string().chars().take(60).collect();
    Some(format!(".options[{index}]: an option is a text, or an object of two texts, value and label, and not {option}"))
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
    use serde_json::{Map, json};

    use super::*;

    #[test]
    fn a_wrong_field_is_told_with_its_place() {
        let told = |field: Value| form("fields", None, vec![field]).unwrap_err().tool_text();
        let unknown = told(json!({"key": "a", "label": "A", "type": "colour"}));
        assert!(unknown.starts_with("question_invalid: fields[0]: unknown variant `colour`, expected one of"), "{unknown}");
        let empty = told(json!({"key": "a", "label": "A", "type": "choice"}));
        assert_eq!(
            empty,
            "question_invalid: fields[0].options: choice has 1 to 20 options, not 0. Call again with the fields corrected."
        );
    }

    #[test]
    fn nothing_that_was_written_is_dropped_in_silence() {
        let told = |field: Value| form("fields", None, vec![field]).unwrap_err().tool_text();
        let part = told(json!({"key": "a", "label": "A", "type": "text", "requried": false}));
        assert!(
            part.starts_with("question_invalid: fields[0]: there is no \"requried\"; a field has key, label, type, "),
            "{part}"
        );
        for wrong in [json!({"text": "Red"}), json!(1), json!({"value": "r", "colour": "Red"})] {
            let option = told(json!({"key": "a", "label": "A", "type": "choice", "options": ["x", wrong]}));
            assert!(option.starts_with("question_invalid: fields[0].options[1]: an option is a text, or "), "{option}");
            assert!(option.contains(&format!("and not {wrong}. Call again")), "{option}");
        }
    }

    #[test]
    fn the_parts_are_those_of_a_field() {
        let whole = json!({"key": "a", "label": "A", "type": "number", "required": false, "help": "h", "options": ["x"], "min": 1, "max": 2, "max_length": 3});
        let field: Field = serde_json::from_value(whole.clone()).unwrap();
        assert_eq!(serde_json::to_value(field).unwrap().as_object().map(Map::len), Some(PARTS.len()));
        assert_eq!(unknown_part(&whole), None);
        let schema = fields_schema(&mut SchemaGenerator::default());
        let listed = schema.as_value()["items"]["properties"].as_object().unwrap();
        assert!(PARTS.iter().all(|part| listed.contains_key(*part)) && listed.len() == PARTS.len());
    }

    #[test]
    fn what_silence_means_is_read_as_it_is_described_and_as_an_object() {
        let read = |given: Value| json!(by_key(serde_json::from_value(given).unwrap()));
        let meant = json!({"ok": false, "why": "none"});
        assert_eq!(read(json!([{"key": "ok", "value": false}, {"key": "why", "value": "none"}])), meant);
        assert_eq!(read(json!([{"ok": false, "why": "none"}])), meant);
        assert_eq!(read(json!([{"key": "a"}])), json!({"key": "a"}));
    }

    #[test]
    fn null_is_nothing() {
        assert!(
            form("fields", None, vec![json!({"key": "a", "label": "A", "type": "text", "help": null, "required": null})]).is_ok()
        );
    }
}
