//! What comes in as a body: read whole within its length and time, and as JSON within its depth.

mod json;
mod surrogates;

use std::time::Duration;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http_body_util::LengthLimitError;
use problem::{Code, Problem};
use tokio::time::timeout;

pub use json::{Json, JsonError, check_json, read_json};
pub use surrogates::without_halves;

/// Reads a body of at most `most` bytes, within `patience`.
pub async fn read(body: Body, most: usize, patience: Duration) -> Result<Bytes, Problem> {
    match timeout(patience, to_bytes(body, most)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if is_too_long(&error) => Err(Code::BodyTooLarge.into()),
        Ok(Err(_)) => Err(Problem::with_detail(Code::InvalidRequest, "The body could not be read.")),
        Err(_) => {
            let told = format!("The body took more than {} s.", patience.as_secs());
            Err(Problem::with_detail(Code::TimedOut, told))
        }
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<LengthLimitError>)
}
