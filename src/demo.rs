//! The demo agent: an ordinary MCP client of this server with simple answers, so that a newcomer can try a chat.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rmcp::ServiceExt;
use rmcp::model::{CallToolRequestParams, JsonObject};
use rmcp::service::{RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use url::Url;

/// The demo agent's name.
pub(crate) const NAME: &str = "Demo";
/// How long one call waits for a person, in seconds.
const WAIT_SECONDS: u32 = 25;
/// How long an answer may take when the service stops.
const STOPS_WITHIN: Duration = Duration::from_secs(5);
/// The pause after a call that failed.
const PAUSE: Duration = Duration::from_secs(2);

/// A running demo agent.
pub(crate) struct Demo {
    url: String,
    stop: CancellationToken,
    work: JoinHandle<()>,
}

/// What the demo agent reads of a link.
#[derive(Debug, Deserialize)]
struct Link {
    url: String,
}

/// What the demo agent reads of a list of links.
#[derive(Debug, Deserialize)]
struct Links {
    items: Vec<Link>,
}

/// What the demo agent reads of a wait's result.
#[derive(Debug, Deserialize)]
struct Waited {
    events: Vec<Event>,
    next_cursor: String,
}

/// What the demo agent reads of an event.
#[derive(Debug, Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    session_id: Option<String>,
    #[serde(default)]
    data: Message,
}

#[derive(Debug, Default, Deserialize)]
struct Message {
    from: Option<String>,
    text: Option<String>,
}

impl Demo {
    /// Makes a link, or finds the one of an earlier start, and begins to answer on it.
    pub(crate) async fn start(server: &Url, key: &str) -> Result<Self> {
        let agent = Agent::connect(server, key).await?;
        let url = agent.link().await?;
        let stop = CancellationToken::new();
        let work = tokio::spawn(agent.work(stop.clone()));
        Ok(Self { url, stop, work })
    }

    /// Where to chat with the demo agent.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Stops the demo agent when it has the answer to its present call, which a service that stops gives at once.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let abort = self.work.abort_handle();
        match timeout(STOPS_WITHIN, self.work).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => tracing::warn!("the demo agent broke down"),
            Err(_) => abort.abort(),
        }
    }
}

struct Agent {
    client: RunningService<RoleClient, ()>,
}

impl Agent {
    async fn connect(server: &Url, key: &str) -> Result<Self> {
        let config = StreamableHttpClientTransportConfig::with_uri(server.join("mcp")?.as_str()).auth_header(key);
        // The server is on the same machine: no proxy, and no system certificates, which may be missing.
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build()?;
        let transport = StreamableHttpClientTransport::with_client(http, config);
        Ok(Self { client: ().serve(transport).await.context("the MCP endpoint does not answer")? })
    }

    /// Calls a tool and reads its structured answer.
    async fn call<T: for<'de> Deserialize<'de>>(&self, tool: &'static str, arguments: Value) -> Result<T> {
        let arguments: JsonObject = serde_json::from_value(arguments)?;
        let mut request = CallToolRequestParams::new(tool);
        request.arguments = Some(arguments);
        let result = self.client.call_tool(request).await?;
        match result.structured_content {
            Some(content) if result.is_error != Some(true) => Ok(serde_json::from_value(content)?),
            _ => bail!(
                "{tool}: {}",
                result.content.first().and_then(|part| part.as_text()).map_or("no text", |text| text.text.as_str())
            ),
        }
    }

    async fn link(&self) -> Result<String> {
        let known: Links = self.call("temp_chat_list_links", json!({"status": "active", "limit": 1})).await?;
        if let Some(link) = known.items.into_iter().next() {
            return Ok(link.url);
        }
        let link: Link = self
            .call(
                "temp_chat_create_link",
                json!({
                    "title": "Meet the demo agent",
                    "description": "A small program that answers, so that you can see how a chat feels.",
                    "welcome_message": "Hello! I am the demo agent: a small program behind this page, connected through MCP. \
                        Write anything. Try \"help\", or \"bye\" to see how a chat ends.",
                    "purpose": "Shows newcomers how a temporary chat works.",
                    "expires_in_minutes": 1440,
                    "max_sessions_at_once": 10,
                }),
            )
            .await?;
        Ok(link.url)
    }

    /// Answers all messages, until told to stop.
    async fn work(self, stop: CancellationToken) {
        let mut turns = HashMap::new();
        let mut after: Option<String> = None;
        while !stop.is_cancelled() {
            match self.turn(after.clone(), &mut turns).await {
                Ok(cursor) => after = Some(cursor),
                Err(_) if stop.is_cancelled() => break,
                Err(error) => {
                    tracing::warn!(%error, "the demo agent takes a break");
                    tokio::select! { () = stop.cancelled() => break, () = tokio::time::sleep(PAUSE) => {} }
                }
            }
        }
        if let Err(error) = self.client.cancel().await {
            tracing::debug!(%error, "the demo agent's connection was closed already");
        }
    }

    /// Waits for messages and answers each.
    async fn turn(&self, after: Option<String>, turns: &mut HashMap<String, usize>) -> Result<String> {
        let arguments = match after {
            Some(after) => json!({"timeout_seconds": WAIT_SECONDS, "after": after}),
            None => json!({"timeout_seconds": WAIT_SECONDS}),
        };
        let waited: Waited = self.call("temp_chat_wait_for_messages", arguments).await?;
        for event in waited.events {
            let (Some(session), "message", Some("chatter")) = (event.session_id, event.kind.as_str(), event.data.from.as_deref())
            else {
                continue;
            };
            let turn = turns.entry(session.clone()).and_modify(|turn| *turn += 1).or_insert(0);
            let words = event.data.text.as_deref().unwrap_or_default();
            match answer(words, *turn) {
                // Where the person has written again meanwhile, both are held: the next turn has those words, and answers them.
                Answer::Say(text) => {
                    let send = json!({"session_id": session, "text": text, "after": waited.next_cursor});
                    let _: Value = self.call("temp_chat_send_message", send).await?;
                }
                Answer::End(farewell) => {
                    let end = json!({"session_id": session, "farewell": farewell, "after": waited.next_cursor});
                    let ended: Value = self.call("temp_chat_end_session", end).await?;
                    if ended.get("held").is_none() {
                        turns.remove(&session);
                    }
                }
            }
        }
        Ok(waited.next_cursor)
    }
}

enum Answer {
    Say(String),
    End(&'static str),
}

/// Chooses an answer. A chatter's text is only counted, never obeyed.
fn answer(words: &str, turn: usize) -> Answer {
    let plain = words.trim().trim_end_matches(['!', '.', '?']).to_lowercase();
    match plain.as_str() {
        "bye" | "goodbye" | "exit" | "quit" => {
            Answer::End("Goodbye! This chat is over now; what was said is erased after a while, for good.")
        }
        "help" => Answer::Say(
            "I understand:\n\n- **help**: this list\n- **bye**: ends the chat\n- anything else: I tell you what I noticed\n\n\
             Close this page and open the link again: the chat is still here."
                .to_owned(),
        ),
        "hello" | "hi" | "hey" => Answer::Say("Hello to you too! What brings you here?".to_owned()),
        _ => {
            let count = words.split_whitespace().count();
            let noun = if count == 1 { "word" } else { "words" };
            let more = [
                "Your message went through the event log and back to this page in real time.",
                "Try reloading the page, or switching your phone to flight mode for a moment: nothing gets lost.",
                "A real agent would say something clever here. I only count.",
            ];
            let remark = more.get(turn % more.len()).copied().unwrap_or_default();
            Answer::Say(format!("That was {count} {noun}. {remark}"))
        }
    }
}
