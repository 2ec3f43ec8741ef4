//! `tempchat stdio`: for hosts that start a command and speak MCP over its standard input and output. Each message goes to the
//! server as one POST, each answer comes back as one line.
//!
//! Nothing is sent twice: a call whose connection breaks is answered with an error that says what to do, for nobody knows whether
//! it was carried out. Only a connection that was never made is tried again.

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

use crate::cli::Target;
use crate::clients::Access;
use crate::config::Config;
use crate::system::StopSignals;
use line::{Line, Lines};
use message::{INVALID, Message, OVERLOADED, PARSE, refusal};
use post::Server;

/// How many calls may be under way; the server allows a key fewer waits than that.
const AT_ONCE: usize = 100;
/// How many answers may wait to be written.
const QUEUE: usize = 64;
/// How long calls may still take once the host has closed its end: enough for an answer, and no wait.
const LAST: Duration = Duration::from_secs(2);

/// Bridges until the host closes its end, or a signal comes.
pub(crate) async fn run(config: &Config, target: Target) -> Result<()> {
    let mut stop = StopSignals::listen()?;
    let access = Access::find(config, target)?;
    let (say, mut said) = mpsc::channel::<String>(QUEUE);
    let mut bridge = Bridge { server: Arc::new(Server::new(&access)?), say, calls: JoinSet::new(), running: HashMap::new() };
    let mut lines = Lines::new(BufReader::new(tokio::io::stdin()));
    let mut out = tokio::io::stdout();
    let writing = async {
        while let Some(mut line) = said.recv().await {
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
        // Writing ends with the last call, or because the host reads no more.
        done = async { tokio::try_join!(bridging, writing) } => done.map(|_| ()),
        () = stop.next() => Ok(()),
    }
}

/// The calls under way.
struct Bridge {
    server: Arc<Server>,
    say: mpsc::Sender<String>,
    calls: JoinSet<()>,
    /// The requests among them, by their ids as the host writes them.
    running: HashMap<String, AbortHandle>,
}

impl Bridge {
    /// Takes a line of the host's.
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
            // The request goes with its connection, which is how the server hears of it.
            Ok(Message::Cancelled { id }) => {
                if let Some(call) = self.running.remove(&id.to_string()) {
                    call.abort();
                }
            }
            // The server asks nothing.
            Ok(Message::Answer) => {}
            Err(error) => self.refuse(&Value::Null, PARSE, &format!("The line is no message of JSON-RPC: {error}.")).await,
        }
    }

    fn send(&mut self, message: Message) {
        let (server, say) = (Arc::clone(&self.server), self.say.clone());
        let id = message.id().map(ToString::to_string);
        let call = self.calls.spawn(async move { server.carry(&message, &say).await });
        if let Some(id) = id {
            self.running.insert(id, call);
        }
    }

    /// Lets the calls under way end, as far as that takes no time: a host that is a pipe wants their answers.
    async fn finish(mut self) {
        let all = async { while self.calls.join_next().await.is_some() {} };
        if timeout(LAST, all).await.is_err() {
            tracing::debug!("calls are given up: the host has closed its end");
        }
    }

    async fn refuse(&self, id: &Value, code: i64, told: &str) {
        // A host that reads no more ends the bridge.
        let _said = self.say.send(refusal(id, code, told)).await;
    }
}
