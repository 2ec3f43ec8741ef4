//! An MCP client whose connections break: it writes and reads the bytes itself, so that it can stop at any of them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::soon;

/// Where a connection breaks. Whatever it was, the client has nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Before the request is sent.
    Before,
    /// Within the request, after this many bytes of a hundred.
    InRequest(usize),
    /// When the request is sent, whatever the service makes of it.
    Sent,
    /// When the service has begun to answer: a call that waits tells its progress at once.
    Waiting,
    /// When the answer has come to this machine, and nobody has read it.
    Unread,
    /// Within the answer, after this many bytes or at its end.
    InAnswer(usize),
}

impl Cut {
    /// Draws one; each point is as likely as any other.
    pub(crate) fn draw(rng: &mut StdRng) -> Self {
        match rng.random_range(0..6) {
            0 => Self::Before,
            1 => Self::InRequest(rng.random_range(1..100)),
            2 => Self::Sent,
            3 => Self::Waiting,
            4 => Self::Unread,
            _ => Self::InAnswer(rng.random_range(1..2_000)),
        }
    }
}

/// A line to the service, from an address that nobody else has: limits count addresses.
#[derive(Debug)]
pub(crate) struct Line {
    service: SocketAddr,
    from: IpAddr,
    key: String,
}

impl Line {
    /// Prepares to call the service at `url` with an API key.
    pub(crate) fn new(url: &str, key: &str) -> Self {
        static BEFORE: AtomicU16 = AtomicU16::new(1);
        let [high, low] = BEFORE.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let service = url.strip_prefix("http://").expect("it listens without TLS").parse().unwrap();
        Self { service, from: Ipv4Addr::new(127, 2, high, low).into(), key: key.to_owned() }
    }

    /// Calls a tool and loses the connection.
    pub(crate) async fn lose(&self, tool: &str, arguments: &Value, cut: Cut) {
        let request = self.request(tool, arguments);
        let mut stream = self.connect().await;
        let written = match cut {
            Cut::Before => 0,
            Cut::InRequest(share) => request.len() * share / 100,
            Cut::Sent | Cut::Waiting | Cut::Unread | Cut::InAnswer(_) => request.len(),
        };
        stream.write_all(&request[..written]).await.unwrap();
        match cut {
            Cut::Before | Cut::InRequest(_) | Cut::Sent => {}
            Cut::Waiting => {
                soon("the first byte of an answer", stream.read_u8()).await.unwrap();
            }
            Cut::Unread => soon("an answer", stream.readable()).await.unwrap(),
            Cut::InAnswer(bytes) => {
                let mut answer = Vec::new();
                let most = u64::try_from(bytes).unwrap();
                soon("some of an answer", stream.take(most).read_to_end(&mut answer)).await.unwrap();
            }
        }
    }

    /// Calls a tool until it succeeds, and reads its structured answer: rows that are behind ask for the same call again.
    pub(crate) async fn call(&self, tool: &str, arguments: &Value) -> Value {
        loop {
            if let Some(answer) = self.try_call(tool, arguments).await {
                return answer;
            }
        }
    }

    async fn try_call(&self, tool: &str, arguments: &Value) -> Option<Value> {
        let mut stream = self.connect().await;
        stream.write_all(&self.request(tool, arguments)).await.unwrap();
        let mut answer = Vec::new();
        soon(tool, stream.read_to_end(&mut answer)).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let message = answer
            .lines()
            .map(|line| line.strip_prefix("data: ").unwrap_or(line))
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find(|message| message["id"] == 1)
            .unwrap_or_else(|| panic!("{tool} {arguments} is not answered: {answer}"));
        let result = &message["result"];
        if result["isError"] == true {
            let told = result["content"][0]["text"].as_str().unwrap();
            assert!(told.starts_with("unavailable: "), "{tool} {arguments}: {message}");
            return None;
        }
        Some(result["structuredContent"].clone())
    }

    async fn connect(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((self.from, 0).into()).unwrap();
        soon("a connection", socket.connect(self.service)).await.unwrap()
    }

    /// Writes a request (2025-11-25) that asks to be told of progress.
    fn request(&self, tool: &str, arguments: &Value) -> Vec<u8> {
        let params = json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": 7}});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
        format!(
            "POST /mcp HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\nmcp-protocol-version: 2025-11-25\r\nconnection: close\r\n\
             accept: application/json, text/event-stream\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.service,
            self.key,
            body.len()
        )
        .into_bytes()
    }
}
