//! What a tool takes: one schema, listed for models and held to when a call comes. A wrong call is told what would be right.

mod as_sent;
mod schema;
mod words;

use std::sync::Arc;

use problem::{Code, Problem};
use rmcp::model::JsonObject;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use text::is_blank;

use words::{down, listed, shown, snake, told, up};

pub(super) use schema::{Bound, number};

/// How many names that were ignored are told back.
const IGNORED: usize = 10;
/// How near a name must be to be what was meant, of 1.
const NEAR: f64 = 0.6;
/// Arguments that say how far a call reaches: left out by an empty text it would reach farther than whoever wrote it may think.
const SCOPES: [&str; 2] = ["link_id", "session_id"];

/// What an empty text or list says of an argument that need not be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Empty {
    /// That it is left out.
    LeftOut,
    /// That what was there before is removed, where that can be; for these numbers by 0.
    Removes { by_zero: &'static [&'static str] },
}

/// A call's arguments, read.
#[derive(Debug)]
pub(super) struct Read<A> {
    pub(super) arguments: A,
    /// Names that no argument has, and hosts are known to add.
    pub(super) ignored: Vec<String>,
}

/// A tool's arguments.
#[derive(Debug, Clone)]
pub(super) struct Arguments {
    tool: &'static str,
    empty: Empty,
    schema: Arc<JsonObject>,
}

impl Arguments {
    /// Takes the shape from `A` and the ranges from `bounds`.
    pub(super) fn of<A: JsonSchema>(tool: &'static str, empty: Empty, bounds: &[Bound]) -> Self {
        Self { tool, empty, schema: Arc::new(schema::of::<A>(bounds)) }
    }

    /// Returns the schema as it is listed.
    pub(super) fn schema(&self) -> Arc<JsonObject> {
        Arc::clone(&self.schema)
    }

    /// Reads the arguments of a call, as they are meant.
    pub(super) fn read<A: DeserializeOwned>(&self, given: Option<JsonObject>) -> Result<Read<A>, Problem> {
        let (mut given, ignored) = self.meant(given.unwrap_or_default())?;
        for (name, value) in &mut given {
            let Some(property) = self.property(name) else { continue };
            // Which of several kinds a value has, and what is in it, is for the tool to say.
            if !property.contains_key("anyOf") {
                self.check(name, value, property)?;
                self.check_text(name, value)?;
            }
        }
        for name in self.required() {
            if !given.contains_key(name) {
                return Err(self.invalid(format!("{name} is missing."), format!("again with {name}")));
            }
        }
        let read = serde_json::from_value(Value::Object(given));
        let arguments = read.map_err(|error| self.invalid(format!("{error}."), "as its schema describes"))?;
        Ok(Read { arguments, ignored })
    }

    /// Takes out what says nothing, and reads the rest as it is meant; beside it, the names that were ignored.
    fn meant(&self, given: JsonObject) -> Result<(JsonObject, Vec<String>), Problem> {
        let (mut meant, mut ignored, mut emptied) = (JsonObject::new(), Vec::new(), None);
        for (name, value) in given {
            let Some(property) = self.property(&name) else {
                if !as_sent::is_of_a_host(&name) {
                    return Err(self.unknown(&name));
                }
                if ignored.len() < IGNORED {
                    ignored.push(shown(&name));
                }
                continue;
            };
            let mut value = as_sent::meant(value, property);
            let is_left_out = self.leaves_out(&name, &mut value, property);
            if is_left_out && SCOPES.contains(&name.as_str()) {
                emptied = Some(name);
            } else if !is_left_out && !value.is_null() {
                meant.insert(name, value);
            }
        }
        match emptied {
            Some(name)
                if !self.required().any(|required| required == name)
                    && !SCOPES.iter().any(|scope| meant.contains_key(*scope)) =>
            {
                Err(self.invalid(
                    format!("{name} is empty: the call would reach farther than that."),
                    format!("with {name}, or without naming it"),
                ))
            }
            Some(_) | None => Ok((meant, ignored)),
        }
    }

    /// Tells whether a value leaves its argument out.
    fn leaves_out(&self, name: &str, value: &mut Value, property: &JsonObject) -> bool {
        let is_empty = as_sent::is_empty(value);
        if self.required().any(|required| required == name) {
            return is_empty && SCOPES.contains(&name);
        }
        match self.empty {
            Empty::LeftOut => is_empty || as_sent::is_no_number(value, property),
            Empty::Removes { by_zero } if is_empty && by_zero.contains(&name) => {
                *value = 0.into();
                false
            }
            Empty::Removes { .. } => is_empty && !as_sent::may_be_empty(value, property),
        }
    }

    fn required(&self) -> impl Iterator<Item = &str> {
        self.schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    fn property(&self, name: &str) -> Option<&JsonObject> {
        self.schema.get("properties")?.get(name)?.as_object()
    }

    fn properties(&self) -> impl Iterator<Item = (&String, &JsonObject)> {
        let properties = self.schema.get("properties").and_then(Value::as_object);
        properties.into_iter().flatten().filter_map(|(name, property)| Some((name, property.as_object()?)))
    }

    fn check(&self, name: &str, value: &mut Value, property: &JsonObject) -> Result<(), Problem> {
        let kind = property.get("type").and_then(Value::as_str).unwrap_or_default();
        // JSON does not tell 5 from 5.0, and some clients write the latter.
        if kind == "integer"
            && let Some(written) = value.as_f64()
        {
            *value = number(written);
        }
        let (fits, wanted) = match kind {
            "integer" => (value.is_i64() || value.is_u64(), "a whole number"),
            "number" => (value.is_number(), "a number"),
            "boolean" => (value.is_boolean(), "true or false"),
            "object" => (value.is_object(), "an object"),
            "array" => match property.get("items").and_then(|items| items.get("type")).and_then(Value::as_str) {
                Some("object") => (value.as_array().is_some_and(|items| items.iter().all(Value::is_object)), "a list of objects"),
                _ => (value.as_array().is_some_and(|items| items.iter().all(Value::is_string)), "a list of texts"),
            },
            _ => (value.is_string(), "a text"),
        };
        if !fits {
            return Err(self.invalid(format!("{name} must be {wanted}, not {}.", told(value)), format!("again with {wanted}")));
        }
        if let Some(choices) = property.get("enum").and_then(Value::as_array)
            && !choices.contains(value)
        {
            let choices = listed(choices.iter().filter_map(Value::as_str), " or ");
            return Err(self.invalid(format!("{name} must be {choices}, not {}.", told(value)), "again with one of these"));
        }
        self.check_range(name, value, property)
    }

    /// Refuses texts that hold NUL, or nothing that a screen shows, however deep they stand; an empty text is for others to judge.
    fn check_text(&self, name: &str, value: &Value) -> Result<(), Problem> {
        match value {
            Value::String(text) if text.contains('\0') => {
                Err(self.invalid(format!("{name} holds the character NUL."), "again without it"))
            }
            Value::String(text) if !text.is_empty() && is_blank(text) => {
                let happened = format!("{name} has nothing in it that can be seen.");
                Err(Problem::with_detail(Code::TextEmpty, happened).next(format!("Call {} again with words.", self.tool)))
            }
            Value::Array(items) => items.iter().try_for_each(|item| self.check_text(name, item)),
            Value::Object(fields) => fields.values().try_for_each(|field| self.check_text(name, field)),
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }

    fn check_range(&self, name: &str, value: &Value, property: &JsonObject) -> Result<(), Problem> {
        let (given, least, most, unit) = match value {
            Value::String(text) => (size(text.chars().count()), "minLength", "maxLength", " characters"),
            Value::Array(items) => (size(items.len()), "minItems", "maxItems", " items"),
            other => (other.as_f64().unwrap_or_default(), "minimum", "maximum", ""),
        };
        let bound = |key: &str| property.get(key).and_then(Value::as_f64);
        let (least, most) = (bound(least).unwrap_or(f64::MIN), bound(most).unwrap_or(f64::MAX));
        if (least..=most).contains(&given) {
            return Ok(());
        }
        let range = match (least > f64::MIN, most < f64::MAX) {
            (true, true) => format!("{} to {}", up(least), down(most)),
            (true, false) => format!("at least {}", up(least)),
            (false, _) => format!("at most {}", down(most)),
        };
        let verb = if unit.is_empty() { "be" } else { "have" };
        let given = if unit.is_empty() { told(value) } else { given.to_string() };
        let happened = format!("{name} must {verb} {range}{unit}, not {given}.");
        Err(Problem::with_detail(Code::SettingOutOfRange, happened)
            .next(format!("Call {} again with a value in that range.", self.tool)))
    }

    fn unknown(&self, name: &str) -> Problem {
        let known = listed(self.properties().map(|(name, _)| name.as_str()), ", ");
        let nearness = |known: &str| strsim::normalized_damerau_levenshtein(&snake(name), known);
        let near = self.properties().map(|(known, _)| (nearness(known), known)).max_by(|(a, _), (b, _)| a.total_cmp(b));
        let asked = match near {
            Some((nearness, known)) if nearness >= NEAR => format!(" Did you mean {known}?"),
            Some(_) | None => String::new(),
        };
        self.invalid(format!("There is no argument {}.{asked}", shown(name)), format!("with these only: {known}"))
    }

    fn invalid(&self, happened: impl Into<String>, again: impl std::fmt::Display) -> Problem {
        Problem::with_detail(Code::InvalidRequest, happened.into()).next(format!("Call {} {again}.", self.tool))
    }
}

fn size(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, JsonSchema, PartialEq)]
    struct Example {
        /// What it is called.
        title: String,
        #[serde(default)]
        #[schemars(with = "f64")]
        minutes: Option<f64>,
        #[serde(default)]
        #[schemars(with = "i64")]
        count: Option<i64>,
        #[serde(default)]
        #[schemars(with = "String", extend("enum" = ["active", "paused"]))]
        status: Option<String>,
        #[serde(default)]
        #[schemars(with = "Vec<String>")]
        origins: Option<Vec<String>>,
        #[serde(default)]
        #[schemars(with = "String")]
        after: Option<String>,
        #[serde(default)]
        #[schemars(with = "String")]
        link_id: Option<String>,
    }

    fn arguments_where(empty: Empty) -> Arguments {
        let bounds = [Bound::new("title", 1, 5), Bound::new("minutes", 0.5, 90).usually(60), Bound::new("count", 1, 50)];
        Arguments::of::<Example>("temp_chat_example", empty, &bounds)
    }

    fn arguments() -> Arguments {
        arguments_where(Empty::LeftOut)
    }

    fn read(given: &Value) -> Result<Example, String> {
        read_by(&arguments(), given)
    }

    fn read_by(arguments: &Arguments, given: &Value) -> Result<Example, String> {
        let read = arguments.read(given.as_object().cloned());
        read.map(|read| read.arguments).map_err(|problem| problem.tool_text())
    }

    #[test]
    fn the_listed_schema_is_short_and_strict() {
        let schema = serde_json::to_value(arguments().schema()).unwrap();
        assert_eq!(
            schema,
            json!({
                "type": "object",
                "properties": {
                    "title": {"type": "string", "description": "What it is called.", "minLength": 1, "maxLength": 5},
                    "minutes": {"type": "number", "minimum": 0.5, "maximum": 90, "default": 60},
                    "count": {"type": "integer", "minimum": 1, "maximum": 50},
                    "status": {"type": "string", "enum": ["active", "paused"]},
                    "origins": {"type": "array", "items": {"type": "string"}},
                    "after": {"type": "string"},
                    "link_id": {"type": "string"},
                },
                "required": ["title"],
                "additionalProperties": false,
            })
        );
    }

    #[test]
    fn a_right_call_is_read() {
        let given = json!({"title": "Hello", "minutes": 0.5, "count": 3.0, "status": null, "origins": ["a"], "after": ""});
        let origins = Some(vec!["a".to_owned()]);
        let expected = Example {
            title: "Hello".to_owned(),
            minutes: Some(0.5),
            count: Some(3),
            status: None,
            origins,
            after: None,
            link_id: None,
        };
        assert_eq!(read(&given), Ok(expected));
    }

    #[test]
    fn what_is_empty_is_left_out_or_removes() {
        let nothing = json!({"title": "x", "minutes": "", "count": 0, "status": "", "origins": [], "after": ""});
        let title = || "x".to_owned();
        let none =
            Example { title: title(), minutes: None, count: None, status: None, origins: None, after: None, link_id: None };
        assert_eq!(read(&nothing), Ok(none));
        let removing = arguments_where(Empty::Removes { by_zero: &["minutes"] });
        assert!(read_by(&removing, &nothing).unwrap_err().starts_with("setting_out_of_range: count must be 1 to 50, not 0."));
        assert!(read_by(&removing, &json!({"title": "x", "minutes": ""})).unwrap_err().contains("not 0."));
        // A number is not removed otherwise, and a choice neither.
        let removed = json!({"title": "x", "count": "", "status": "", "origins": [], "after": ""});
        let removed = read_by(&removing, &removed).unwrap();
        assert_eq!((removed.count, removed.status), (None, None));
        assert_eq!((removed.origins, removed.after), (Some(vec![]), Some(String::new())));
        // What must be given is not left out.
        assert!(read(&json!({"title": ""})).unwrap_err().starts_with("setting_out_of_range: title"));
    }

    #[test]
    fn an_empty_scope_widens_nothing() {
        let told = read(&json!({"title": "x", "link_id": ""})).unwrap_err();
        assert!(told.starts_with("invalid_request: link_id is empty: the call would reach farther"), "{told}");
        assert!(read(&json!({"title": "x", "link_id": null})).is_ok());
    }

    #[test]
    fn what_hosts_add_is_ignored_and_told() {
        let given = json!({"title": "x", "toolCallId": "call_1", "sessionId": "y", "_meta": {}, "count": "3"});
        let read: Read<Example> = arguments().read(given.as_object().cloned()).unwrap();
        assert_eq!(read.arguments.count, Some(3));
        assert_eq!(read.ignored, ["_meta", "sessionId", "toolCallId"]);
    }

    #[test]
    fn a_wrong_call_is_told_the_actual_value_and_the_next_call() {
        for (given, told) in [
            (
                json!({"titel": "x"}),
                "invalid_request: There is no argument titel. Did you mean title? \
                 Call temp_chat_example with these only: after, count, link_id, minutes, origins, status, title.",
            ),
            (
                json!({"title": "x", "linkId": "y"}),
                "invalid_request: There is no argument linkId. Did you mean link_id? \
                 Call temp_chat_example with these only: after, count, link_id, minutes, origins, status, title.",
            ),
            (
                json!({"title": "x", "agent": "y"}),
                "invalid_request: There is no argument agent. \
                 Call temp_chat_example with these only: after, count, link_id, minutes, origins, status, title.",
            ),
            (json!({}), "invalid_request: title is missing. Call temp_chat_example again with title."),
            (
                json!({"title": "x", "minutes": "12x"}),
                "invalid_request: minutes must be a number, not \"12x\". Call temp_chat_example again with a number.",
            ),
            (
                json!({"title": "x", "minutes": 91}),
                "setting_out_of_range: minutes must be 0.5 to 90, not 91. Call temp_chat_example again with a value in that range.",
            ),
            (
                json!({"title": ""}),
                "setting_out_of_range: title must have 1 to 5 characters, not 0. Call temp_chat_example again with a value in that range.",
            ),
            (
                json!({"title": "x", "status": "open"}),
                "invalid_request: status must be active or paused, not \"open\". Call temp_chat_example again with one of these.",
            ),
            (
                json!({"title": "x", "count": 1.5}),
                "invalid_request: count must be a whole number, not 1.5. Call temp_chat_example again with a whole number.",
            ),
        ] {
            assert_eq!(read(&given).unwrap_err(), told);
        }
    }
}
