//! A tool's result: the same information as text and as structured content, for some hosts show only one.

use problem::Problem;
use rmcp::model::{CallToolResult, ContentBlock};
use serde::Serialize;
use serde_json::Value;

/// The most characters of a result's text: what is longer is cut by some hosts, in silence.
pub(crate) const MOST: usize = 20_000;

/// What a tool answers: a `T`, and its text.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    text: String,
    value: T,
    /// What was wrong with the call and did not hinder it.
    warning: Option<String>,
}

impl<T: Serialize> Answer<T> {
    /// Tells `value`, in the order of its fields.
    pub(crate) fn of(value: T) -> Self {
        Self { text: text(&value), value, warning: None }
    }

    /// Tells `value`, of which `leave_out` takes something away, if it can, for as long as the text is too long.
    pub(crate) fn fitted(mut value: T, mut leave_out: impl FnMut(&mut T) -> bool) -> Self {
        let mut text = text(&value);
        while length(&text) >= MOST && leave_out(&mut value) {
            text = self::text(&value);
        }
        Self { text, value, warning: None }
    }

    /// Tells `value` in other words of the same content.
    pub(crate) fn in_words(value: T, text: String) -> Self {
        Self { text, value, warning: None }
    }

    /// Adds that names were ignored, if any were.
    pub(crate) fn warning_of_ignored(self, names: &[String]) -> Self {
        let warning = (!names.is_empty()).then(|| format!("Ignored, as no argument of this tool: {}.", names.join(", ")));
        Self { warning, ..self }
    }

    /// Wraps the value in a type that is written as it is.
    pub(crate) fn map<U>(self, wrap: impl FnOnce(T) -> U) -> Answer<U> {
        Answer { text: self.text, value: wrap(self.value), warning: self.warning }
    }

    /// Returns the text alone.
    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

impl<T: Serialize> From<Answer<T>> for CallToolResult {
    fn from(Answer { text, value, warning }: Answer<T>) -> Self {
        let mut result = Self::success(vec![ContentBlock::text(text)]);
        let mut structured = self::value(&value);
        if let Some(warning) = warning {
            result.content.push(ContentBlock::text(format!("warnings: {warning}")));
            if let Some(fields) = structured.as_object_mut() {
                let warnings = fields.entry("warnings").or_insert_with(|| Value::Array(Vec::new()));
                if let Some(warnings) = warnings.as_array_mut() {
                    warnings.push(warning.into());
                }
            }
        }
        result.structured_content = Some(structured);
        result
    }
}

fn text(of: &impl Serialize) -> String {
    serde_json::to_string(of).expect("a result is plain values")
}

/// Turns a part of a result into plain values.
pub(crate) fn value(of: &impl Serialize) -> Value {
    serde_json::to_value(of).expect("a result is plain values")
}

/// Tells a refusal to a model: nothing structured, and never an error of the protocol.
pub(crate) fn refused(problem: &Problem) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(problem.tool_text())])
}

/// Counts characters as hosts do.
pub(crate) fn length(text: &str) -> usize {
    text.chars().count()
}

/// Items of a page, as many as fit beside the rest of the answer.
#[derive(Debug)]
pub(crate) struct Fitting {
    pub(crate) items: Vec<Value>,
    /// Whether some did not fit.
    pub(crate) cut: bool,
}

/// Takes items in order as long as their text stays under `room` characters; the first always.
pub(crate) fn fitting(items: impl IntoIterator<Item = Value>, room: usize) -> Fitting {
    let mut fitting = Fitting { items: Vec::new(), cut: false };
    let mut used = 0;
    for item in items {
        used += length(&item.to_string()) + 1;
        if used > room && !fitting.items.is_empty() {
            fitting.cut = true;
            break;
        }
        fitting.items.push(item);
    }
    fitting
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_at_an_item_and_said_so() {
        let words = || ["aaaa", "bbbb", "cccc"].map(Value::from);
        assert_eq!(fitting(words(), 14).items, [json!("aaaa"), json!("bbbb")]);
        assert!(fitting(words(), 14).cut);
        assert!(!fitting(words(), 21).cut);
        assert_eq!(fitting(words(), 1).items, [json!("aaaa")]);
    }

    #[test]
    fn text_and_structure_say_the_same() {
        let result = CallToolResult::from(Answer::of(json!({"now": "x", "events": []})));
        let text = result.content.first().and_then(|block| block.as_text()).unwrap().text.clone();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), result.structured_content.unwrap());
    }

    #[test]
    fn what_was_ignored_is_told_in_both_forms() {
        let answer = Answer::of(json!({"warnings": ["before"]})).warning_of_ignored(&["chatInput".to_owned()]);
        let result = CallToolResult::from(answer);
        let told = "Ignored, as no argument of this tool: chatInput.";
        assert_eq!(result.structured_content.unwrap(), json!({"warnings": ["before", told]}));
        assert_eq!(result.content.last().unwrap().as_text().unwrap().text, format!("warnings: {told}"));
    }

    #[test]
    fn a_refusal_has_no_structure() {
        let result = refused(&problem::Code::LinkUnknown.into());
        assert_eq!(result.is_error, Some(true));
        assert_eq!(result.structured_content, None);
    }
}
