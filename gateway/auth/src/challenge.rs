//! What a 401 or a 403 says of how to get in (RFC 6750, section 3).

use std::fmt::Write as _;

use app::Config;
use axum::response::{IntoResponse, Response};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};
use problem::{Code, Problem};

use super::metadata::METADATA;

/// Answers a caller that is not let in; `presented` tells whether it presented a key or token.
pub fn refuse(problem: Problem, presented: bool, config: &Config) -> Response {
    // RFC 6750, section 3.1; a request without a key learns the scheme only, and no error.
    let error = match problem.code {
        Code::ScopeMissing => Some("insufficient_scope"),
        _ if problem.code.status() != StatusCode::UNAUTHORIZED => return problem.into_response(),
        _ => presented.then_some("invalid_token"),
    };
    let challenge = challenge(&problem, error, config);
    let mut response = problem.into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

fn challenge(problem: &Problem, error: Option<&str>, config: &Config) -> HeaderValue {
    let mut challenge = "Bearer realm=\"tempchat\"".to_owned();
    if let Some(error) = error {
        // Our own words, which hold neither quotes nor backslashes.
        let _infallible = write!(challenge, ", error=\"{error}\", error_description=\"{}\"", problem.detail);
    }
    if config.authorization_server.is_some() {
        let _infallible = write!(challenge, ", resource_metadata=\"{}\"", config.address_of(METADATA));
    }
    HeaderValue::try_from(challenge).expect("a challenge is plain words and addresses")
}
