//! A form: fields that have been checked, so that every answer can be.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::check::date;
use crate::{Choice, Field, FieldError, Kind, Limit, MOST_FIELDS, words};

/// Characters of an intro.
const INTRO: usize = 2_000;
/// Characters of a key.
const KEY: usize = 40;
/// Characters of a label.
const LABEL: usize = 300;
/// Characters of a help text.
const HELP: usize = 500;
/// Options of one field.
const OPTIONS: usize = 20;
/// Characters of an option's value or label.
const OPTION: usize = 100;
/// Characters that a text may have at most, and where the field says nothing.
const TEXT: u32 = 4_000;
const TEXT_USUALLY: u32 = 1_000;

/// Fields that may be asked together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Form {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    intro: Option<String>,
    fields: Vec<Field>,
}

impl Form {
    /// Checks what an agent wants to ask.
    pub fn new(intro: Option<String>, fields: Vec<Field>) -> Result<Self, Vec<FieldError>> {
        let intro = intro.filter(|intro| !intro.trim().is_empty());
        let mut errors = Vec::new();
        if intro.as_ref().is_some_and(|intro| intro.chars().count() > INTRO) {
            errors.push(FieldError::new("intro", "too_long", format!("The intro has at most {INTRO} characters.")));
        }
        if fields.is_empty() || fields.len() > MOST_FIELDS {
            let detail = format!("There must be 1 to {MOST_FIELDS} fields, not {}.", fields.len());
            errors.push(FieldError::new("fields", "field_count", detail));
        }
        let mut keys = HashSet::new();
        for (index, field) in fields.iter().take(MOST_FIELDS).enumerate() {
            let at = |part: &str| format!("fields[{index}].{part}");
            errors.extend(faults(field).into_iter().map(|(part, detail)| FieldError::new(at(part), "invalid", detail)));
            if !keys.insert(field.key.as_str()) {
                errors.push(FieldError::new(at("key"), "duplicate", format!("The key {:?} stands twice.", field.key)));
            }
        }
        if errors.is_empty() { Ok(Self { intro, fields }) } else { Err(errors) }
    }

    /// Reads a form as [`Self::to_document`] wrote it.
    pub fn from_document(document: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(document)
    }

    /// Writes the form as it is stored and shown: `intro?`, `fields`, and `text`, the same in plain words.
    pub fn to_document(&self) -> String {
        let document = serde_json::to_value(self).expect("a form is plain values");
        let mut document = if let Value::Object(document) = document { document } else { Map::new() };
        document.insert("text".to_owned(), words::of(self).into());
        Value::Object(document).to_string()
    }

    /// Returns what is said before the fields.
    pub fn intro(&self) -> Option<&str> {
        self.intro.as_deref()
    }

    /// Returns the fields in order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Counts the fields.
    pub fn count(&self) -> u8 {
        u8::try_from(self.fields.len()).unwrap_or(u8::MAX)
    }

    /// Returns the mask of the fields without which the question stays open.
    pub fn required(&self) -> u8 {
        let bit = |(index, field): (u32, &Field)| u8::from(field.required).checked_shl(index).unwrap_or(0);
        (0..).zip(&self.fields).map(bit).fold(0, |mask, bit| mask | bit)
    }
}

impl Field {
    /// Returns how many characters a text may have.
    pub fn longest(&self) -> u32 {
        self.max_length.unwrap_or(TEXT_USUALLY)
    }
}

/// Finds what is wrong with a field: which part of it, and a sentence.
fn faults(field: &Field) -> Vec<(&'static str, String)> {
    let mut faults = Vec::new();
    let is_name = |key: &str| key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if field.key.is_empty() || field.key.len() > KEY || !is_name(&field.key) {
        faults.push(("key", format!("A key has 1 to {KEY} letters, digits, _ and -.")));
    }
    if !is_filled(&field.label, LABEL) {
        faults.push(("label", format!("A label has 1 to {LABEL} characters.")));
    }
    if field.help.as_ref().is_some_and(|help| help.chars().count() > HELP) {
        faults.push(("help", format!("A help text has at most {HELP} characters.")));
    }
    faults.extend(options_fault(field).map(|detail| ("options", detail)));
    faults.extend(range_fault(field).map(|detail| ("min", detail)));
    match (field.kind, field.max_length) {
        (_, None) => {}
        (Kind::Text, Some(longest)) if (1..=TEXT).contains(&longest) => {}
        (Kind::Text, Some(_)) => faults.push(("max_length", format!("A text has 1 to {TEXT} characters."))),
        (_, Some(_)) => faults.push(("max_length", "Only a text has max_length.".to_owned())),
    }
    faults
}

fn options_fault(field: &Field) -> Option<String> {
    let Field { kind, options, .. } = field;
    if !kind.has_options() {
        return (!options.is_empty()).then(|| "Only choice and choices have options.".to_owned());
    }
    if options.is_empty() || options.len() > OPTIONS {
        return Some(format!("{} has 1 to {OPTIONS} options, not {}.", kind.as_str(), options.len()));
    }
    let is_fine = |Choice { value, label }: &Choice| is_filled(value, OPTION) && is_filled(label, OPTION);
    if !options.iter().all(is_fine) {
        return Some(format!("An option's value and label have 1 to {OPTION} characters."));
    }
    let values: HashSet<_> = options.iter().map(|option| &option.value).collect();
    (values.len() < options.len()).then(|| "Two options have the same value.".to_owned())
}

fn range_fault(field: &Field) -> Option<String> {
    let limits = || [&field.min, &field.max].into_iter().flatten();
    match field.kind {
        Kind::Number => {
            let number = |limit: &Limit| if let Limit::Number(number) = limit { number.as_f64() } else { None };
            let ends: Vec<_> = limits().filter_map(number).collect();
            (ends.len() < limits().count() || !ends.is_sorted())
                .then(|| "min and max of a number are numbers, min first.".to_owned())
        }
        Kind::Date => {
            let day = |limit: &Limit| if let Limit::Date(text) = limit { date(text) } else { None };
            let ends: Vec<_> = limits().filter_map(day).collect();
            (ends.len() < limits().count() || !ends.is_sorted())
                .then(|| "min and max of a date are dates like 2026-01-31, min first.".to_owned())
        }
        Kind::Choice | Kind::Choices | Kind::YesNo | Kind::Text | Kind::Email | Kind::Rating => {
            limits().next().map(|_| "Only number and date have min and max.".to_owned())
        }
    }
}

fn is_filled(text: &str, longest: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= longest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form(fields: Value) -> Result<Form, Vec<FieldError>> {
        Form::new(None, serde_json::from_value(fields).unwrap())
    }

    fn wrong(field: &Value) -> Vec<String> {
        form(json!([field])).unwrap_err().into_iter().map(|error| error.key).collect()
    }

    #[test]
    fn a_form_reads_back_as_it_was_written() {
        let form = form(json!([
            {"key": "ok", "label": "Fine?", "type": "yes_no"},
            {"key": "why", "label": "Why?", "type": "text", "required": false, "max_length": 200},
            {"key": "n", "label": "How many?", "type": "number", "min": 1, "max": 9.5},
        ]))
        .unwrap();
        assert_eq!(Form::from_document(&form.to_document()).unwrap(), form);
        assert_eq!((form.count(), form.required()), (3, 0b101));
    }

    #[test]
    fn a_wrong_field_is_named_with_its_part() {
        assert_eq!(wrong(&json!({"key": "a b", "label": "", "type": "text"})), ["fields[0].key", "fields[0].label"]);
        assert_eq!(wrong(&json!({"key": "a", "label": "A", "type": "choice"})), ["fields[0].options"]);
        assert_eq!(wrong(&json!({"key": "a", "label": "A", "type": "choice", "options": ["x", "x"]})), ["fields[0].options"]);
        assert_eq!(wrong(&json!({"key": "a", "label": "A", "type": "text", "options": ["x"]})), ["fields[0].options"]);
        assert_eq!(wrong(&json!({"key": "a", "label": "A", "type": "number", "min": 2, "max": 1})), ["fields[0].min"]);
        assert_eq!(wrong(&json!({"key": "a", "label": "A", "type": "date", "min": "2026-02-30"})), ["fields[0].min"]);
        assert_eq!(wrong(&json!({"key": "a", "label": "A", "type": "rating", "max": 10})), ["fields[0].min"]);
        assert_eq!(wrong(&json!({"key": "a", "label": "A", "type": "text", "max_length": 0})), ["fields[0].max_length"]);
    }

    #[test]
    fn a_form_has_1_to_8_fields_of_different_keys() {
        let field = |key: usize| json!({"key": format!("k{key}"), "label": "A", "type": "text"});
        assert_eq!(form(json!([])).unwrap_err()[0].code, "field_count");
        let all: Vec<_> = (0..8).map(field).collect();
        assert_eq!(form(json!(all)).unwrap().required(), 0b1111_1111);
        assert_eq!(form(json!((0..9).map(field).collect::<Vec<_>>())).unwrap_err()[0].code, "field_count");
        assert_eq!(form(json!([field(1), field(1)])).unwrap_err()[0].code, "duplicate");
    }
}
