//! What it means if nobody answers.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Answer, Field, FieldError, Form, Values};

impl Form {
    /// Sets what it means if nobody answers: values as complete as an answer that is given.
    pub fn with_silence(mut self, given: &BTreeMap<String, Value>) -> Result<Self, Vec<FieldError>> {
        let mut checked = self.check(given)?;
        checked.values.retain(|_, value| !value.is_null());
        let missing = self.fields().iter().filter(|field| field.required && !checked.values.contains_key(&field.key));
        let told = |field: &Field| FieldError::new(&field.key, "missing", "What silence means must answer every required field.");
        let errors: Vec<_> = missing.map(told).collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        self.if_silent = Some(checked.values);
        Ok(self)
    }

    /// Returns what silence means, as an answer is stored.
    pub fn silence(&self) -> Option<Answer> {
        let values = self.if_silent.clone()?;
        Some(Answer::new(self, Values { values, answered: 0, withdrawn: 0 }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_silence_means_is_a_whole_answer() {
        let asked = || {
            let fields = json!([
                {"key": "ok", "label": "Fine?", "type": "yes_no"},
                {"key": "why", "label": "Why?", "type": "text", "required": false},
            ]);
            Form::new(None, serde_json::from_value(fields).unwrap()).unwrap()
        };
        let silent = |given: Value| asked().with_silence(&serde_json::from_value(given).unwrap());
        let whole = silent(json!({"ok": false, "why": ""})).unwrap();
        assert_eq!(whole.silence().map(Answer::into_values).map(Value::Object), Some(json!({"ok": false})));
        assert_eq!(Form::from_document(&whole.to_document()).unwrap(), whole);
        assert_eq!(asked().silence(), None);
        let wrong =
            |given: Value| silent(given).unwrap_err().into_iter().map(|error| (error.key, error.code)).collect::<Vec<_>>();
        assert_eq!(wrong(json!({"why": "x"})), [("ok".to_owned(), "missing")]);
        assert_eq!(wrong(json!({"ok": null})), [("ok".to_owned(), "missing")]);
        assert_eq!(wrong(json!({"ok": "no"})), [("ok".to_owned(), "wrong_type")]);
        assert_eq!(wrong(json!({"ok": true, "no": 1})), [("no".to_owned(), "unknown_field")]);
    }
}
