//! Agents that call tools and chatters that write, over plain connections.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context, Result, bail};
use command_service::{Commands, NewKey};
use domain::{AgentId, KeyId, SessionId};
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;
use nats::{Carrier, SessionCredentials};
use serde_json::{Value, json};

use crate::http::Connection;
use crate::sessions::DEVICE;

/// An agent's key, and the address from which it calls: limits count addresses.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The key's id.
    pub(crate) key: KeyId,
    gateway: SocketAddr,
    from: IpAddr,
    secret: String,
}

impl Caller {
    pub(crate) async fn of(commands: &Commands, agent: AgentId, gateway: SocketAddr) -> Result<Self> {
        static BEFORE: AtomicU16 = AtomicU16::new(1);
        let [high, low] = BEFORE.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let NewKey { key, text, .. } = commands.issue_key(agent, "bench", domain::agent::Grant::default()).await?;
        Ok(Self { key, gateway, from: Ipv4Addr::new(127, 3, high, low).into(), secret: text })
    }

    /// Opens a connection for calls.
    pub(crate) async fn connect(&self) -> Result<Connection> {
        Connection::open_from(Some(self.from), self.gateway).await
    }

    /// Calls a tool on a connection of its own, and reads the answer.
    pub(crate) async fn call(&self, tool: &str, arguments: &Value) -> Result<Answer> {
        self.begin(tool, arguments).await?.answer().await
    }

    /// Calls a tool on a connection that is kept, and reads the answer.
    pub(crate) async fn call_on(&self, connection: &mut Connection, tool: &str, arguments: &Value) -> Result<Answer> {
        let response = connection.call("/mcp", &self.secret, request(tool, arguments)).await?;
        Answer::read(&response.into_body().collect().await?.to_bytes())
    }

    /// Calls a tool, up to the first byte of the answer: a call that waits says at once that it does.
    pub(crate) async fn begin(&self, tool: &str, arguments: &Value) -> Result<Pending> {
        let mut connection = self.connect().await?;
        let mut response = connection.call("/mcp", &self.secret, request(tool, arguments)).await?;
        let first = response.body_mut().frame().await.context("an answer has a first byte")??;
        let text = first.into_data().map(|bytes| bytes.to_vec()).unwrap_or_default();
        Ok(Pending { _connection: connection, response, text })
    }
}

/// Writes the JSON-RPC request that calls a tool.
fn request(tool: &str, arguments: &Value) -> String {
    let params = json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": 1}});
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string()
}

/// A call under way.
pub(crate) struct Pending {
    _connection: Connection,
    response: Response<Incoming>,
    text: Vec<u8>,
}

impl Pending {
    /// Reads the answer of a call that succeeds.
    pub(crate) async fn answer(self) -> Result<Answer> {
        let Self { _connection, response, mut text } = self;
        text.extend_from_slice(&response.into_body().collect().await?.to_bytes());
        Answer::read(&text)
    }
}

/// What a tool answered.
pub(crate) struct Answer {
    pub(crate) content: Value,
    /// What a model reads of it.
    pub(crate) text: String,
}

impl Answer {
    /// Reads a response's body: JSON, or an event stream that ends with the answer.
    fn read(body: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(body)?;
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
        Ok(Self { content: result.get("structuredContent").cloned().context("a result has a structure")?, text })
    }

    pub(crate) fn cursor(&self) -> Option<&Value> {
        self.content.get("next_cursor")
    }

    /// Returns the texts of the messages in it.
    pub(crate) fn messages(&self) -> Vec<&str> {
        let events = self.content.get("events").and_then(Value::as_array);
        events.into_iter().flatten().filter_map(|event| event.pointer("/data/text")?.as_str()).collect()
    }
}

/// A chatter in a session.
pub(crate) struct Chatter {
    gateway: SocketAddr,
    path: String,
    credential: String,
}

impl Chatter {
    pub(crate) fn of(credentials: &SessionCredentials, agent: AgentId, session: SessionId, gateway: SocketAddr) -> Self {
        let credential = credentials.issue(Carrier::Bearer, agent, session, DEVICE);
        Self { gateway, path: format!("/api/v1/sessions/{session}/messages"), credential }
    }

    /// Opens a connection for messages.
    pub(crate) async fn connect(&self) -> Result<Connection> {
        Connection::open(self.gateway).await
    }

    /// Posts a message on a connection of its own: one that is idle for long is closed.
    pub(crate) async fn post(&self, id: &str, text: &str) -> Result<()> {
        self.post_on(&mut self.connect().await?, id, text).await
    }

    /// Posts a message on a connection that is kept.
    pub(crate) async fn post_on(&self, connection: &mut Connection, id: &str, text: &str) -> Result<()> {
        let body = json!({"client_message_id": id, "text": text}).to_string();
        connection.post(&self.path, &self.credential, body).await
    }
}
