//! JSON from outside: read within one bound wherever it comes in, and every fault reported as a problem.
//!
//! sqlx's macros turn on `serde_json`'s feature `raw_value`, and with it `serde_json::Value` parses the text under one private key again,
//! with a recursion limit that starts anew: 50 kB of texts in texts overflow the stack. So a document is walked through once, without
//! being kept, before any type reads it; `tests/shape/` holds that JSON from outside is read in no other way.

use std::fmt;

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use mime::Mime;
use serde::de::{DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, Serialize};

use problem::{Code, Problem, of_status};
use text::clean;

use crate::surrogates::without_halves;

/// How many arrays and objects may stand in one another. The deepest body of the API has six.
const MOST_DEPTH: usize = 64;

/// How much of a fault is told, in characters.
const MOST_TOLD: usize = 300;

/// The prefix of the keys that `serde_json` reserves for its own use.
const PRIVATE: &str = "$serde_json::private::";

/// Why bytes are not the JSON that is wanted.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// It is no JSON.
    #[error("this is no JSON: {0}")]
    Syntax(String),
    /// It is other JSON than is wanted, or more deeply nested than is taken.
    #[error("this is other JSON than is wanted: {0}")]
    Data(String),
}

/// Reads one JSON document, within the bounds of [`check_json`]; its length is for the caller to bound.
pub fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    check_json(bytes)?;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let mut track = serde_path_to_error::Track::new();
    T::deserialize(serde_path_to_error::Deserializer::new(&mut deserializer, &mut track))
        .map_err(|error| told(&track.path(), &error))
}

/// Walks through one JSON document: its arrays and objects are at most 64 deep, and no key is one of `serde_json`'s own.
pub fn check_json(bytes: &[u8]) -> Result<(), JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let mut track = serde_path_to_error::Track::new();
    let walked = Walk { depth: 0 }.deserialize(serde_path_to_error::Deserializer::new(&mut deserializer, &mut track));
    walked.and_then(|()| deserializer.end()).map_err(|error| told(&track.path(), &error))
}

/// Says what is wrong and where, in few words: names and values in it are the sender's.
fn told(path: &serde_path_to_error::Path, error: &serde_json::Error) -> JsonError {
    let path = path.to_string();
    let whole = if path == "." { error.to_string() } else { format!("{path}: {error}") };
    let mut words: String = clean(&whole).chars().take(MOST_TOLD).collect();
    if words.len() < whole.len() {
        words.push('…');
    }
    if error.is_data() { JsonError::Data(words) } else { JsonError::Syntax(words) }
}

/// A value within `depth` arrays and objects, passed over.
struct Walk {
    depth: usize,
}

impl Walk {
    fn deeper<E: serde::de::Error>(&self) -> Result<usize, E> {
        if self.depth == MOST_DEPTH {
            return Err(E::custom(format_args!("arrays and objects are nested deeper than {MOST_DEPTH} levels")));
        }
        Ok(self.depth + 1)
    }
}

impl<'de> DeserializeSeed<'de> for Walk {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        while items.next_element_seed(Walk { depth })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        while entries.next_key_seed(Key)?.is_some() {
            entries.next_value_seed(Walk { depth })?;
        }
        Ok(())
    }
}

/// A key of an object, however it is escaped.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<(), E> {
        if key.starts_with(PRIVATE) { Err(E::custom(format_args!("no key begins with {PRIVATE}"))) } else { Ok(()) }
    }
}

/// A JSON body, or a JSON answer.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Code::MediaTypeUnsupported.into());
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            let unreadable = || Problem::with_detail(Code::InvalidRequest, "The body could not be read.");
            of_status(rejection.status()).unwrap_or_else(unreadable)
        })?;
        Ok(Self(read_json(&without_halves(&bytes))?))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response(),
            Err(error) => {
                tracing::error!(%error, "an answer is no JSON");
                Problem::new(Code::Internal).into_response()
            }
        }
    }
}

impl From<JsonError> for Problem {
    fn from(error: JsonError) -> Self {
        Self::with_detail(
            Code::InvalidRequest,
            match error {
                JsonError::Syntax(error) => format!("Failed to parse the request body as JSON: {error}."),
                JsonError::Data(error) => format!("Failed to deserialize the JSON body into the target type: {error}."),
            },
        )
    }
}

/// Tells whether a body says that it is JSON (RFC 6839 suffixes too).
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()?.parse::<Mime>().ok());
    kind.is_some_and(|kind| {
        kind.type_() == mime::APPLICATION && (kind.subtype() == mime::JSON || kind.suffix() == Some(mime::JSON))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn nested(depth: usize) -> String {
        format!("{}{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn depth_has_a_bound() {
        read_json::<Value>(nested(MOST_DEPTH).as_bytes()).unwrap();
        read_json::<Value>(nested(MOST_DEPTH + 1).as_bytes()).unwrap_err();
        // What stands side by side is not deep, and brackets in texts are letters.
        read_json::<Value>(format!("[{}0]", "[{}],".repeat(1_000)).as_bytes()).unwrap();
        read_json::<Value>(format!(r#"{{"a": "\\\"{}"}}"#, "[".repeat(1_000)).as_bytes()).unwrap();
    }

    #[test]
    fn no_text_is_parsed_again() {
        for key in ["$serde_json::private::RawValue", "\\u0024serde_json::private::RawValue", "$serde_json::private::Number"] {
            for text in [format!(r#"{{"{key}": "[1]"}}"#), format!(r#"{{"a": [{{"b": 1, "{key}": null}}]}}"#)] {
                let error = read_json::<Value>(text.as_bytes()).unwrap_err().to_string();
                assert!(error.contains("no key begins with $serde_json"), "{error}");
            }
            // As a value it is a text like any other.
            read_json::<Value>(format!(r#"{{"a": "{key}"}}"#).as_bytes()).unwrap();
        }
    }

    #[test]
    fn a_fault_says_where_it_is() {
        #[derive(Debug, serde::Deserialize)]
        struct Wanted {
            #[serde(rename = "inner")]
            _inner: Vec<u8>,
        }
        let detail = |text: &str| Problem::from(read_json::<Wanted>(text.as_bytes()).unwrap_err()).detail;
        assert!(detail(r#"{"inner": [1, "x"]}"#).contains("inner[1]: invalid type"), "{}", detail(r#"{"inner": [1, "x"]}"#));
        let long = detail(&format!(r#"{{"inner": ["{}\\u202e"]}}"#, "x".repeat(60_000)));
        assert!(long.chars().count() < 400 && !long.contains('\u{202e}'), "{long}");
        assert!(detail("{").starts_with("Failed to parse the request body as JSON"), "{}", detail("{"));
        assert!(detail(r#"{"inner": []} {}"#).contains("trailing characters"), "{}", detail(r#"{"inner": []} {}"#));
        assert!(detail(&nested(1_000)).contains("nested deeper than 64 levels"), "{}", detail(&nested(1_000)));
    }

    /// What fuzzing begins with, and what it has found: read to its end, refused or not (`fuzz/fuzz_targets/bodies.rs`).
    #[test]
    fn the_corpus_is_read_to_its_end() {
        let corpus = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/bodies")).unwrap();
        let mut passed = Vec::new();
        for file in corpus {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            assert_eq!(read_json::<Value>(&bytes).is_ok(), check_json(&bytes).is_ok(), "{}", path.display());
            if check_json(&bytes).is_ok() {
                passed.push(path.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
        passed.sort();
        assert_eq!(passed, ["batch", "call", "deep_enough", "message", "twice"]);
    }
}
