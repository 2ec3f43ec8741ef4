//! How this service says no: one shape (RFC 9457), one table of codes, one translation of every refusal.

mod code;
mod refusal;
mod rejection;
#[cfg(test)]
mod table;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::{Object, ObjectBuilder, Type};

pub use code::Code;
pub use refusal::until;

/// The media type of a problem (RFC 9457, section 3).
pub const MEDIA_TYPE: &str = "application/problem+json";
/// How long to wait where nothing says it more exactly.
const RETRY_SOON: Duration = Duration::from_secs(1);

/// How many fields' faults are told in a sentence.
const TOLD: usize = 8;
/// The longest sentence that is told, in characters: ours are shorter, so what is longer quotes something that is.
const LONGEST_DETAIL: usize = 1_000;
/// The same for what is wrong with one field, and for a field's name.
const LONGEST_FAULT: usize = 300;
const LONGEST_KEY: usize = 64;

/// A refusal or failure, ready to be told to an HTTP client or an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which one.
    pub code: Code,
    /// What happened this time, with the actual value, as a sentence.
    pub detail: Cow<'static, str>,
    /// What to do next, where it is more exact than the code's own words.
    pub next: Option<Cow<'static, str>>,
    /// When to come back.
    pub retry_after: Option<Duration>,
    /// What is wrong with which field.
    pub errors: Vec<FieldError>,
    /// What is to be solved first.
    pub challenge: Option<Box<serde_json::Value>>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field.
    pub key: String,
    /// A stable code.
    #[schema(value_type = String)]
    pub code: &'static str,
    /// What is wrong, as a sentence.
    pub detail: String,
}

/// A problem as it is sent (RFC 9457); `type` is left out and so `about:blank`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Body<'a> {
    /// What happened, in general.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What happened this time, and what to do next.
    detail: String,
    /// A stable code, the same over HTTP and MCP.
    #[schema(schema_with = codes)]
    code: &'a str,
    /// What is wrong with which field.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    /// With `proof_required`: an ALTCHA challenge (proof of work, version 2).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    challenge: Option<&'a serde_json::Value>,
}

/// Lists every code for the API's description.
fn codes() -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Code::ALL.iter().map(|code| code.as_str()))).build()
}

impl Problem {
    /// Makes a problem that says what its code says.
    pub const fn new(code: Code) -> Self {
        Self { code, detail: Cow::Borrowed(code.title()), next: None, retry_after: None, errors: Vec::new(), challenge: None }
    }

    /// Makes a problem with what happened this time; a sentence.
    pub fn with_detail(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { detail: detail.into(), ..Self::new(code) }
    }

    /// Says what to do next more exactly than the code does; a sentence.
    #[must_use]
    pub fn next(self, next: impl Into<Cow<'static, str>>) -> Self {
        Self { next: Some(next.into()), ..self }
    }

    /// Says when to come back.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// Says what is wrong with one field.
    pub fn field(key: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        let error = FieldError { key: brief(&key.into(), LONGEST_KEY), code, detail: brief(&detail.into(), LONGEST_FAULT) };
        let detail = format!("{}: {}", error.key, error.detail);
        Self { errors: vec![error], ..Self::with_detail(Code::InvalidRequest, detail) }
    }

    /// Says what is wrong with the fields of a question or of an answer.
    pub fn of_fields(code: Code, errors: Vec<forms::FieldError>) -> Self {
        let errors: Vec<_> = errors
            .into_iter()
            .map(|forms::FieldError { key, code, detail }| {
                let (key, detail) = (brief(&key, LONGEST_KEY), brief(&detail, LONGEST_FAULT));
                FieldError { key, code, detail }
            })
            .collect();
        let told = |error: &FieldError| format!("{}: {}", error.key, error.detail);
        let detail = errors.iter().take(TOLD).map(told).collect::<Vec<_>>().join(" ");
        Self { errors, ..Self::with_detail(code, detail) }
    }

    /// Tells an agent: `code: what happened, with the actual value. The next call.`
    pub fn tool_text(&self) -> String {
        let next = self.next.as_deref().unwrap_or(self.code.next_call());
        format!("{}: {} {next}", self.code.as_str(), brief(&self.detail, LONGEST_DETAIL))
    }

    /// Returns the body for an HTTP client.
    pub(crate) fn body(&self) -> Body<'_> {
        let next = self.next.as_deref().unwrap_or(self.code.next_step());
        Body {
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: format!("{} {next}", brief(&self.detail, LONGEST_DETAIL)),
            code: self.code.as_str(),
            errors: &self.errors,
            challenge: self.challenge.as_deref(),
        }
    }

    /// Returns the whole seconds for `Retry-After`, at least one, where this problem has it.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let wait = self.retry_after.or(self.code.wants_retry_after().then_some(RETRY_SOON))?;
        Some(wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1))
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.body()).expect("a problem is plain JSON");
        let mut response = (self.code.status(), body).into_response();
        let headers = response.headers_mut();
        // RFC 9110, section 15.5.2: a 401 names a scheme.
        if self.code.status() == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        // For logs and metrics.
        response.extensions_mut().insert(self.code);
        response
    }
}

/// Cuts what is longer than `most` characters in the middle: its beginning and its end tell what it is about, and nobody is sent back
/// all that was sent.
pub fn brief(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let (head, tail) = (most * 3 / 4, most / 4);
    let cut = length - head - tail;
    text.chars().take(head).chain(['…']).chain(text.chars().skip(head + cut)).collect()
}

/// Turns what tower-http or axum answered by itself into a problem.
pub fn of_status(status: StatusCode) -> Option<Problem> {
    match status {
        StatusCode::NOT_FOUND => Some(Code::NotFound.into()),
        StatusCode::METHOD_NOT_ALLOWED => Some(Code::MethodNotAllowed.into()),
        StatusCode::PAYLOAD_TOO_LARGE => Some(Code::BodyTooLarge.into()),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Some(Code::MediaTypeUnsupported.into()),
        _ => None,
    }
}
