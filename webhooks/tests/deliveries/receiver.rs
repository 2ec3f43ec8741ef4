//! The other side: an HTTP server that writes down what it gets, and answers as a test wants.

use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::serve::Listener;
use data_encoding::BASE64;
use futures_util::{StreamExt, stream};
use ring::hmac;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use crate::world::soon;

/// A call as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// Where calls come in, until it is dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    calls: UnboundedReceiver<Received>,
    /// What was passed over while something else was looked for: calls go out side by side, in no order.
    passed: Vec<Received>,
    count: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

struct Desk {
    calls: UnboundedSender<Received>,
    count: Arc<AtomicUsize>,
    answer: Box<Answering>,
}

type Answering = dyn Fn(usize, &Received) -> Answer + Send + Sync;

/// What a caller gets.
pub(crate) enum Answer {
    Status(u16),
    /// Elsewhere, it says.
    Redirect(&'static str),
    /// A status, and so many bytes nobody asked for.
    Long(u16, usize),
    /// Nothing, ever.
    Silence,
    /// A status, once the test lets it out.
    Later(watch::Receiver<bool>, u16),
    /// A status, and a body that never ends.
    Endless(u16),
}

impl Receiver {
    /// Starts one that answers its calls, counted from 0.
    pub(crate) async fn start(answer: impl Fn(usize, &Received) -> Answer + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), answer)
    }

    /// Starts one that is always glad, over TLS, with a certificate that it has given itself.
    pub(crate) async fn self_signed() -> Self {
        Self::on(testbed::tls::self_signed().await, |_, _| Answer::Status(204))
    }

    fn on<L: Listener<Addr = SocketAddr>>(
        listener: L,
        answer: impl Fn(usize, &Received) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let (sender, calls) = unbounded_channel();
        let count = Arc::<AtomicUsize>::default();
        let desk = Arc::new(Desk { calls: sender, count: Arc::clone(&count), answer: Box::new(answer) });
        let router = Router::new().fallback(take).with_state(desk);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, calls, passed: Vec::new(), count, task }
    }

    /// Starts one that is always glad.
    pub(crate) async fn glad() -> Self {
        Self::start(|_, _| Answer::Status(204)).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Waits for the next call.
    pub(crate) async fn next(&mut self) -> Received {
        soon("a call", self.calls.recv()).await.unwrap()
    }

    /// Waits for a call about an event of a type, past others.
    pub(crate) async fn find(&mut self, kind: &str) -> Received {
        if let Some(known) = self.passed.iter().position(|call| call.json()["type"] == kind) {
            return self.passed.remove(known);
        }
        loop {
            let call = self.next().await;
            if call.json()["type"] == kind {
                return call;
            }
            self.passed.push(call);
        }
    }

    /// Takes what has come and not been taken.
    pub(crate) fn rest(&mut self) -> Vec<Received> {
        std::iter::from_fn(|| self.calls.try_recv().ok()).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(State(desk): State<Arc<Desk>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let received = Received { path: uri.path().to_owned(), headers, body };
    let answer = (desk.answer)(desk.count.fetch_add(1, Ordering::SeqCst), &received);
    // A test that has ended takes no more.
    let _nobody_asks = desk.calls.send(received);
    match answer {
        Answer::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Answer::Redirect(to) => (StatusCode::TEMPORARY_REDIRECT, [("location", to)]).into_response(),
        Answer::Long(status, bytes) => (StatusCode::from_u16(status).unwrap(), vec![b'x'; bytes]).into_response(),
        Answer::Later(mut gate, status) => {
            let _let_out = gate.wait_for(|is_open| *is_open).await;
            StatusCode::from_u16(status).unwrap().into_response()
        }
        Answer::Silence => std::future::pending().await,
        Answer::Endless(status) => {
            let body = stream::once(ready(Ok::<_, Infallible>("x"))).chain(stream::pending());
            (StatusCode::from_u16(status).unwrap(), Body::from_stream(body)).into_response()
        }
    }
}

impl Received {
    /// Lists the names of its headers.
    pub(crate) fn header_names(&self) -> Vec<&str> {
        self.headers.keys().map(HeaderName::as_str).collect()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub(crate) fn id(&self) -> &str {
        self.header("webhook-id")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Checks the signature by the letter of the specification, with another hand than the one that signed: how many fit.
    pub(crate) fn signatures_by(&self, secret: &str) -> usize {
        let key = BASE64.decode(secret.strip_prefix("whsec_").unwrap().as_bytes()).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let signed = [self.id().as_bytes(), b".", self.header("webhook-timestamp").as_bytes(), b".", &self.body].concat();
        let fits = |signature: &&str| {
            let tag = BASE64.decode(signature.strip_prefix("v1,").unwrap().as_bytes()).unwrap();
            hmac::verify(&key, &signed, &tag).is_ok()
        };
        self.header("webhook-signature").split(' ').filter(fits).count()
    }
}
