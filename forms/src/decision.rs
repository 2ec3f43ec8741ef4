//! A decision over an exact payload: what is decided about, and what a person may write with the verdict.
//!
//! A payload is a text, byte for byte as it was given, or a JSON value in its one form of RFC 8785. Its hash is over these bytes.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};

use crate::FieldError;

/// Characters of a subject.
const SUBJECT: usize = 200;
/// Characters of a payload, also of an edited one.
const PAYLOAD: usize = 8_000;
/// Characters of what a person gives as a reason or responds.
const REASON: usize = 2_000;
/// The first whole number that JSON's readers do not all tell from the next one (RFC 8785, appendix D).
const INEXACT: u64 = 1 << 53;

/// How a payload is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// As it stands.
    Text,
    /// As JSON.
    Json,
}

/// What is decided about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    subject: String,
    payload: String,
    format: Format,
}

impl Decision {
    /// Checks what an agent wants to have decided; a text is a payload as it stands, anything else is JSON.
    pub fn new(subject: &str, payload: &Value) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let given = subject.chars().count();
        if text::is_blank(subject) || given > SUBJECT {
            errors.push(FieldError::new("subject", "length", format!("The subject has 1 to {SUBJECT} characters, not {given}.")));
        }
        match written(payload) {
            Ok((payload, format)) if errors.is_empty() => return Ok(Self { subject: subject.to_owned(), payload, format }),
            Ok(_) => {}
            Err((code, detail)) => errors.push(FieldError::new("payload", code, detail)),
        }
        Err(errors)
    }

    /// Reads a decision as [`Self::to_document`] wrote it.
    pub fn from_document(document: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(document)
    }

    /// Writes it as it is stored.
    pub fn to_document(&self) -> String {
        serde_json::to_string(self).expect("a decision is plain values")
    }

    /// Returns the payload's very bytes.
    pub fn payload(&self) -> &str {
        &self.payload
    }

    /// Returns the payload's SHA-256, in hexadecimal.
    pub fn payload_sha256(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(&self.payload))
    }

    /// Writes it as it is shown: `subject`, `payload`, `format`, `payload_sha256`, `allow`, no `fields`, and `text`, the same in plain words.
    pub fn into_shown(self, allow: &[&str]) -> Map<String, Value> {
        let text = format!("{}\n\n{}\n\n({})", self.subject, self.payload, allow.join(" / "));
        let sha256 = self.payload_sha256();
        let format = if self.format == Format::Json { "json" } else { "text" };
        let parts = [
            ("subject", self.subject.into()),
            ("payload", self.payload.into()),
            ("format", format.into()),
            ("payload_sha256", sha256.into()),
            ("allow", allow.into()),
            ("fields", Value::Array(Vec::new())),
            ("text", text.into()),
        ];
        parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Checks the payload that a person puts in the place of this one, and returns it with its bytes. What no screen shows is taken out, as
    /// a model reads it.
    pub fn edited(&self, given: Value) -> Result<(Value, String), FieldError> {
        let wrong = |(code, detail)| FieldError::new("edited", code, detail);
        let mut value = given;
        clean_all(&mut value);
        let (bytes, format) = written(&value).map_err(wrong)?;
        if format != self.format {
            let kind = if self.format == Format::Json { "JSON, an object or a list" } else { "a text" };
            return Err(wrong(("wrong_type", format!("The payload is {kind}, and so is what takes its place."))));
        }
        if bytes == self.payload {
            return Err(wrong(("unchanged", "This is the payload as it was: approve it instead.".to_owned())));
        }
        Ok((value, bytes))
    }

    /// Checks what a person gives as a reason, or responds.
    pub fn reason(given: &str) -> Result<String, FieldError> {
        let cleaned = text::clean(given);
        let characters = cleaned.chars().count();
        if text::is_blank(given) || characters > REASON {
            let detail = format!("This has 1 to {REASON} characters, not {characters}.");
            return Err(FieldError::new("reason", "length", detail));
        }
        Ok(cleaned)
    }
}

/// What goes with a decision's outcome, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The SHA-256 of the payload that was shown.
    pub payload_sha256: String,
    /// The salt of its hash in the receipt, in hexadecimal.
    pub payload_salt: String,
    /// The salt of the hash of what the person wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words_salt: Option<String>,
    /// The payload that the person put in the place of the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<Value>,
    /// What the person gave as a reason, or responded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Outcome {
    /// Makes one without words.
    pub fn new(decision: &Decision, salt: &[u8; 32]) -> Self {
        let (payload_sha256, payload_salt) = (decision.payload_sha256(), HEXLOWER.encode(salt));
        Self { payload_sha256, payload_salt, words_salt: None, edited: None, reason: None }
    }

    /// Reads an outcome as [`Self::to_document`] wrote it.
    pub fn from_document(document: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(document)
    }

    /// Writes it as it is stored.
    pub fn to_document(&self) -> String {
        serde_json::to_string(self).expect("an outcome is plain values")
    }

    /// Adds what the person wrote, by the salt of its hash.
    #[must_use]
    pub fn with_words(mut self, salt: &[u8; 32]) -> Self {
        self.words_salt = Some(HEXLOWER.encode(salt));
        self
    }
}

/// Returns the SHA-256 of a salt and a text behind it.
pub fn salted(salt: &[u8; 32], text: &str) -> [u8; 32] {
    Sha256::new().chain_update(salt).chain_update(text).finalize().into()
}

/// Writes a payload's bytes: a text stays as it is, anything else is JSON.
fn written(payload: &Value) -> Result<(String, Format), (&'static str, String)> {
    match payload {
        Value::String(text) if text::is_blank(text) => Err(("empty", "There is nothing in it that can be seen.".to_owned())),
        Value::String(text) => Ok((within(text.clone())?, Format::Text)),
        value => Ok((json(value)?, Format::Json)),
    }
}

fn json(value: &Value) -> Result<String, (&'static str, String)> {
    if let Some(number) = inexact(value) {
        let detail = format!("JSON does not hold {number} exactly: give it as a text.");
        return Err(("inexact_number", detail));
    }
    let written = serde_json_canonicalizer::to_string(value);
    within(written.map_err(|error| ("not_json", format!("This has no form of RFC 8785: {error}.")))?)
}

fn within(payload: String) -> Result<String, (&'static str, String)> {
    match payload.chars().count() {
        characters if characters > PAYLOAD => {
            Err(("too_long", format!("A payload has at most {PAYLOAD} characters, not {characters}.")))
        }
        _ => Ok(payload),
    }
}

/// Finds a number that would be shown as another one.
fn inexact(value: &Value) -> Option<&Number> {
    match value {
        Value::Number(number) => {
            let whole = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            whole.is_some_and(|whole| whole >= INEXACT).then_some(number)
        }
        Value::Array(items) => items.iter().find_map(inexact),
        Value::Object(parts) => parts.values().find_map(inexact),
        Value::Null | Value::Bool(_) | Value::String(_) => None,
    }
}

/// Takes what no screen shows out of every text of a value, names too.
fn clean_all(value: &mut Value) {
    match value {
        Value::String(given) => *given = text::clean(given),
        Value::Array(items) => items.iter_mut().for_each(clean_all),
        Value::Object(parts) => {
            let cleaned = std::mem::take(parts).into_iter().map(|(name, mut part)| {
                clean_all(&mut part);
                (text::clean(&name), part)
            });
            *parts = cleaned.collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "made where it is asked about")]
    fn over(payload: Value) -> Decision {
        Decision::new("Order", &payload).unwrap()
    }

    #[expect(clippy::needless_pass_by_value, reason = "made where it is asked about")]
    fn code(payload: Value) -> &'static str {
        Decision::new("Order", &payload).unwrap_err()[0].code
    }

    #[test]
    fn a_text_is_shown_byte_for_byte() {
        let text = "rm -rf \u{202e}/tmp \u{200b}\r\n\t x  ";
        assert_eq!(over(json!(text)).payload(), text);
        // By `printf abc | sha256sum`.
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(over(json!("abc")).payload_sha256(), known);
        assert_eq!(over(json!("{\"b\": 1}")).payload(), "{\"b\": 1}", "a text that looks like JSON is a text");
    }

    #[test]
    fn json_is_shown_in_its_one_form() {
        // The example of RFC 8785, section 3.2.2, as far as it is ours.
        let given = json!({"numbers": [333_333_333.333_333_3, 1e30, 4.50, 2e-3, 1e-27], "literals": [null, true, false], "\u{20ac}": 1, "\r": 2});
        let written =
            "{\"\\r\":2,\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"\u{20ac}\":1}";
        assert_eq!(over(given).payload(), written);
        assert_eq!(over(json!(42)).payload(), "42");
    }

    #[test]
    fn what_cannot_be_shown_exactly_is_refused() {
        assert_eq!(code(json!({"amount": [9_007_199_254_740_993_u64]})), "inexact_number");
        assert_eq!(code(json!(-9_007_199_254_740_992_i64)), "inexact_number");
        assert_eq!(over(json!(9_007_199_254_740_991_u64)).payload(), "9007199254740991");
        assert_eq!(code(json!("x".repeat(8_001))), "too_long");
        assert_eq!(code(json!(["x".repeat(7_997)])), "too_long");
        assert_eq!(over(json!(["x".repeat(7_996)])).payload().len(), 8_000);
        assert_eq!(code(json!(" \u{200b}")), "empty");
        assert_eq!(Decision::new(" ", &json!("x")).unwrap_err()[0].key, "subject");
        assert_eq!(Decision::new(&"x".repeat(201), &json!("x")).unwrap_err()[0].key, "subject");
    }

    #[test]
    fn an_edited_payload_is_of_the_same_kind_and_another() {
        let wrong = |decision: &Decision, given: Value| decision.edited(given).unwrap_err().code;
        let text = over(json!("3 chairs"));
        assert_eq!(text.edited(json!("2 chairs")).unwrap(), (json!("2 chairs"), "2 chairs".to_owned()));
        assert_eq!(text.edited(json!("2\u{202e} chairs")).unwrap().1, "2\u{fffd} chairs");
        assert_eq!(wrong(&text, json!("3 chairs")), "unchanged");
        assert_eq!(wrong(&text, json!({"n": 2})), "wrong_type");
        assert_eq!(wrong(&text, json!("")), "empty");
        let order = over(json!({"chairs": 3}));
        assert_eq!(order.edited(json!({"chairs": 2})).unwrap(), (json!({"chairs": 2}), "{\"chairs\":2}".to_owned()));
        assert_eq!(wrong(&order, json!({"chairs": 3.0})), "unchanged");
        assert_eq!(wrong(&order, json!("{\"chairs\": 2}")), "wrong_type");
    }

    #[test]
    fn a_reason_has_words() {
        assert_eq!(Decision::reason("too\u{7} dear"), Ok("too\u{fffd} dear".to_owned()));
        assert!(Decision::reason(" ").is_err() && Decision::reason(&"x".repeat(2_001)).is_err());
    }

    #[test]
    fn documents_read_back() {
        let decision = over(json!({"b": 1, "a": "x"}));
        assert_eq!(Decision::from_document(&decision.to_document()).unwrap(), decision);
        let outcome = Outcome { edited: Some(json!({"b": 2})), ..Outcome::new(&decision, &[1; 32]).with_words(&[2; 32]) };
        assert_eq!(Outcome::from_document(&outcome.to_document()).unwrap(), outcome);
    }

    #[test]
    fn a_salted_hash_is_one_that_others_compute() {
        // By `(printf '\1%.0s' $(seq 32); printf abc) | sha256sum`.
        let hash = HEXLOWER.encode(&salted(&[1; 32], "abc"));
        assert_eq!(hash, "f138dfb92f2d15143be6aa75d8c22a848559e77362670c45c8ab5852fe23e081");
    }
}
