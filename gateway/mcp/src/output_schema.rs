//! What a tool answers, as a schema: taken from the very type that is written, cut down to what a program acts on. The rest is in
//! the results, where it is read; in the list of tools every model would pay for it before it has called one.

use std::sync::Arc;

use rmcp::model::JsonObject;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// Words about a schema; they say nothing of what fits it.
const WORDS: [&str; 7] = ["$schema", "title", "description", "format", "default", "minimum", "maximum"];

/// The properties that are told of. Results have more: a schema says what is there, and forbids nothing.
const TOLD: [&str; 18] = [
    "check_back_at",
    "data",
    "events",
    "has_more",
    "held",
    "id",
    "items",
    "link_id",
    "markdown",
    "next_cursor",
    "open_sessions",
    "session_id",
    "status",
    "suggested_next",
    "timed_out",
    "type",
    "url",
    "waiting_for",
];

/// Returns the schema of what `T` is written as: references inlined, no words, no types that are also null.
///
/// What may be absent is left out of `required`, and is never null: whoever writes a `null` fails the stories, which hold every
/// structured result to its tool's schema.
pub(super) fn of<T: JsonSchema>() -> Arc<JsonObject> {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    strip(&mut schema, 0);
    Arc::new(schema.as_object().cloned().unwrap_or_default())
}

fn strip(schema: &mut Value, depth: u8) {
    let Some(schema) = schema.as_object_mut() else { return };
    for word in WORDS {
        schema.remove(word);
    }
    // What is true of every schema that does not say otherwise.
    if schema.get("additionalProperties") == Some(&Value::Bool(true)) {
        schema.remove("additionalProperties");
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            schema.insert("type".to_owned(), one);
        }
    }
    // An enum's alternatives without their words are a plain list.
    let constants: Option<Vec<Value>> = schema
        .get("oneOf")
        .and_then(Value::as_array)
        .and_then(|alternatives| alternatives.iter().map(|alternative| alternative.get("const").cloned()).collect());
    if let Some(constants) = constants {
        schema.remove("oneOf");
        schema.insert("type".to_owned(), "string".into());
        schema.insert("enum".to_owned(), constants.into());
    }
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|name, _| TOLD.contains(&name.as_str()));
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name.as_str().is_some_and(|name| TOLD.contains(&name)));
        // What is inside of a part is plain from its names.
        if depth > 0 {
            schema.remove("required");
        }
    }
    // Names of properties are no words of the schema's.
    for property in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(|all| all.values_mut()) {
        strip(property, depth + 1);
    }
    if let Some(items) = schema.get_mut("items") {
        strip(items, depth + 1);
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Serialize, JsonSchema)]
    struct Example {
        /// A word of ours, as `title` is one of the schema's.
        r#type: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        timed_out: Option<bool>,
        #[serde(flatten)]
        rest: Rest,
        aside: String,
    }

    #[derive(Debug, Serialize, JsonSchema)]
    struct Rest {
        items: Vec<Item>,
    }

    #[derive(Debug, Serialize, JsonSchema)]
    struct Item {
        status: Status,
    }

    #[derive(Debug, Serialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    #[expect(dead_code, reason = "a shape is never filled")]
    enum Status {
        /// One.
        One,
        /// The other.
        TheOther,
    }

    #[test]
    fn a_shape_has_types_and_no_words() {
        let shape = Value::Object(of::<Example>().as_ref().clone());
        let item = json!({"type": "object", "properties": {"status": {"type": "string", "enum": ["one", "the_other"]}}});
        assert_eq!(
            shape,
            json!({
                "type": "object",
                "properties": {
                    "type": {"type": "string"},
                    "timed_out": {"type": "boolean"},
                    "items": {"type": "array", "items": item},
                },
                "required": ["type", "items"],
            })
        );
    }
}
