//! Somebody in a session, known by its cookie or bearer token alone.

use http::Method;
use http::header::{AUTHORIZATION, COOKIE};
use serde_json::{Value, json};

use super::{Answer, Stream, Visitor, send, soon, until, uuid};

/// A chatter.
#[derive(Debug, Clone)]
pub(crate) struct Chatter {
    pub(crate) visitor: Visitor,
    /// The session's id.
    pub(crate) session: String,
    /// The answer to joining.
    pub(crate) joined: Value,
    credential: Credential,
}

#[derive(Debug, Clone)]
enum Credential {
    Cookie(String),
    Bearer(String),
}

impl Chatter {
    /// Takes the credential out of the answer to joining.
    pub(crate) fn of(visitor: Visitor, joined: &Answer) -> Self {
        let cookie = joined.header("set-cookie").map(|cookie| cookie.split(';').next().unwrap().to_owned());
        let joined: Value = serde_json::from_slice(&joined.body).unwrap();
        let credential = match cookie {
            Some(cookie) => Credential::Cookie(cookie),
            None => Credential::Bearer(joined["session_token"].as_str().unwrap().to_owned()),
        };
        Self { visitor, session: joined["session"]["id"].as_str().unwrap().to_owned(), joined, credential }
    }

    /// Goes on by another gateway of the same installation.
    pub(crate) fn at(&self, url: &str) -> Self {
        Self { visitor: self.visitor.at(url), ..self.clone() }
    }

    /// Tries another session with the credential of its own.
    pub(crate) fn trying(&self, session: &str) -> Self {
        Self { session: session.to_owned(), ..self.clone() }
    }

    /// Returns what proves who it is.
    pub(crate) fn secret(&self) -> &str {
        match &self.credential {
            Credential::Cookie(cookie) => cookie.split_once('=').unwrap().1,
            Credential::Bearer(token) => token,
        }
    }

    /// Begins a request about the session; `path` is what follows its address.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.visitor.request(method, &format!("/api/v1/sessions/{}{path}", self.session));
        match &self.credential {
            Credential::Cookie(cookie) => request.header(COOKIE, cookie),
            Credential::Bearer(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
        }
    }

    /// Reads something of the session; an answer from rows that are behind is asked for again, as it says.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        until(path, async || Some(send(self.request(Method::GET, path)).await).filter(|answer| !answer.is_stale())).await
    }

    /// Posts to the session.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// Erases the session.
    pub(crate) async fn erase(&self) -> Answer {
        send(self.request(Method::DELETE, "")).await
    }

    /// Looks at the session.
    pub(crate) async fn look(&self) -> Value {
        self.get("").await.expect(200)["session"].clone()
    }

    /// Says something new, and returns its event.
    pub(crate) async fn say(&self, text: &str) -> Value {
        self.post("/messages", &json!({"client_message_id": uuid(), "text": text})).await.expect(201)["event"].clone()
    }

    /// Reads the words of the session so far, with who said them.
    pub(crate) async fn words(&self) -> Vec<(String, String)> {
        let page = self.get("/messages?limit=100").await.expect(200);
        assert_eq!(page["has_more"], false);
        words_of(page["events"].as_array().unwrap())
    }

    /// Follows the session, from the beginning or from after an event.
    pub(crate) async fn follow(&self, last_event_id: Option<&str>) -> Stream {
        let mut request = self.request(Method::GET, "/events");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        Stream::new(soon("a stream", request.send()).await.unwrap())
    }
}

/// Picks who said what out of events.
pub(crate) fn words_of(events: &[Value]) -> Vec<(String, String)> {
    let word = |event: &Value| {
        let data = &event["data"];
        (data["from"].as_str().unwrap().to_owned(), data["text"].as_str().unwrap().to_owned())
    };
    events.iter().filter(|event| event["type"] == "message").map(word).collect()
}
