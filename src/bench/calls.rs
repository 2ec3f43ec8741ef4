//! Agents that call tools and chatters that write, over plain connections.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context, Result, bail};
use command_service::Commands;
use domain::{AgentId, SessionId};
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;
use nats::{Carrier, SessionCredentials};
use serde_json::{Value, json};

use super::chats::DEVICE;
use super::http::Connection;

/// An agent's key, and the address from which it calls: limits count addresses.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    gateway: SocketAddr,
    from: IpAddr,
    key: String,
}

impl Caller {
    pub(super) async fn of(commands: &Commands, agent: AgentId, gateway: SocketAddr) -> Result<Self> {
        static BEFORE: AtomicU16 = AtomicU16::new(1);
        let [high, low] = BEFORE.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let key = commands.issue_key(agent, "bench", domain::agent::Grant::default()).await?.text;
        Ok(Self { gateway, from: Ipv4Addr::new(127, 3, high, low).into(), key })
    }

    /// Calls a tool on a connection of its own, and reads the answer.
    pub(super) async fn call(&self, tool: &str, arguments: &Value) -> Result<Answer> {
        self.begin(tool, arguments).await?.answer().await
    }

    /// Calls a tool, up to the first byte of the answer: a call that waits says at once that it does.
    pub(super) async fn begin(&self, tool: &str, arguments: &Value) -> Result<Pending> {
        let mut connection = Connection::open_from(Some(self.from), self.gateway).await?;
        let params = json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": 1}});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
        let mut response = connection.call("/mcp", &self.key, body).await?;
        let first = response.body_mut().frame().await.context("an answer has a first byte")??;
        let text = first.into_data().map(|bytes| bytes.to_vec()).unwrap_or_default();
        Ok(Pending { _connection: connection, response, text })
    }
}

/// A call under way.
pub(super) struct Pending {
    _connection: Connection,
    response: Response<Incoming>,
    text: Vec<u8>,
}

impl Pending {
    /// Reads the answer of a call that succeeds.
    pub(super) async fn answer(self) -> Result<Answer> {
        let Self { _connection, response, mut text } = self;
        text.extend_from_slice(&response.into_body().collect().await?.to_bytes());
        let text = String::from_utf8(text)?;
        let message = text
            .lines()
            .map(|line| line.strip_prefix("data: ").unwrap_or(line))
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find(|message| message.get("id") == Some(&json!(1)))
            .with_context(|| format!("a call has an answer, not {text}"))?;
        let result = message.get("result").with_context(|| format!("a call has a result, not {message}"))?;
        let text = result.pointer("/content/0/text").and_then(Value::as_str).context("a result has a text")?.to_owned();
        if result.get("isError") == Some(&json!(true)) {
            bail!("a call was refused: {text}");
        }
        Ok(Answer { content: result.get("structuredContent").cloned().context("a result has a structure")?, text })
    }
}

/// What a tool answered.
pub(super) struct Answer {
    pub(super) content: Value,
    /// What a model reads of it.
    pub(super) text: String,
}

impl Answer {
    pub(super) fn cursor(&self) -> Option<&Value> {
        self.content.get("next_cursor")
    }

    /// Returns the texts of the messages in it.
    pub(super) fn messages(&self) -> Vec<&str> {
        let events = self.content.get("events").and_then(Value::as_array);
        events.into_iter().flatten().filter_map(|event| event.pointer("/data/text")?.as_str()).collect()
    }
}

/// Somebody in a session; on a connection of its own for each message, for one that is silent is closed.
pub(super) struct Chatter {
    gateway: SocketAddr,
    path: String,
    credential: String,
}

impl Chatter {
    pub(super) fn of(credentials: &SessionCredentials, agent: AgentId, session: SessionId, gateway: SocketAddr) -> Self {
        let credential = credentials.issue(Carrier::Bearer, agent, session, DEVICE);
        Self { gateway, path: format!("/api/v1/sessions/{session}/messages"), credential }
    }

    pub(super) async fn say(&self, id: &str, text: &str) -> Result<()> {
        let body = json!({"client_message_id": id, "text": text}).to_string();
        Connection::open(self.gateway).await?.post(&self.path, &self.credential, body).await
    }
}
