//! Signs of life in an answer that takes long: proxies give up on one that says nothing for 30 s, and blanks before a JSON text mean nothing
//! (RFC 8259, section 2).

use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use tokio::time::timeout;

/// How long an answer may say nothing.
const SILENCE: Duration = Duration::from_secs(10);
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// An answer under way.
type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Gives an answer as it is, if it comes soon. One that takes longer begins before it is known: with status 200, as JSON, with a blank now and
/// then. What is a refusal after all says so in its body.
pub(super) async fn with_signs_of_life(answering: impl Future<Output = Response> + Send + 'static) -> Response {
    let mut answering: Answering = Box::pin(answering);
    if let Ok(response) = timeout(SILENCE, &mut answering).await {
        return response;
    }
    let mut response = Body::from_stream(begun(answering)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
    response
}

/// Writes a blank, further ones while the answer is not there, and then its body.
fn begun(answering: Answering) -> impl Stream<Item = Result<Bytes, axum::Error>> + Send {
    let blank = stream::iter([Ok::<_, Infallible>(BLANK)]).map(|blank| blank.map_err(|never| match never {}));
    blank.chain(stream::unfold(Part::Waits(answering), |part| async {
        match part {
            Part::Waits(mut answering) => match timeout(SILENCE, &mut answering).await {
                Ok(response) => next(response.into_body().into_data_stream()).await,
                Err(_) => Some((Ok(BLANK), Part::Waits(answering))),
            },
            Part::Writes(body) => next(body).await,
        }
    }))
}

const BLANK: Bytes = Bytes::from_static(b" ");

/// How far an answer is.
enum Part {
    Waits(Answering),
    Writes(BodyDataStream),
}

async fn next(mut body: BodyDataStream) -> Option<(Result<Bytes, axum::Error>, Part)> {
    Some((body.next().await?, Part::Writes(body)))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use http_body_util::BodyExt as _;
    use tokio::time::{Instant, sleep};

    use super::*;

    async fn after(seconds: u64) -> Response {
        sleep(Duration::from_secs(seconds)).await;
        (StatusCode::ACCEPTED, "{}").into_response()
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_never_silent_for_long() {
        let began = Instant::now();
        let response = with_signs_of_life(after(45)).await;
        assert_eq!((response.status(), began.elapsed().as_secs()), (StatusCode::OK, 10));
        let mut body = response.into_body();
        let mut heard = Vec::new();
        while let Some(frame) = body.frame().await {
            heard.push((began.elapsed().as_secs(), frame.unwrap().into_data().unwrap()));
        }
        let bytes: Vec<_> = heard.iter().map(|(_, bytes)| &bytes[..]).collect();
        assert_eq!(bytes, [&b" "[..], b" ", b" ", b" ", b"{}"]);
        assert_eq!(heard.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [10, 20, 30, 40, 45]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_comes_soon_is_as_it_is() {
        let response = with_signs_of_life(after(9)).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "{}");
    }
}
