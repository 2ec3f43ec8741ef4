//! What hosts and models send, read as it is meant: numbers, truth, lists and objects written as text, one item in place of a list, nothing
//! written as an empty text. A value that could mean two things is left as it came, and refused by its schema.

use body::read_json;
use rmcp::model::JsonObject;
use serde_json::Value;

use super::schema::number;

/// What hosts add to the arguments of every call, for themselves; beside these, whatever begins with an underscore.
const OF_HOSTS: [&str; 18] = [
    "action",
    "callId",
    "call_id",
    "callbacks",
    "chatInput",
    "config",
    "conversationId",
    "executionId",
    "requestId",
    "request_id",
    "runId",
    "run_manager",
    "sessionId",
    "threadId",
    "tool",
    "toolCallId",
    "toolName",
    "tool_call_id",
];

/// Tells whether a name that no argument has is one that hosts add.
pub(super) fn is_of_a_host(name: &str) -> bool {
    name.starts_with('_') || OF_HOSTS.contains(&name)
}

/// Reads a value as it is meant by whoever wrote it for this property.
pub(super) fn meant(value: Value, property: &JsonObject) -> Value {
    match property.get("type").and_then(Value::as_str).unwrap_or_default() {
        "integer" | "number" => of_text(value, |text| numeral(text).map(number)),
        "boolean" => of_text(value, truth),
        "object" => parts_meant(of_text(value, |text| json(text).filter(Value::is_object)), property),
        "array" => {
            let items = property.get("items").and_then(Value::as_object);
            list(value, items.unwrap_or(&JsonObject::new()))
        }
        _ => value,
    }
}

/// Tells whether a value is empty.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

/// Tells whether a value is 0 where a number is at least something and none is usual: how some models say that there is to be no limit.
pub(super) fn is_no_number(value: &Value, property: &JsonObject) -> bool {
    let least = property.get("minimum").and_then(Value::as_f64).unwrap_or_default();
    value.as_f64() == Some(0.0) && least > 0.0 && !property.contains_key("default")
}

/// Tells whether an empty value is one that the property may have: where settings are changed it removes what was there.
pub(super) fn may_be_empty(value: &Value, property: &JsonObject) -> bool {
    let least = |key: &str| property.get(key).and_then(Value::as_f64).unwrap_or_default();
    let is_text = property.get("type").is_some_and(|kind| kind == "string") && !property.contains_key("enum");
    match value {
        Value::String(_) => is_text && least("minLength") < 1.0,
        Value::Array(_) => least("minItems") < 1.0,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

/// Reads a list: also one that is written as text, and a single item of one.
fn list(value: Value, items: &JsonObject) -> Value {
    let wants_objects = items.get("type").and_then(Value::as_str) == Some("object");
    let is_item = |value: &Value| if wants_objects { value.is_object() } else { value.is_string() };
    let of_items = |value: &Value| value.as_array().is_some_and(|list| list.iter().all(is_item));
    let value = of_text(value, |text| match json(text) {
        Some(list) if of_items(&list) => Some(list),
        Some(item) if wants_objects && item.is_object() => Some(item),
        Some(_) | None => None,
    });
    match value {
        Value::Array(list) => list.into_iter().map(|item| parts_meant(item, items)).collect(),
        // Nothing is no item.
        Value::String(text) if text.is_empty() => Value::Array(Vec::new()),
        item if is_item(&item) => Value::Array(vec![parts_meant(item, items)]),
        other => other,
    }
}

/// Reads the parts of an object whose schema names them.
fn parts_meant(mut value: Value, schema: &JsonObject) -> Value {
    let properties = schema.get("properties").and_then(Value::as_object);
    if let (Some(parts), Some(properties)) = (value.as_object_mut(), properties) {
        for (name, part) in parts {
            if let Some(property) = properties.get(name).and_then(Value::as_object) {
                *part = meant(part.take(), property);
            }
        }
    }
    value
}

/// Reads a text by `read`; what is no text, or not such a one, stays.
fn of_text(value: Value, read: impl FnOnce(&str) -> Option<Value>) -> Value {
    value.as_str().and_then(|text| read(text.trim())).unwrap_or(value)
}

/// Reads a plain number, as JSON would write it.
fn numeral(text: &str) -> Option<f64> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse().ok().filter(|number: &f64| is_plain && number.is_finite())
}

fn truth(text: &str) -> Option<Value> {
    [("true", true), ("false", false)].into_iter().find_map(|(word, is)| text.eq_ignore_ascii_case(word).then_some(is.into()))
}

fn json(text: &str) -> Option<Value> {
    text.starts_with(['[', '{']).then(|| read_json(text.as_bytes()).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value, schema: &Value) -> Value {
        meant(value, schema.as_object().unwrap())
    }

    #[test]
    fn numbers_and_truth_may_be_text() {
        let (whole, truth) = (json!({"type": "integer"}), json!({"type": "boolean"}));
        for (given, meant) in
            [("120", json!(120)), (" 3 ", json!(3)), ("0.5", json!(0.5)), ("-1", json!(-1)), ("1e2", json!(100))]
        {
            assert_eq!(read(json!(given), &whole), meant, "{given}");
        }
        for given in ["12x", "", "inf", "NaN", "1,5", "0x10", "1e999", "true", "e"] {
            assert_eq!(read(json!(given), &whole), json!(given));
        }
        assert_eq!(read(json!("True"), &truth), json!(true));
        assert_eq!(read(json!("false"), &truth), json!(false));
        assert_eq!(read(json!("no"), &truth), json!("no"));
    }

    #[test]
    fn a_list_may_be_text_or_its_only_item() {
        let texts = json!({"type": "array", "items": {"type": "string"}});
        for (given, meant) in [
            (json!("Ann"), json!(["Ann"])),
            (json!("[\"Ann\", \"Bob\"]"), json!(["Ann", "Bob"])),
            (json!("[draft] Ann"), json!(["[draft] Ann"])),
            (json!("[1]"), json!(["[1]"])),
            (json!(""), json!([])),
            (json!(["Ann"]), json!(["Ann"])),
            (json!(5), json!(5)),
        ] {
            assert_eq!(read(given.clone(), &texts), meant, "{given}");
        }
        let part = json!({"type": "object", "properties": {"required": {"type": "boolean"}, "max_length": {"type": "integer"}}});
        let objects = json!({"type": "array", "items": part});
        let field = json!({"key": "a", "required": false, "max_length": 9});
        for given in [
            json!({"key": "a", "required": "false", "max_length": "9"}),
            json!("{\"key\": \"a\", \"required\": false, \"max_length\": 9}"),
            json!("[{\"key\": \"a\", \"required\": \"false\", \"max_length\": 9}]"),
            json!([{"key": "a", "required": "FALSE", "max_length": "9"}]),
        ] {
            assert_eq!(read(given.clone(), &objects), json!([field]), "{given}");
        }
        assert_eq!(read(json!("key"), &objects), json!("key"));
    }

    #[test]
    fn an_object_may_be_text() {
        let object = json!({"type": "object"});
        assert_eq!(read(json!("{\"day\": {}}"), &object), json!({"day": {}}));
        assert_eq!(read(json!("[1]"), &object), json!("[1]"));
        assert_eq!(read(json!("{broken"), &object), json!("{broken"));
    }

    #[test]
    fn a_text_stays_as_it_is() {
        for text in ["[\"a\"]", "5", "true", "{}", ""] {
            assert_eq!(read(json!(text), &json!({"type": "string"})), json!(text));
        }
    }
}
