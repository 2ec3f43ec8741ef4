//! Messages of the host (JSON-RPC 2.0), as far as a bridge reads them.

use body::{JsonError, read_json, without_halves};
use data_encoding::BASE64;
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};

/// The codes of JSON-RPC, and its first free one.
pub(super) const PARSE: i64 = -32_700;
pub(super) const INVALID: i64 = -32_600;
pub(super) const INTERNAL: i64 = -32_603;
pub(super) const OVERLOADED: i64 = -32_000;

const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
/// Where a message of 2026-07-28 names its version.
const VERSION_OF_MESSAGE: &str = "/params/_meta/io.modelcontextprotocol~1protocolVersion";

/// A message from the host.
#[derive(Debug, PartialEq)]
pub(super) enum Message {
    /// It wants an answer.
    Request { id: Value, body: Value },
    /// It wants none.
    Notification { body: Value },
    /// A request is not wanted any more.
    Cancelled { id: Value },
    /// It answers a request.
    Answer,
}

/// Why a line is no message.
#[derive(Debug, thiserror::Error)]
pub(super) enum MessageError {
    /// It is not the JSON of one.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// It asks nothing and answers nothing.
    #[error("it has no method")]
    NoMethod,
}

impl Message {
    /// Reads a line.
    pub(super) fn parse(line: &[u8]) -> Result<Self, MessageError> {
        let body: Value = read_json(&without_halves(line))?;
        let Some(method) = body.get("method").and_then(Value::as_str) else {
            if body.get("result").is_some() || body.get("error").is_some() {
                return Ok(Self::Answer);
            }
            return Err(MessageError::NoMethod);
        };
        Ok(match body.get("id") {
            Some(id) => Self::Request { id: id.clone(), body },
            None if method == "notifications/cancelled" => {
                Self::Cancelled { id: body.pointer("/params/requestId").cloned().unwrap_or_default() }
            }
            None => Self::Notification { body },
        })
    }

    /// Returns the id of a request.
    pub(super) fn id(&self) -> Option<&Value> {
        match self {
            Self::Request { id, .. } => Some(id),
            Self::Notification { .. } | Self::Cancelled { .. } | Self::Answer => None,
        }
    }

    /// Returns what goes to the server.
    pub(super) fn body(&self) -> &Value {
        match self {
            Self::Request { body, .. } | Self::Notification { body } => body,
            Self::Cancelled { .. } | Self::Answer => &Value::Null,
        }
    }

    /// Tells whether its answer says which version the two speak from then on.
    pub(super) fn is_handshake(&self) -> bool {
        self.method() == Some("initialize")
    }

    fn method(&self) -> Option<&str> {
        self.body().get("method").and_then(Value::as_str)
    }

    /// Repeats parts of the body in headers, for proxies in between (SEP-2243); `agreed` is the handshake's version.
    pub(super) fn headers(&self, agreed: Option<&str>) -> Vec<(HeaderName, HeaderValue)> {
        let named = ["/params/name", "/params/uri"].iter().find_map(|place| self.body().pointer(place)).and_then(Value::as_str);
        let own = self.body().pointer(VERSION_OF_MESSAGE).and_then(Value::as_str);
        [(VERSION, own.or(agreed)), (METHOD, self.method()), (NAME, named)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, HeaderValue::try_from(encoded(value?)).ok()?)))
            .collect()
    }
}

/// Writes a value so that it travels in a header: as it is, or as base64 between marks where it would not.
fn encoded(value: &str) -> String {
    let is_plain = value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && value.trim() == value && !value.starts_with("=?");
    if is_plain { value.to_owned() } else { format!("=?base64?{}?=", BASE64.encode(value.as_bytes())) }
}

/// Writes an error response.
pub(super) fn refusal(id: &Value, code: i64, message: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(message: &Value) -> Message {
        Message::parse(message.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_message_is_recognized_by_its_fields() {
        let request = json!({"jsonrpc": "2.0", "id": "a", "method": "ping"});
        assert_eq!(parse(&request), Message::Request { id: json!("a"), body: request });
        let cancelled = json!({"method": "notifications/cancelled", "params": {"requestId": 7}});
        assert_eq!(parse(&cancelled), Message::Cancelled { id: json!(7) });
        assert_eq!(parse(&json!({"id": 1, "result": {}})), Message::Answer);
        for wrong in ["", "[]", "1", "{}", "{\"id\": 1}", "{\"method\": 1}"] {
            assert!(Message::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn half_a_letter_loses_no_message() {
        let cut = Message::parse(br#"{"method": "a", "params": "b\ud83d"}"#).unwrap();
        assert_eq!(cut, Message::Notification { body: json!({"method": "a", "params": "b\u{fffd}"}) });
    }

    #[test]
    fn headers_say_what_the_body_says() {
        let written = |message: &Value| -> Vec<(String, String)> {
            let headers = parse(message).headers(Some("2025-11-25"));
            headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
        };
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let call = json!({"id": 1, "method": "tools/call", "params": {"name": "a", "arguments": {"name": "b"}}});
        assert_eq!(
            written(&call),
            pairs(&[("mcp-protocol-version", "2025-11-25"), ("mcp-method", "tools/call"), ("mcp-name", "a")])
        );
        let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
        let read = json!({"id": 1, "method": "resources/read", "params": {"uri": "x:\u{e9}", "_meta": meta}});
        assert_eq!(
            written(&read),
            pairs(&[
                ("mcp-protocol-version", "2026-07-28"),
                ("mcp-method", "resources/read"),
                ("mcp-name", "=?base64?eDrDqQ==?=")
            ])
        );
    }
}
