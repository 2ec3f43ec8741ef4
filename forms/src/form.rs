//! A form: fields that have been checked, so that every answer can be.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::field::date;
use crate::plain_text::plain_text;
use crate::{Choice, Field, FieldError, Kind, Limit, MOST_FIELDS};

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
/// Characters that all texts of an answer may have together: an agent's tool shows some 15,000 at once, and must not cut a word.
const TEXTS: u32 = 8_000;
/// Characters of a form as it is written (JSON), for the same reason.
const WRITTEN: usize = 10_000;

/// Fields that may be asked together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Form {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    intro: Option<String>,
    fields: Vec<Field>,
    /// What it means if nobody answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) if_silent: Option<Map<String, Value>>,
}

impl Form {
    /// Checks what an agent wants to ask.
    pub fn new(intro: Option<String>, fields: Vec<Field>) -> Result<Self, Vec<FieldError>> {
        let intro = intro.filter(|intro| !text::is_blank(intro));
        let mut errors = Vec::new();
        if intro.as_deref().is_some_and(|intro| characters(intro) > INTRO) {
            let given = intro.as_deref().map_or(0, characters);
            errors.push(FieldError::new("intro", "too_long", format!("The intro has at most {INTRO} characters, not {given}.")));
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
        if errors.is_empty() {
            errors.extend(size_fault(&fields));
        }
        if errors.is_empty() { Ok(Self { intro, fields, if_silent: None }) } else { Err(errors) }
    }

    /// Reads a form as [`Self::to_document`] wrote it.
    pub fn from_document(document: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(document)
    }

    /// Writes the form as it is stored and shown: `intro?`, `fields`, `if_silent?`, and `text`, the same as plain text.
    pub fn to_document(&self) -> String {
        let document = serde_json::to_value(self).expect("a form is plain values");
        let mut document = if let Value::Object(document) = document { document } else { Map::new() };
        document.insert("text".to_owned(), plain_text(self.intro(), self.fields(), self.if_silent.as_ref()).into());
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

/// Finds out whether fields that are right one by one are too much together.
fn size_fault(fields: &[Field]) -> Option<FieldError> {
    let too_long = |detail| Some(FieldError::new("fields", "too_long", detail));
    let texts = fields.iter().filter(|field| field.kind == Kind::Text).map(Field::longest);
    let texts = texts.fold(0, u32::saturating_add);
    let written = serde_json::to_string(fields).map_or(usize::MAX, |written| written.chars().count());
    if texts > TEXTS {
        too_long(format!("All texts together may have {TEXTS} characters, not {texts}: lower max_length, or ask in two parts."))
    } else if written > WRITTEN {
        too_long(format!("The fields may have {WRITTEN} characters as JSON, not {written}: shorten them, or ask in two parts."))
    } else {
        None
    }
}

/// Finds what is wrong with a field: which part of it, and a sentence.
fn faults(field: &Field) -> Vec<(&'static str, String)> {
    let mut faults = Vec::new();
    let is_name = |key: &str| key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if field.key.is_empty() || field.key.len() > KEY || !is_name(&field.key) {
        let key: String = field.key.chars().take(KEY).collect();
        faults.push(("key", format!("A key has 1 to {KEY} letters of a-z, digits, _ and -, and is not {key:?}.")));
    }
    if !is_filled(&field.label, LABEL) {
        faults.push(("label", format!("A label has 1 to {LABEL} characters, not {}.", characters(field.label.trim()))));
    }
    if let Some(given) = field.help.as_deref().map(characters).filter(|given| *given > HELP) {
        faults.push(("help", format!("A help text has at most {HELP} characters, not {given}.")));
    }
    faults.extend(options_fault(field).map(|detail| ("options", detail)));
    faults.extend(range_fault(field).map(|detail| ("min", detail)));
    match (field.kind, field.max_length) {
        (_, None) => {}
        (Kind::Text, Some(longest)) if (1..=TEXT).contains(&longest) => {}
        (Kind::Text, Some(longest)) => faults.push(("max_length", format!("A text has 1 to {TEXT} characters, not {longest}."))),
        (kind, Some(_)) => faults.push(("max_length", format!("Only a text has max_length, not {}.", kind.as_str()))),
    }
    faults
}

/// Answers are counted under their options' values, and as the key of an object this has a meaning of its own to JSON readers.
const RESERVED: &str = "$serde_json::private::";

fn options_fault(field: &Field) -> Option<String> {
    let Field { kind, options, .. } = field;
    if !kind.has_options() {
        return (!options.is_empty()).then(|| format!("Only choice and choices have options, not {}.", kind.as_str()));
    }
    if options.is_empty() || options.len() > OPTIONS {
        return Some(format!("{} has 1 to {OPTIONS} options, not {}.", kind.as_str(), options.len()));
    }
    let is_wrong = |text: &&String| !is_filled(text, OPTION);
    if let Some(wrong) = options.iter().flat_map(|Choice { value, label }| [value, label]).find(is_wrong) {
        let given = characters(wrong.trim());
        return Some(format!("An option's value and label have 1 to {OPTION} characters, not {given}."));
    }
    let mut values = HashSet::new();
    if let Some(wrong) = options.iter().find(|option| option.value.starts_with(RESERVED)) {
        return Some(format!("An option's value may not begin with {RESERVED}, as {:?} does.", wrong.value));
    }
    let twice = options.iter().find(|option| !values.insert(&option.value));
    twice.map(|option| format!("The value {:?} stands twice.", option.value))
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
            limits().next().map(|_| format!("Only number and date have min and max, not {}.", field.kind.as_str()))
        }
    }
}

fn is_filled(text: &str, longest: usize) -> bool {
    !text::is_blank(text) && characters(text) <= longest
}

fn characters(text: &str) -> usize {
    text.chars().count()
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
        let reserved = json!(["$serde_json::private::RawValue"]);
        assert_eq!(wrong(&json!({"key": "a", "label": "A", "type": "choice", "options": reserved})), ["fields[0].options"]);
        assert_eq!(wrong(&json!({"key": "a", "label": "A", "type": "number", "min": 2, "max": 1})), ["fields[0].min"]);
        assert_eq!(wrong(&json!({"key": "a", "label": "A", "type": "date", "min": "2026-02-30"})), ["fields[0].min"]);
        assert_eq!(wrong(&json!({"key": "a", "label": "A", "type": "rating", "max": 10})), ["fields[0].min"]);
        assert_eq!(wrong(&json!({"key": "a", "label": "A", "type": "text", "max_length": 0})), ["fields[0].max_length"]);
    }

    #[test]
    fn the_actual_value_is_told() {
        let told = |field: Value| form(json!([field])).unwrap_err().remove(0).detail;
        let key = told(json!({"key": "Größe", "label": "A", "type": "text"}));
        assert_eq!(key, "A key has 1 to 40 letters of a-z, digits, _ and -, and is not \"Größe\".");
        let label = told(json!({"key": "a", "label": "x".repeat(301), "type": "text"}));
        assert_eq!(label, "A label has 1 to 300 characters, not 301.");
        let twice = told(json!({"key": "a", "label": "A", "type": "choice", "options": ["x", "y", "x"]}));
        assert_eq!(twice, "The value \"x\" stands twice.");
    }

    #[test]
    fn what_is_too_much_together_is_refused_before_anybody_fills_it_in() {
        let text = |key: &str, longest: u32| json!({"key": key, "label": "A", "type": "text", "max_length": longest});
        assert!(form(json!([text("a", 4_000), text("b", 4_000)])).is_ok());
        let error = form(json!([text("a", 4_000), text("b", 4_000), text("c", 1)])).unwrap_err().remove(0);
        assert!((error.key.as_str(), error.code) == ("fields", "too_long") && error.detail.contains("not 8001"), "{error:?}");
        let options: Vec<_> = (0..20).map(|n| format!("{n:0>100}")).collect();
        let choice = |key: &str| json!({"key": key, "label": "A", "type": "choice", "options": options});
        assert!(form(json!([choice("a"), choice("b")])).is_ok());
        assert!(form(json!([choice("a"), choice("b"), choice("c")])).unwrap_err()[0].detail.contains("as JSON, not 1"));
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
