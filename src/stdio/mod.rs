//! `tempchat stdio`: for hosts that start a command and speak MCP over its standard input and output. Each message goes to the
//! server as one POST, each answer comes back as one line.
//!
//! Nothing is sent twice: a call whose connection breaks is answered with an error that says what to do, because it may have been
//! carried out. Only a connection that could not be made is tried again.

mod line;
mod message;
mod post;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use crate::access::{Access, AccessOptions};
use crate::config::Config;
use crate::system::StopSignals;
use line::{Line, Lines};
use message::{INVALID, Message, OVERLOADED, PARSE, refusal};
use post::Server;

/// How many calls may be under way; the server allows a key fewer waits than that.
const AT_ONCE: usize = 100;
/// How many answers may wait to be written.
const QUEUE: usize = 64;
/// How long calls may still take once the host has closed its end: enough for an answer, not for a wait.
const FINISHES_WITHIN: Duration = Duration::from_secs(2);

/// Bridges until the host closes its end, or a signal comes.
pub(crate) async fn run(config: &Config, options: AccessOptions) -> Result<()> {
    let mut stop = StopSignals::listen()?;
    let access = Access::find(config, options)?;
    let (lines_out, mut outgoing) = mpsc::channel::<String>(QUEUE);
    let mut bridge =
        Bridge { server: Arc::new(Server::new(&access)?), lines_out, calls: JoinSet::new(), running: HashMap::new() };
    let mut lines = Lines::new(BufReader::new(tokio::io::stdin()));
    let mut out = tokio::io::stdout();
    let writing = async {
        while let Some(mut line) = outgoing.recv().await {
            line.push('\n');
            out.write_all(line.as_bytes()).await?;
            out.flush().await?;
        }
        anyhow::Ok(())
    };
    let bridging = async move {
        while let Some(line) = lines.next().await? {
            bridge.take(line).await;
        }
        bridge.finish().await;
        anyhow::Ok(())
    };
    tokio::select! {
        // Writing ends with the last call, or when the host stops reading.
        done = async { tokio::try_join!(bridging, writing) } => done.map(|_| ()),
        _ = stop.next() => Ok(()),
    }
}

/// The calls under way.
struct Bridge {
    server: Arc<Server>,
    lines_out: mpsc::Sender<String>,
    calls: JoinSet<()>,
    /// The requests among them, by their ids as the host writes them.
    running: HashMap<String, AbortHandle>,
}

impl Bridge {
    /// Handles a line from the host.
    async fn take(&mut self, line: Line) {
        while self.calls.try_join_next().is_some() {}
        self.running.retain(|_, call| !call.is_finished());
        let message = match line {
            Line::TooLong => return self.refuse(&Value::Null, INVALID, "The message is longer than any that is accepted.").await,
            Line::Text(text) => Message::parse(&text),
        };
        match message {
            Ok(Message::Request { id, .. }) if self.calls.len() >= AT_ONCE => {
                self.refuse(&id, OVERLOADED, &format!("{AT_ONCE} calls are under way. Wait for one of them, then call again."))
                    .await;
            }
            Ok(message @ (Message::Request { .. } | Message::Notification { .. })) => self.send(message),
            // Dropping the call closes its connection, by which the server knows.
            Ok(Message::Cancelled { id }) => {
                if let Some(call) = self.running.remove(&id.to_string()) {
                    call.abort();
                }
            }
            // The server sends no requests, so no answer is expected.
            Ok(Message::Answer) => {}
            Err(error) => self.refuse(&Value::Null, PARSE, &format!("The line is no message of JSON-RPC: {error}.")).await,
        }
    }

    fn send(&mut self, message: Message) {
        let (server, lines_out) = (Arc::clone(&self.server), self.lines_out.clone());
        let id = message.id().map(ToString::to_string);
        let call = self.calls.spawn(async move { server.carry(&message, &lines_out).await });
        if let Some(id) = id {
            self.running.insert(id, call);
        }
    }

    /// Waits for the calls under way, but not for long: a host that pipes its input wants their answers.
    async fn finish(mut self) {
        let all = async { while self.calls.join_next().await.is_some() {} };
        if timeout(FINISHES_WITHIN, all).await.is_err() {
            tracing::debug!("calls are given up: the host has closed its end");
        }
    }

    async fn refuse(&self, id: &Value, code: i64, message: &str) {
        // If the host has stopped reading, the bridge ends anyway.
        let _sent = self.lines_out.send(refusal(id, code, message)).await;
    }
}
