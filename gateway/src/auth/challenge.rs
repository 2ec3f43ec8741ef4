//! What a 401 says of how to get in (RFC 6750, section 3).

use std::fmt::Write as _;

use axum::response::{IntoResponse, Response};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};

use super::metadata::METADATA;
use crate::config::Config;
use crate::problem::Problem;

/// Answers who is not let in; `presented` tells whether there was anything to refuse.
pub(crate) fn refuse(problem: Problem, presented: bool, config: &Config) -> Response {
    let challenge = challenge(&problem, presented, config);
    let mut response = problem.into_response();
    if response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// A request without a key learns the scheme only, and no error (RFC 6750, section 3.1).
fn challenge(problem: &Problem, presented: bool, config: &Config) -> HeaderValue {
    let mut challenge = "Bearer realm=\"tempchat\"".to_owned();
    if presented {
        // Our own words, which hold neither quotes nor backslashes.
        let _infallible = write!(challenge, ", error=\"invalid_token\", error_description=\"{}\"", problem.detail);
    }
    if config.authorization_server.is_some() {
        let _infallible = write!(challenge, ", resource_metadata=\"{}\"", config.address_of(METADATA));
    }
    HeaderValue::try_from(challenge).expect("a challenge is plain words and addresses")
}
