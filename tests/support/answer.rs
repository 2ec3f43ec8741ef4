//! An HTTP answer, read whole.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Reads an answer to its end.
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        Self { status: response.status(), headers: response.headers().clone(), body: response.bytes().await.unwrap() }
    }

    /// Returns a header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Returns the body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Tells whether it says of itself that the rows were behind.
    pub(crate) fn is_stale(&self) -> bool {
        serde_json::from_slice(&self.body).is_ok_and(|body: Value| body["stale"] == true)
    }

    /// Expects a status, and returns the JSON that came with it.
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        if self.body.is_empty() { Value::Null } else { serde_json::from_slice(&self.body).unwrap() }
    }

    /// Expects a refusal: one shape (RFC 9457), a stable code, and when to come back where that helps.
    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
        let told = self.text().to_owned();
        assert_eq!(self.status, status, "{told}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{told}");
        if [429, 503].contains(&status) {
            assert!(self.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
        }
        let problem = self.expect(status);
        assert_eq!(problem["code"], code, "{told}");
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{told}");
        problem
    }
}
