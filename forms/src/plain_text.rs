//! A form as plain text, for clients that do not render forms.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::{Field, Kind, Limit};

/// Writes a form: the intro, then a line for each field, with what may be answered, and what it means if nobody answers.
pub(crate) fn plain_text(intro: Option<&str>, fields: &[Field], if_silent: Option<&Map<String, Value>>) -> String {
    let mut text = intro.map(|intro| format!("{intro}\n")).unwrap_or_default();
    let is_list = fields.len() > 1;
    for (number, field) in (1..).zip(fields) {
        if is_list {
            let _ = write!(text, "{number}. ");
        }
        let optional = if field.required { "" } else { ", optional" };
        let _ = writeln!(text, "{} ({}{optional})", field.label, wanted(field));
        if let Some(help) = &field.help {
            let _ = writeln!(text, "{help}");
        }
    }
    if let Some(values) = if_silent {
        text.push_str("If you write nothing, this counts:\n");
        for field in fields {
            if let Some(value) = values.get(&field.key) {
                let _ = writeln!(text, "{}: {}", field.label, in_words(field, value));
            }
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// Says a value that was checked as its field puts it.
fn in_words(field: &Field, value: &Value) -> String {
    let label = |value: &Value| {
        let option = field.options.iter().find(|option| value.as_str() == Some(&option.value));
        option
            .map(|option| option.label.clone())
            .or_else(|| value.as_str().map(str::to_owned))
            .unwrap_or_else(|| value.to_string())
    };
    match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(items) => items.iter().map(label).collect::<Vec<_>>().join(", "),
        Value::Null | Value::Number(_) | Value::String(_) | Value::Object(_) => label(value),
    }
}

fn wanted(field: &Field) -> String {
    let options = || field.options.iter().map(|option| option.label.as_str()).collect::<Vec<_>>().join(" / ");
    let range = |what: &str| match (&field.min, &field.max) {
        (None, None) => what.to_owned(),
        (Some(least), None) => format!("{what}, {} or more", end(least)),
        (None, Some(most)) => format!("{what}, up to {}", end(most)),
        (Some(least), Some(most)) => format!("{what}, {} to {}", end(least), end(most)),
    };
    match field.kind {
        Kind::Choice => format!("one of: {}", options()),
        Kind::Choices => format!("any of: {}", options()),
        Kind::YesNo => "yes or no".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::Number => range("number"),
        Kind::Date => range("date"),
        Kind::Email => "e-mail address".to_owned(),
        Kind::Rating => "1 to 5".to_owned(),
    }
}

fn end(limit: &Limit) -> String {
    match limit {
        Limit::Number(number) => number.to_string(),
        Limit::Date(date) => date.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Form;

    #[test]
    fn a_form_is_readable_without_being_drawn() {
        let fields = json!([
            {"key": "color", "label": "Which color?", "type": "choice", "options": ["Red", {"value": "b", "label": "Blue"}]},
            {"key": "n", "label": "How many?", "type": "number", "min": 1, "required": false, "help": "Whole boxes."},
        ]);
        let form = Form::new(Some("Your order".to_owned()), serde_json::from_value(fields).unwrap()).unwrap();
        let text = "Your order\n1. Which color? (one of: Red / Blue)\n2. How many? (number, 1 or more, optional)\nWhole boxes.";
        assert_eq!(plain_text(form.intro(), form.fields(), None), text);
    }

    #[test]
    fn a_single_field_has_no_number() {
        let fields = json!([{"key": "ok", "label": "Shall we?", "type": "yes_no"}]);
        let form = Form::new(None, serde_json::from_value(fields).unwrap()).unwrap();
        assert_eq!(plain_text(form.intro(), form.fields(), None), "Shall we? (yes or no)");
    }

    #[test]
    fn what_silence_means_is_said_too() {
        let fields = json!([
            {"key": "day", "label": "Which day?", "type": "choice", "options": [{"value": "sa", "label": "Saturday"}]},
            {"key": "ok", "label": "Shall we?", "type": "yes_no"},
        ]);
        let form = Form::new(None, serde_json::from_value(fields).unwrap()).unwrap();
        let silent = serde_json::from_value(json!({"ok": false, "day": "sa"})).unwrap();
        let document = form.with_silence(&silent).unwrap().to_document();
        assert!(document.contains("If you write nothing, this counts:\\nWhich day?: Saturday\\nShall we?: no"), "{document}");
    }
}
