//! One call: signed (Standard Webhooks), to an address that may be called, within its time, and no further than that.

use std::time::{Duration, Instant};

use http::HeaderName;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use ipnet::IpNet;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::clock;
use crate::egress_guard::{EgressGuard, Forbidden};
use crate::retry_policy::RetryPolicy;
use crate::target::{Target, TargetError};

/// How much of an answer is read, and forgotten: enough to use the connection again after an ordinary one.
const ANSWER: usize = 16 * 1_024;
/// How long it may take: the status has come, and is what counts.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);
/// How much is told of why there was no connection, in characters: some of it is the other side's words.
const TOLD: usize = 200;
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(30);
/// Unused connections to one endpoint.
const IDLE_EACH: usize = 8;

/// What is sent.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) target: &'a Target,
    /// The newest secret first.
    pub(crate) secrets: &'a [Zeroizing<String>],
    /// `webhook-id`: the same at every try, so that a receiver knows a repeat.
    pub(crate) id: &'a str,
    pub(crate) body: String,
}

/// What came of a call.
#[derive(Debug)]
pub struct Answered {
    /// The status, or why there is none.
    pub outcome: Result<u16, CallError>,
    /// How long it took.
    pub took: Duration,
    /// How long the endpoint asked to be left alone.
    pub retry_after: Option<Duration>,
}

/// Why a call got no answer. Nothing of it quotes the address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The address leads where it must not.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The address is none, as it was set.
    #[error("the address cannot be called: {0}")]
    Target(#[from] crate::TargetError),
    /// It took too long.
    #[error("no answer in time")]
    TimedOut,
    /// There was no connection: the name is not known, nobody listens there, or TLS failed.
    #[error("no connection: {0}")]
    NoConnection(String),
    /// The connection broke before an answer came.
    #[error("the connection broke before an answer came")]
    Broken,
}

impl Answered {
    /// Tells whether the endpoint has taken it: any 2xx.
    pub fn is_delivered(&self) -> bool {
        matches!(self.outcome, Ok(200..=299))
    }

    /// Tells whether the endpoint wants no more calls (410).
    pub(crate) fn is_gone(&self) -> bool {
        self.outcome == Ok(410)
    }

    /// Says in a few words what came.
    pub fn describe(&self) -> String {
        match &self.outcome {
            Ok(status) => format!("status {status}"),
            Err(error) => error.to_string(),
        }
    }
}

/// Calls endpoints; cheap to clone. Connections are used again.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// For calls over TLS.
    guard: EgressGuard,
    /// For plain ones.
    inner_guard: EgressGuard,
    over_tls: Client,
    plain: Client,
    retry: RetryPolicy,
}

impl Caller {
    /// Makes a caller that reaches public addresses over TLS, and `networks` with or without.
    pub(crate) fn new(networks: &[IpNet], retry: RetryPolicy) -> Result<Self, reqwest::Error> {
        let (guard, inner_guard) = (EgressGuard::public_and(networks), EgressGuard::only(networks));
        Ok(Self { over_tls: client(&guard, &retry)?, plain: client(&inner_guard, &retry)?, guard, inner_guard, retry })
    }

    /// Refuses an address that will never be called; a name that leads nowhere now may lead somewhere later.
    pub(crate) async fn judge(&self, target: &Target) -> Result<(), TargetError> {
        let host = target.url().host_str().unwrap_or_default().to_owned();
        let guard = if target.is_plain() { &self.inner_guard } else { &self.guard };
        if target.is_plain() && guard.allows_nothing() {
            return Err(TargetError::Plain(host));
        }
        let addresses = match target.literal() {
            Some(address) => vec![address],
            None => timeout(self.retry.call, guard.look_up(&host)).await.ok().and_then(Result::ok).unwrap_or_default(),
        };
        match addresses.into_iter().find_map(|address| guard.check(address).err()) {
            Some(_) if target.is_plain() => Err(TargetError::Plain(host)),
            Some(forbidden) => Err(TargetError::Inside { host, forbidden }),
            None => Ok(()),
        }
    }

    /// Calls.
    pub(crate) async fn call(&self, call: Call<'_>) -> Answered {
        let began = Instant::now();
        let answer = match timeout(self.retry.call, self.exchange(call)).await {
            Ok(Ok(response)) => Ok(Answer::read(response).await),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(CallError::TimedOut),
        };
        let retry_after = answer.as_ref().ok().and_then(retry_after);
        Answered { outcome: answer.map(|answer| answer.status), took: began.elapsed(), retry_after }
    }

    async fn exchange(&self, call: Call<'_>) -> Result<Response, CallError> {
        let target = call.target;
        let (client, guard) = if target.is_plain() { (&self.plain, &self.inner_guard) } else { (&self.over_tls, &self.guard) };
        // Only names are resolved.
        if let Some(address) = target.literal() {
            guard.check(address)?;
        }
        let timestamp = clock::now().unix_timestamp();
        let request = client
            .post(target.url().clone())
            .header(CONTENT_TYPE, "application/json")
            .header(HeaderName::from_static(HEADER_WEBHOOK_ID), call.id)
            .header(HeaderName::from_static(HEADER_WEBHOOK_TIMESTAMP), timestamp)
            .header(HeaderName::from_static(HEADER_WEBHOOK_SIGNATURE), signature(call.secrets, call.id, timestamp, &call.body))
            .body(call.body);
        request.send().await.map_err(|error| judged(&error))
    }
}

/// Signs with each secret, separated by a space (Standard Webhooks, "Multiple signatures").
fn signature(secrets: &[Zeroizing<String>], id: &str, timestamp: i64, body: &str) -> String {
    let signed = secrets.iter().map(|secret| {
        let webhook = Webhook::new(secret).expect("a derived secret is base64");
        webhook.sign(id, timestamp, body.as_bytes()).expect("the body is UTF-8")
    });
    signed.collect::<Vec<_>>().join(" ")
}

/// Makes a client that trusts whom this machine trusts: nobody, where it knows no authority.
fn client(guard: &EgressGuard, retry: &RetryPolicy) -> Result<Client, reqwest::Error> {
    builder(guard, retry).build().or_else(|error| {
        tracing::warn!(%error, "no certificate authority is known here (SSL_CERT_FILE names some): no webhook is reached over https");
        builder(guard, retry).tls_certs_only([]).build()
    })
}

fn builder(guard: &EgressGuard, retry: &RetryPolicy) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("tempchat/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(guard.clone())
        // A proxy would resolve by itself, and a redirect leads where nothing was checked.
        .no_proxy()
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .http1_only()
        .connect_timeout(retry.connect)
        .timeout(retry.call)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_EACH)
}

/// What is kept of an answer.
struct Answer {
    status: u16,
    retry_after: Option<u64>,
}

impl Answer {
    /// Reads a little of the body and forgets it; whoever sends more, or slowly, loses the connection.
    async fn read(mut response: Response) -> Self {
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let forgotten = async {
            let mut left = ANSWER;
            while let Ok(Some(chunk)) = response.chunk().await {
                let Some(rest) = left.checked_sub(chunk.len()) else { break };
                left = rest;
            }
        };
        let _slow_or_not = timeout(ANSWERS_WITHIN, forgotten).await;
        Self { status, retry_after }
    }
}

/// Takes `Retry-After` in seconds (RFC 9110, section 10.2.3), where the endpoint says that it is too busy.
fn retry_after(answer: &Answer) -> Option<Duration> {
    answer.retry_after.filter(|_| matches!(answer.status, 429 | 503)).map(Duration::from_secs)
}

/// Finds out what a failed request failed of.
fn judged(error: &reqwest::Error) -> CallError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut last = String::new();
    while let Some(error) = cause {
        if let Some(forbidden) = error.downcast_ref::<Forbidden>() {
            return CallError::Forbidden(*forbidden);
        }
        last = error.to_string();
        cause = error.source();
    }
    if error.is_timeout() {
        CallError::TimedOut
    } else if error.is_connect() {
        // The root of it names no address: "Connection refused", "invalid peer certificate".
        CallError::NoConnection(last.chars().filter(|character| !character.is_control()).take(TOLD).collect())
    } else {
        CallError::Broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_specification() {
        // The example of the reference implementation.
        let secret = Zeroizing::new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD".to_owned());
        let body = r#"{"email":"test@example.com","username":"test_user"}"#;
        let signed = signature(std::slice::from_ref(&secret), "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body);
        assert_eq!(signed, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
        let both = signature(&[secret.clone(), secret], "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body);
        assert_eq!(both, format!("{signed} {signed}"));
    }

    #[test]
    fn only_a_busy_endpoint_may_ask_for_time() {
        assert_eq!(retry_after(&Answer { status: 429, retry_after: Some(7) }), Some(Duration::from_secs(7)));
        assert_eq!(retry_after(&Answer { status: 500, retry_after: Some(7) }), None);
    }
}
