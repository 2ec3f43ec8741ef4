//! Somebody with a link and a device, who has not joined yet.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU16, Ordering};

use http::Method;
use serde_json::{Value, json};

use super::{Answer, Chatter, soon, until, uuid};

/// A device: one address, one secret of its own for each link.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    http: reqwest::Client,
    url: String,
    client_id: String,
}

impl Visitor {
    /// Comes from an address that nobody else has: limits count addresses.
    pub(crate) fn new(url: &str) -> Self {
        static BEFORE: AtomicU16 = AtomicU16::new(1);
        let [high, low] = BEFORE.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        Self::from(url, Ipv4Addr::new(127, 1, high, low))
    }

    /// Comes from an address of this machine's own network, 127.0.0.0/8.
    pub(crate) fn from(url: &str, address: Ipv4Addr) -> Self {
        let http = reqwest::Client::builder().local_address(Some(address.into())).build().unwrap();
        Self { http, url: url.to_owned(), client_id: uuid() }
    }

    /// Comes by another gateway of the same installation.
    pub(crate) fn at(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// Comes from the same address with a fresh browser.
    pub(crate) fn forgetful(&self) -> Self {
        Self { client_id: uuid(), ..self.clone() }
    }

    /// Returns the secret that it is known by.
    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Begins a request to an address of the service.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// Looks at an address.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// Posts JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// Looks at what a token leads to.
    pub(crate) async fn inspect(&self, token: &str) -> Answer {
        self.post("/api/v1/links/inspect", &json!({"token": token, "client_id": self.client_id})).await
    }

    /// Joins with some wishes.
    pub(crate) async fn join(&self, token: &str, wishes: Value) -> Answer {
        let mut body = json!({"token": token, "client_id": self.client_id});
        body.as_object_mut().unwrap().extend(wishes.as_object().unwrap().clone());
        self.post("/api/v1/sessions", &body).await
    }

    /// Joins a link that is open.
    pub(crate) async fn enter(&self, link: &Value) -> Chatter {
        let joined = self.join(token_of(link), json!({})).await;
        assert_eq!(joined.status, 201, "{}", joined.text());
        let mut joined = Some(joined);
        // Rows that are behind may not have its beginning: the same client gets the same session again.
        let whole = until("rows that have the session", async || {
            let answer = match joined.take() {
                Some(answer) => answer,
                None => self.join(token_of(link), json!({})).await,
            };
            (!answer.is_stale()).then_some(answer)
        });
        Chatter::of(self.clone(), &whole.await)
    }

    /// Joins a link whose place somebody has just left: it is given back in a moment.
    pub(crate) async fn enter_when_there_is_room(&self, link: &Value) -> Chatter {
        let joined = until("room on the link", async || {
            let joined = self.join(token_of(link), json!({})).await;
            if joined.status == 201 {
                return Some(joined);
            }
            joined.refused(409, "link_full");
            None
        });
        Chatter::of(self.clone(), &joined.await)
    }
}

/// Sends a request and reads the answer.
pub(crate) async fn send(request: reqwest::RequestBuilder) -> Answer {
    soon("an answer over HTTP", async { Answer::read(request.send().await.unwrap()).await }).await
}

/// Cuts the token out of a link's address.
pub(crate) fn token_of(link: &Value) -> &str {
    let (_, token) = link["url"].as_str().unwrap().rsplit_once('/').unwrap();
    token
}
