//! What is measured: an agent's calls, and a chatter's POST, one after the other, on one live session with few messages.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use domain::{LinkId, SessionId, Target};
use hdrhistogram::Histogram;
use nats::SessionCredentials;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::fill::Agent;
use crate::clients::{Answer, Caller, Chatter};
use crate::http::Connection;
use crate::{load, sessions};

/// How long one series may take; it is cut short after that, but not below [`FEWEST`].
const LONGEST_SERIES: Duration = Duration::from_secs(10);
/// The fewest calls of a series.
const FEWEST: usize = 5;
/// A session takes one read mark a second: before waits are measured none may be late.
const MARKS_SETTLE: Duration = Duration::from_millis(1_500);
const WAIT: &str = "temp_chat_wait_for_messages";
const SEND: &str = "temp_chat_send_message";

/// The measured times of one operation.
pub(super) struct Series {
    pub(super) operation: &'static str,
    pub(super) micros: Histogram<u64>,
}

/// A link with one live session, and both of its parties.
pub(super) struct LiveChat {
    agent: Agent,
    link: LinkId,
    session: SessionId,
    caller: Caller,
    calls: Connection,
    chatter: Chatter,
    posts: Connection,
    cursor: Value,
    calls_each: usize,
    measured: Vec<Series>,
}

impl LiveChat {
    /// Opens it: two messages and a reply are there and read.
    pub(super) async fn open(
        agent: &Agent,
        caller: &Caller,
        credentials: &SessionCredentials,
        gateway: SocketAddr,
        calls_each: usize,
    ) -> Result<Self> {
        let link = agent.open_link(1).await?;
        let address = sessions::start(&agent.commands, agent.id, link, 0).await?;
        let Target::Session(session) = address.target else { anyhow::bail!("a session was started") };
        let chatter = Chatter::of(credentials, agent.id, session, gateway);
        let mut chat = Self {
            link,
            session,
            calls: caller.connect().await?,
            posts: chatter.connect().await?,
            agent: agent.clone(),
            caller: caller.clone(),
            chatter,
            cursor: Value::Null,
            calls_each,
            measured: Vec::new(),
        };
        chat.post("first", "Hello! Is Friday at ten still free?").await?;
        chat.post("second", "Or at eleven?").await?;
        chat.call(SEND, &json!({"session_id": session, "text": "Ten is free.", "even_if_unread": true})).await?;
        chat.acknowledge_all().await?;
        Ok(chat)
    }

    /// Measures every operation.
    pub(super) async fn measure(mut self) -> Result<Vec<Series>> {
        let (link, session) = (self.link, self.session);
        for (operation, tool, arguments) in [
            ("list_links", "temp_chat_list_links", json!({})),
            ("list_links active", "temp_chat_list_links", json!({"status": "active"})),
            ("list_sessions", "temp_chat_list_sessions", json!({})),
            ("list_sessions active", "temp_chat_list_sessions", json!({"status": "active"})),
            ("list_sessions idle", "temp_chat_list_sessions", json!({"status": "idle"})),
            ("list_sessions ended", "temp_chat_list_sessions", json!({"status": "ended"})),
            ("list_sessions erased", "temp_chat_list_sessions", json!({"status": "erased"})),
            ("list_sessions of the link", "temp_chat_list_sessions", json!({"link_id": link})),
            ("get_link", "temp_chat_get_link", json!({"link_id": link})),
            ("read_messages", "temp_chat_read_messages", json!({"session_id": session})),
            ("get_analytics", "temp_chat_get_analytics", json!({})),
            ("get_analytics of the link", "temp_chat_get_analytics", json!({"link_id": link})),
        ] {
            self.series(operation, async |chat, _| chat.call(tool, &arguments).await.map(drop)).await?;
        }
        for (operation, scope) in [("wait", json!({})), ("wait on the session", json!({"session_id": session}))] {
            self.series(operation, async |chat, _| chat.wait(&scope, None).await.map(drop)).await?;
        }
        for (operation, scope) in
            [("wait with after", json!({})), ("wait on the session with after", json!({"session_id": session}))]
        {
            self.series(operation, async |chat, _| {
                let cursor = chat.cursor.clone();
                // The last cursor of all serves for the session too, but not the other way round.
                let answer = chat.wait(&scope, Some(cursor)).await?;
                if scope.get("session_id").is_none() {
                    chat.cursor = answer.cursor().context("a wait has a cursor")?.clone();
                }
                Ok(())
            })
            .await?;
        }
        self.series("POST message", async |chat, number| chat.post(&format!("measured-{number}"), "And on Monday?").await)
            .await?;
        self.acknowledge_all().await?;
        self.series("send", async |chat, _| {
            chat.call(SEND, &json!({"session_id": session, "text": "Monday is full."})).await.map(drop)
        })
        .await?;
        self.series("send with after", async |chat, _| {
            let arguments = json!({"session_id": session, "text": "Tuesday is free.", "after": chat.cursor});
            chat.call(SEND, &arguments).await.map(drop)
        })
        .await?;
        self.acknowledge_all().await?;
        self.agent.close_link(link).await?;
        Ok(self.measured)
    }

    /// Times one operation, again and again.
    async fn series(&mut self, operation: &'static str, mut call: impl AsyncFnMut(&mut Self, usize) -> Result<()>) -> Result<()> {
        self.reconnect().await?;
        let mut micros = load::histogram();
        let began = Instant::now();
        for number in 0..self.calls_each {
            let at = Instant::now();
            call(self, number).await.with_context(|| format!("{operation} failed"))?;
            micros.saturating_record(u64::try_from(at.elapsed().as_micros()).unwrap_or(u64::MAX));
            if number + 1 >= FEWEST && began.elapsed() > LONGEST_SERIES {
                break;
            }
        }
        self.measured.push(Series { operation, micros });
        Ok(())
    }

    /// Reads all that is new to the agent and acknowledges it, so that nothing is left for the measured waits.
    async fn acknowledge_all(&mut self) -> Result<()> {
        self.reconnect().await?;
        let mut after = None;
        loop {
            let answer = self.wait(&json!({}), after.take()).await?;
            let is_new = answer.content.get("events").and_then(Value::as_array).is_some_and(|events| !events.is_empty());
            self.cursor = answer.cursor().context("a wait has a cursor")?.clone();
            if !is_new {
                break;
            }
            after = Some(self.cursor.clone());
        }
        sleep(MARKS_SETTLE).await;
        let left = self.wait(&json!({}), None).await?;
        ensure!(left.messages().is_empty(), "something is left unacknowledged: {}", left.content);
        Ok(())
    }

    /// Opens new connections: the gateway closes those that are idle for long.
    async fn reconnect(&mut self) -> Result<()> {
        self.calls = self.caller.connect().await?;
        self.posts = self.chatter.connect().await?;
        Ok(())
    }

    async fn wait(&mut self, scope: &Value, after: Option<Value>) -> Result<Answer> {
        let mut arguments = scope.clone();
        if let Some(object) = arguments.as_object_mut() {
            object.insert("timeout_seconds".to_owned(), json!(0));
            object.extend(after.map(|after| ("after".to_owned(), after)));
        }
        self.call(WAIT, &arguments).await
    }

    async fn call(&mut self, tool: &str, arguments: &Value) -> Result<Answer> {
        self.caller.call_on(&mut self.calls, tool, arguments).await
    }

    async fn post(&mut self, id: &str, text: &str) -> Result<()> {
        self.chatter.post_on(&mut self.posts, id, text).await
    }
}
