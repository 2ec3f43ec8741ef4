//! An agent's own server, where it is woken.

use std::fmt::Debug;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::serve::Listener;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Root, soon};

/// A call as it came in.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A server that writes down every call, and is glad of it.
#[derive(Debug)]
pub(crate) struct Hook {
    url: String,
    calls: UnboundedReceiver<Call>,
}

impl Hook {
    /// Starts it; it ends with the test.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/secret-path", listener.local_addr().unwrap());
        Self::on(listener, url)
    }

    /// Starts it over TLS at `localhost`, with a certificate for `name`.
    pub(crate) async fn over_tls(root: &Root, name: &str) -> Self {
        let listener = root.listen_as(name).await;
        let url = format!("https://localhost:{}/secret-path", listener.local_addr().unwrap().port());
        Self::on(listener, url)
    }

    fn on<L: Listener<Addr: Debug>>(listener: L, url: String) -> Self {
        let (sender, calls) = unbounded_channel();
        let router = Router::new().fallback(take).with_state(Arc::new(sender));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, calls }
    }

    /// Returns its address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Waits for a call about an event of a type, past others.
    pub(crate) async fn find(&mut self, kind: &str) -> Call {
        loop {
            let call = soon(kind, self.calls.recv()).await.expect("the server runs");
            if call.json()["type"] == kind {
                return call;
            }
        }
    }

    /// Takes what has come and not been taken.
    pub(crate) fn rest(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.calls.try_recv().ok()).map(|call| call.json()).collect()
    }
}

impl Call {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

async fn take(State(calls): State<Arc<UnboundedSender<Call>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let _the_test_has_ended = calls.send(Call { headers, body });
    StatusCode::NO_CONTENT
}
