//! Somebody with a link and a device, who has not joined yet.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

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
        let address = Ipv4Addr::new(127, 1, high, low);
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

/// Guesses what is wrong each time and refused for it, until no other guess is welcome for a while: five at once, and one more for every
/// 20 s that it takes.
pub(crate) async fn held_up(wrong: (u16, &str), mut guess: impl AsyncFnMut() -> Answer) {
    let (began, mut wrong_guesses) = (Instant::now(), 0);
    loop {
        let answer = guess().await;
        if answer.status != 429 {
            answer.refused(wrong.0, wrong.1);
            wrong_guesses += 1;
            continue;
        }
        let wait: u64 = answer.header("retry-after").expect("it says when to come back").parse().unwrap();
        answer.refused(429, "too_many_attempts");
        if wait >= 10 {
            break;
        }
        tokio::time::sleep(Duration::from_secs(wait)).await;
    }
    let most = 5 + began.elapsed().as_secs() / 20;
    assert!((5..=most).contains(&wrong_guesses), "{wrong_guesses} of {most}");
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
