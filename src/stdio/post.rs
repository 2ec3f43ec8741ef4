//! One message, one POST: the answer as JSON, or as a stream that ends with it (Streamable HTTP).

use std::time::Duration;

use anyhow::Result;
use backon::{BackoffBuilder, ExponentialBuilder};
use body::read_json;
use futures_util::StreamExt;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use parking_lot::Mutex;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::Value;
use sse_stream::SseByteStream;
use tokio::sync::mpsc;
use tokio::time::sleep;
use url::Url;

use super::message::{INTERNAL, Message, OVERLOADED, refusal};
use crate::access::Access;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an answer may be silent: longer than any wait.
const READ_TIMEOUT: Duration = Duration::from_mins(2);
/// The pauses before a connection that could not be made is tried again: a server that restarts is soon there.
const PAUSES: ExponentialBuilder = ExponentialBuilder::new().with_min_delay(Duration::from_millis(250)).with_max_times(5);
/// The longest answer, or part of a stream.
const LONGEST: usize = 4 * 1_024 * 1_024;

/// The server behind the bridge.
pub(super) struct Server {
    client: Client,
    endpoint: Url,
    bearer: HeaderValue,
    /// The protocol version of the handshake, where there was one.
    agreed: Mutex<Option<String>>,
}

/// Why a request has no answer.
enum Failure {
    /// It never reached the server.
    Unreachable,
    /// It may have been carried out.
    Lost,
    /// The server said no.
    Refused(String),
    /// The host has stopped reading.
    HostGone,
}

impl Server {
    pub(super) fn new(access: &Access) -> Result<Self> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", access.key))?;
        bearer.set_sensitive(true);
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .redirect(Policy::none())
            // An idle connection may be closed just when it is used, and then the call may or may not have arrived.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { client, endpoint: access.endpoint()?, bearer, agreed: Mutex::default() })
    }

    /// Sends a message to the server, and its answer to the host.
    pub(super) async fn carry(&self, message: &Message, lines_out: &mpsc::Sender<String>) {
        let Err(failure) = self.exchange(message, lines_out).await else { return };
        let (code, explanation) = match failure {
            Failure::HostGone => return,
            Failure::Unreachable => {
                (OVERLOADED, format!("Nothing answers at {}. Is `tempchat up` running? Nothing was done: call again.", self.endpoint))
            }
            Failure::Lost => (
                OVERLOADED,
                "The connection was lost, and the call may have been carried out. Call again with the same idempotency_key, or look \
                 first what is there."
                    .to_owned(),
            ),
            Failure::Refused(explanation) => (INTERNAL, explanation),
        };
        crate::output::note(format_args!("tempchat stdio: {explanation}"));
        if let Some(id) = message.id() {
            let _sent = lines_out.send(refusal(id, code, &explanation)).await;
        }
    }

    async fn exchange(&self, message: &Message, lines_out: &mpsc::Sender<String>) -> Result<(), Failure> {
        let response = self.post(message).await?;
        let is_stream =
            response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        if is_stream {
            return self.relay(message, response, lines_out).await;
        }
        let status = response.status();
        let body = whole(response).await?;
        match read_json::<Value>(&body) {
            Ok(answer) if answer.get("jsonrpc").is_some() => self.pass(message, &answer, lines_out).await,
            _ if message.id().is_none() && status.is_success() => Ok(()),
            Ok(problem) => Err(Failure::Refused(describe(status, &problem))),
            Err(_) => Err(Failure::Refused(format!("The server answers with {status}, which is no answer."))),
        }
    }

    async fn post(&self, message: &Message) -> Result<Response, Failure> {
        let agreed = self.agreed.lock().clone();
        let body = message.body().to_string();
        let mut pauses = PAUSES.build();
        loop {
            let mut request = self.client.post(self.endpoint.clone()).body(body.clone());
            request = request.header(CONTENT_TYPE, "application/json").header(ACCEPT, "application/json, text/event-stream");
            request = request
                .header(AUTHORIZATION, self.bearer.clone())
                .headers(message.headers(agreed.as_deref()).into_iter().collect());
            match request.send().await {
                Ok(response) => return Ok(response),
                Err(error) if error.is_connect() => match pauses.next() {
                    Some(pause) => sleep(pause).await,
                    None => return Err(Failure::Unreachable),
                },
                Err(_) => return Err(Failure::Lost),
            }
        }
    }

    /// Passes on a stream of messages, of which the last is the answer.
    async fn relay(&self, message: &Message, response: Response, lines_out: &mpsc::Sender<String>) -> Result<(), Failure> {
        let mut blocks = SseByteStream::new(response.bytes_stream());
        while let Some(block) = blocks.next().await {
            let data = block.map_err(|_| Failure::Lost)?.data.filter(|data| !data.trim().is_empty());
            let Some(part) = data.and_then(|data| read_json::<Value>(data.as_bytes()).ok()) else { continue };
            let is_answer = part.get("id") == message.id() && part.get("method").is_none();
            self.pass(message, &part, lines_out).await?;
            if is_answer {
                return Ok(());
            }
        }
        Err(Failure::Lost)
    }

    /// Passes a message on as one line.
    async fn pass(&self, message: &Message, answer: &Value, lines_out: &mpsc::Sender<String>) -> Result<(), Failure> {
        if message.is_handshake()
            && let Some(version) = answer.pointer("/result/protocolVersion").and_then(Value::as_str)
        {
            *self.agreed.lock() = Some(version.to_owned());
        }
        lines_out.send(answer.to_string()).await.map_err(|_| Failure::HostGone)
    }
}

/// Reads a body whole, up to a length that no answer has.
async fn whole(response: Response) -> Result<Vec<u8>, Failure> {
    let mut chunks = response.bytes_stream();
    let mut body = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Failure::Lost)?;
        if body.len() + chunk.len() > LONGEST {
            return Err(Failure::Refused("The answer is longer than any that is accepted.".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Describes a problem (RFC 9457) in one line.
fn describe(status: StatusCode, problem: &Value) -> String {
    let part = |name: &str| problem.get(name).and_then(Value::as_str);
    match (part("code"), part("detail")) {
        (Some(code), Some(detail)) => format!("{code}: {detail}"),
        _ => format!("The server answers with {status}."),
    }
}
