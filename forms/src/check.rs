//! Whether an answer fits the question: every value is held to its field, and every fault is told at once.

use std::collections::BTreeMap;

use email_address::{EmailAddress, Options};
use serde_json::{Map, Value};

use crate::field::date;
use crate::{Field, FieldError, Form, Kind, Limit};

/// Up to here every reader of JSON keeps a whole number as it is (RFC 8259, section 6): 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Values that fit their form.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    /// Each field's value; `null` takes an earlier one back.
    pub values: Map<String, Value>,
    /// The mask of the fields that have a value.
    pub answered: u8,
    /// The mask of the fields whose value is taken back.
    pub withdrawn: u8,
}

impl Form {
    /// Checks what a chatter answers: some or all fields. An empty text or list is none, as from an input that was left empty.
    pub fn check(&self, given: &BTreeMap<String, Value>) -> Result<Values, Vec<FieldError>> {
        let mut checked = Values { values: Map::new(), answered: 0, withdrawn: 0 };
        let mut errors = Vec::new();
        for (key, value) in given {
            let Some((bit, field)) = self.field(key) else {
                let key: String = key.chars().take(60).collect();
                errors.push(FieldError::new(key, "unknown_field", "The question has no such field."));
                continue;
            };
            match typed(field, value) {
                Ok(Value::Null) => {
                    checked.withdrawn |= bit;
                    checked.values.insert(key.clone(), Value::Null);
                }
                Ok(value) => {
                    checked.answered |= bit;
                    checked.values.insert(key.clone(), value);
                }
                Err((code, detail)) => errors.push(FieldError::new(key, code, detail)),
            }
        }
        if given.is_empty() && self.required() != 0 {
            errors.push(FieldError::new("values", "empty", "Answer at least one field."));
        }
        if errors.is_empty() { Ok(checked) } else { Err(errors) }
    }

    fn field(&self, key: &str) -> Option<(u8, &Field)> {
        let (index, field) = (0..).zip(self.fields()).find(|(_, field)| field.key == key)?;
        Some((1_u8.checked_shl(index)?, field))
    }
}

/// A code and a sentence.
type Fault = (&'static str, String);

/// Makes the field's typed value of what was given; `null` is none.
fn typed(field: &Field, given: &Value) -> Result<Value, Fault> {
    let wrong_type = |wanted: &str| Err(("wrong_type", format!("This must be {wanted}.")));
    let is_empty = match given {
        Value::Null => true,
        Value::String(text) => text::is_blank(text),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    };
    if is_empty {
        return Ok(Value::Null);
    }
    match (field.kind, given) {
        (Kind::Choice, Value::String(value)) => one_of(field, value).map(Into::into),
        (Kind::Choice, _) => wrong_type("one of the options' values"),
        (Kind::Choices, Value::Array(items)) => several_of(field, items),
        (Kind::Choices, _) => wrong_type("a list of the options' values"),
        (Kind::YesNo, Value::Bool(_)) => Ok(given.clone()),
        (Kind::YesNo, _) => wrong_type("true or false"),
        (Kind::Text, Value::String(text)) => of_length(field, text::trim(text)),
        (Kind::Text, _) => wrong_type("a text"),
        (Kind::Number, Value::Number(number)) => within(field, number.as_f64().unwrap_or(f64::NAN)).map(|()| given.clone()),
        (Kind::Number, _) => wrong_type("a number"),
        (Kind::Date, Value::String(text)) => day(field, text::trim(text)),
        (Kind::Date, _) => wrong_type("a date, YYYY-MM-DD"),
        (Kind::Email, Value::String(text)) => email(text::trim(text)),
        (Kind::Email, _) => wrong_type("an e-mail address"),
        (Kind::Rating, Value::Number(number)) => {
            let stars = (1..=5_i64).find(|stars| number.as_i64() == Some(*stars) || number.to_string() == format!("{stars}.0"));
            stars.map(Into::into).ok_or_else(|| ("out_of_range", "A rating is 1 to 5.".to_owned()))
        }
        (Kind::Rating, _) => wrong_type("a number from 1 to 5"),
    }
}

fn one_of(field: &Field, value: &str) -> Result<String, Fault> {
    let known = field.options.iter().find(|option| option.value == value || option.value == text::trim(value));
    known.map(|option| option.value.clone()).ok_or_else(|| {
        let options: Vec<_> = field.options.iter().map(|option| option.value.as_str()).collect();
        ("not_an_option", format!("This must be one of: {}.", options.join(", ")))
    })
}

/// Takes each option once, in the form's order.
fn several_of(field: &Field, items: &[Value]) -> Result<Value, Fault> {
    if items.len() > field.options.len() {
        return Err(("not_an_option", format!("There are only {} options.", field.options.len())));
    }
    let mut chosen = Vec::with_capacity(items.len());
    for item in items {
        chosen.push(one_of(field, item.as_str().unwrap_or_default())?);
    }
    let options = field.options.iter().filter(|option| chosen.contains(&option.value));
    Ok(options.map(|option| option.value.as_str()).collect())
}

fn of_length(field: &Field, text: &str) -> Result<Value, Fault> {
    let (characters, longest) = (text.chars().count(), field.longest());
    if u32::try_from(characters).is_ok_and(|characters| characters <= longest) {
        return Ok(text.into());
    }
    Err(("too_long", format!("This has at most {longest} characters, not {characters}.")))
}

fn within(field: &Field, number: f64) -> Result<(), Fault> {
    let end = |limit: &Option<Limit>| match limit {
        Some(Limit::Number(end)) => end.as_f64(),
        Some(Limit::Date(_)) | None => None,
    };
    match (end(&field.min), end(&field.max)) {
        (Some(least), _) if number < least => Err(("out_of_range", format!("This must be at least {least}."))),
        (_, Some(most)) if number > most => Err(("out_of_range", format!("This must be at most {most}."))),
        _ if number.abs() <= EXACT => Ok(()),
        _ => Err((
            "out_of_range",
            "This number has more digits than everybody keeps: numbers are for amounts, texts for what is copied.".to_owned(),
        )),
    }
}

fn day(field: &Field, text: &str) -> Result<Value, Fault> {
    let given = date(text).ok_or_else(|| ("not_a_date", "This must be a date, YYYY-MM-DD.".to_owned()))?;
    let end = |limit: &Option<Limit>| match limit {
        Some(Limit::Date(end)) => date(end),
        Some(Limit::Number(_)) | None => None,
    };
    match (end(&field.min), end(&field.max)) {
        (Some(first), _) if given < first => Err(("out_of_range", format!("This must not be before {first}."))),
        (_, Some(last)) if given > last => Err(("out_of_range", format!("This must not be after {last}."))),
        _ => Ok(text.into()),
    }
}

/// Checks the form of an address (RFC 5322, section 3.4.1), without a name beside it, at a domain with a dot; whether anybody reads it is
/// another question.
fn email(text: &str) -> Result<Value, Fault> {
    let options = Options::default().with_required_tld().without_domain_literal().without_display_text();
    if EmailAddress::parse_with_options(text, options).is_ok() {
        return Ok(text.into());
    }
    Err(("not_an_email", "This does not look like an e-mail address.".to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form() -> Form {
        let fields = json!([
            {"key": "color", "label": "Color?", "type": "choice", "options": ["red", "blue"]},
            {"key": "extras", "label": "Extras?", "type": "choices", "options": ["a", "b", "c"], "required": false},
            {"key": "ok", "label": "OK?", "type": "yes_no"},
            {"key": "note", "label": "Note?", "type": "text", "required": false, "max_length": 5},
            {"key": "count", "label": "Count?", "type": "number", "min": 1, "max": 10},
            {"key": "day", "label": "Day?", "type": "date", "min": "2026-01-01", "max": "2026-12-31"},
            {"key": "mail", "label": "Mail?", "type": "email"},
            {"key": "stars", "label": "Stars?", "type": "rating"},
        ]);
        Form::new(None, serde_json::from_value(fields).unwrap()).unwrap()
    }

    fn check(given: Value) -> Result<Values, Vec<FieldError>> {
        form().check(&serde_json::from_value(given).unwrap())
    }

    fn fault(key: &str, value: Value) -> &'static str {
        let errors = form().check(&BTreeMap::from([(key.to_owned(), value)])).unwrap_err();
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].key, key);
        errors[0].code
    }

    #[test]
    fn values_that_fit_come_back_typed() {
        let given = json!({
            "color": "red", "extras": ["c", "a", "c"], "ok": false, "note": "\u{202a}héllo\u{202c}", "count": 2.5,
            "day": "2026-02-28", "mail": " \u{200b}a@b.example\u{200e} ", "stars": 4.0,
        });
        let values = check(given).unwrap();
        let typed = json!({
            "color": "red", "extras": ["a", "c"], "ok": false, "note": "héllo", "count": 2.5, "day": "2026-02-28",
            "mail": "a@b.example", "stars": 4,
        });
        assert_eq!((Value::Object(values.values), values.answered, values.withdrawn), (typed, 0xff, 0));
    }

    #[test]
    fn every_wrong_value_is_told() {
        for (key, value, code) in [
            ("color", json!("green"), "not_an_option"),
            ("color", json!(1), "wrong_type"),
            ("extras", json!("a"), "wrong_type"),
            ("extras", json!(["a", 1]), "not_an_option"),
            ("extras", json!(["a", "a", "a", "a"]), "not_an_option"),
            ("ok", json!("yes"), "wrong_type"),
            ("note", json!("longer"), "too_long"),
            ("note", json!({"a": 1}), "wrong_type"),
            ("count", json!("2"), "wrong_type"),
            ("count", json!(0), "out_of_range"),
            ("count", json!(10.5), "out_of_range"),
            ("day", json!("2026-2-3"), "not_a_date"),
            ("day", json!("2026-02-30"), "not_a_date"),
            ("day", json!("2025-12-31"), "out_of_range"),
            ("day", json!("2027-01-01"), "out_of_range"),
            ("mail", json!("nobody"), "not_an_email"),
            ("mail", json!("Ann <ann@b.example>"), "not_an_email"),
            ("mail", json!("a@b"), "not_an_email"),
            ("mail", json!("a@[127.0.0.1]"), "not_an_email"),
            ("stars", json!(6), "out_of_range"),
            ("stars", json!(4.5), "out_of_range"),
            ("color2", json!("red"), "unknown_field"),
        ] {
            assert_eq!(fault(key, value.clone()), code, "{key} {value}");
        }
    }

    #[test]
    fn a_number_that_not_everybody_keeps_is_told() {
        let fields = json!([{"key": "n", "label": "N", "type": "number"}]);
        let form = Form::new(None, serde_json::from_value(fields).unwrap()).unwrap();
        let fits = |value: Value| form.check(&BTreeMap::from([("n".to_owned(), value)])).is_ok();
        assert!(fits(json!(-9_007_199_254_740_991_i64)) && fits(json!(0.1)));
        assert!(!fits(json!(12_345_678_901_234_567_890_u64)) && !fits(json!(1e30)));
    }

    #[test]
    fn all_faults_are_told_at_once() {
        assert_eq!(check(json!({"color": "green", "ok": 1, "stars": 9})).unwrap_err().len(), 3);
    }

    #[test]
    fn some_fields_are_enough_but_not_none() {
        assert_eq!(check(json!({"ok": true})).unwrap().answered, 0b100);
        assert_eq!(check(json!({})).unwrap_err()[0].code, "empty");
        let fields = json!([{"key": "a", "label": "A", "type": "text", "required": false}]);
        let optional = Form::new(None, serde_json::from_value(fields).unwrap()).unwrap();
        assert_eq!(optional.check(&BTreeMap::new()).unwrap().answered, 0);
    }

    #[test]
    fn nothing_takes_a_value_back() {
        let values = check(json!({"ok": true, "note": null, "mail": "", "extras": []})).unwrap();
        assert_eq!((values.answered, values.withdrawn), (0b100, 0b100_1010));
        assert_eq!(Value::Object(values.values), json!({"ok": true, "note": null, "mail": null, "extras": null}));
    }
}
