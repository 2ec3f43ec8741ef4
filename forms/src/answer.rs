//! An answer as it is stored, and as it is shown.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Form, Values};

/// The values of an answer, with the names of all fields that were asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    keys: Vec<String>,
    values: Map<String, Value>,
}

impl Answer {
    /// Takes values that were checked against `form`.
    pub fn new(form: &Form, values: Values) -> Self {
        Self { keys: form.fields().iter().map(|field| field.key.clone()).collect(), values: values.values }
    }

    /// Reads an answer as [`Self::to_document`] wrote it.
    pub fn from_document(document: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(document)
    }

    /// Writes the answer as it is stored.
    pub fn to_document(&self) -> String {
        serde_json::to_string(self).expect("an answer is plain values")
    }

    /// Returns the values; `null` takes an earlier one back.
    pub fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// Hands the values out.
    pub fn into_values(self) -> Map<String, Value> {
        self.values
    }

    /// Names the fields of a mask.
    pub fn names(&self, mask: u8) -> Vec<String> {
        let is_in = |index: u32| 1_u8.checked_shl(index).is_some_and(|bit| mask & bit != 0);
        (0..).zip(&self.keys).filter(|(index, _)| is_in(*index)).map(|(_, key)| key.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mask_is_told_by_name() {
        let answer: Answer = serde_json::from_value(json!({"keys": ["a", "b", "c"], "values": {"b": 1}})).unwrap();
        assert_eq!(answer.names(0b101), ["a", "c"]);
        assert_eq!(answer.names(0b1111_1000), [""; 0]);
        assert_eq!(Answer::from_document(&answer.to_document()).unwrap(), answer);
    }
}
