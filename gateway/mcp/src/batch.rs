//! Batches: clients of 2025-03-26 may send several messages as one list (JSON-RPC 2.0, section 6); later versions have none.

use axum::body::{Body, to_bytes};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use body::{Json, read_json};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request, StatusCode};
use rmcp::ErrorData;
use rmcp::model::ErrorCode;
use serde_json::{Value, json};

/// How many messages one batch has at most: they are answered one after another.
const MOST: usize = 16;
/// The longest answer to one of them, in bytes.
const LONGEST_ANSWER: usize = 1 << 20;
/// The only version that has batches.
const VERSION: &str = "2025-03-26";

/// Tells whether a body is a list.
pub(super) fn is_list(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"[")
}

/// Answers each message of a list by itself; of notifications alone there is nothing to answer.
pub(super) async fn answer(parts: Parts, body: &Bytes, next: &Next) -> Response {
    let messages: Vec<Value> = match read_json(body) {
        Ok(messages) => messages,
        Err(error) => return refused(error.to_string()),
    };
    if !is_of_that_version(&parts.headers) {
        return refused(format!("a list of messages is for MCP-Protocol-Version {VERSION} only: send them one by one"));
    }
    if !(1..=MOST).contains(&messages.len()) {
        return refused(format!("a list has 1 to {MOST} messages, not {}", messages.len()));
    }
    let mut answers = Vec::new();
    for message in messages {
        let request = Request::from_parts(parts.clone(), Body::from(message.to_string()));
        let answered = next.clone().run(request).await.into_body();
        match to_bytes(answered, LONGEST_ANSWER).await {
            Ok(answer) if answer.is_empty() => {}
            Ok(answer) => {
                answers.push(read_json(&answer).unwrap_or_else(|_| error(ErrorCode::INTERNAL_ERROR, "the answer is no JSON")));
            }
            Err(_) => answers.push(error(ErrorCode::INTERNAL_ERROR, "the answer is too long for a list")),
        }
    }
    if answers.is_empty() { StatusCode::ACCEPTED.into_response() } else { Json(answers).into_response() }
}

fn is_of_that_version(headers: &HeaderMap) -> bool {
    headers.get("mcp-protocol-version").is_some_and(|version| version == VERSION)
}

fn refused(told: impl Into<String>) -> Response {
    (StatusCode::BAD_REQUEST, Json(error(ErrorCode::INVALID_REQUEST, told))).into_response()
}

/// Writes an error that answers no message that could be told.
pub(super) fn error(code: ErrorCode, told: impl Into<String>) -> Value {
    json!({"jsonrpc": "2.0", "id": null, "error": ErrorData::new(code, told.into(), None)})
}
