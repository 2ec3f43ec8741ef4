//! What people typed, before a model reads it: every text of a document, and of an event.

use serde_json::Value;
use text::clean;

use crate::data::Data;

/// Cleans every text of a document.
pub fn clean_all(value: &mut Value) {
    match value {
        Value::String(text) => *text = clean(text),
        Value::Array(items) => items.iter_mut().for_each(clean_all),
        Value::Object(fields) => fields.values_mut().for_each(clean_all),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Cleans what somebody typed in an event; another key's texts too, which may be quoted from anywhere.
pub fn clean_data(data: &mut Data) {
    let typed = match data {
        Data::SessionStarted { display_name, .. } => display_name.as_mut(),
        Data::Message { text, .. } => text.as_mut(),
        Data::Rated { feedback, .. } => feedback.as_mut(),
        Data::Answer { answer, .. } => {
            answer.values_mut().for_each(clean_all);
            None
        }
        Data::Question { form, .. } => {
            form.values_mut().for_each(clean_all);
            None
        }
        Data::Decision { edited, reason, .. } => {
            edited.iter_mut().for_each(clean_all);
            reason.as_mut()
        }
        Data::QuestionClosed { values, reason, .. } => {
            values.iter_mut().flat_map(serde_json::Map::values_mut).for_each(clean_all);
            reason.as_mut()
        }
        Data::SessionIdle {}
        | Data::SessionResumed {}
        | Data::Read { .. }
        | Data::SessionUpdated { .. }
        | Data::SessionEnded { .. }
        | Data::Erased {}
        | Data::EndPlanned { .. }
        | Data::EndCalledOff { .. }
        | Data::Budget { .. }
        | Data::Abuse { .. }
        | Data::LinkExpiring { .. }
        | Data::LinkClosed { .. } => None,
    };
    if let Some(text) = typed {
        *text = clean(text);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_cleaned_through_and_through() {
        let mut document = json!({"values": {"name": "A\u{7}", "days": ["\u{202e}x", true]}});
        clean_all(&mut document);
        assert_eq!(document, json!({"values": {"name": "A\u{fffd}", "days": ["\u{fffd}x", true]}}));
    }

    #[test]
    fn typed_words_are_cleaned() {
        let started = |name: &str| {
            let display_name = Some(name.to_owned());
            Data::SessionStarted { display_name, language: None, recipient: None, untrusted: true }
        };
        let mut data = started("A\u{7}");
        clean_data(&mut data);
        assert_eq!(data, started("A\u{fffd}"));
        let answer = |name: &str| serde_json::Map::from_iter([("values".to_owned(), json!({"name": name}))]);
        let mut data = Data::Answer { question_id: String::new(), answer: answer("A\u{202e}"), untrusted: true };
        clean_data(&mut data);
        assert_eq!(data, Data::Answer { question_id: String::new(), answer: answer("A\u{fffd}"), untrusted: true });
    }
}
