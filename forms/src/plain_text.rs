//! A form as plain text, for clients that do not render forms.

use std::fmt::Write as _;

use crate::{Field, Kind, Limit};

/// Writes a form: the intro, then a line for each field, with what may be answered.
pub(crate) fn plain_text(intro: Option<&str>, fields: &[Field]) -> String {
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
    text.truncate(text.trim_end().len());
    text
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
        assert_eq!(plain_text(form.intro(), form.fields()), text);
    }

    #[test]
    fn a_single_field_has_no_number() {
        let fields = json!([{"key": "ok", "label": "Shall we?", "type": "yes_no"}]);
        let form = Form::new(None, serde_json::from_value(fields).unwrap()).unwrap();
        assert_eq!(plain_text(form.intro(), form.fields()), "Shall we? (yes or no)");
    }
}
