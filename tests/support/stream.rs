//! A stream of events, read as a browser does.

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde_json::Value;
use sse_stream::{Sse, SseByteStream};

use super::soon;

/// An open stream.
pub(crate) struct Stream {
    blocks: BoxStream<'static, Sse>,
    last_id: Option<String>,
    refusal: Option<Value>,
}

impl Stream {
    /// Reads the body of an answer.
    pub(crate) fn new(response: reqwest::Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"].to_str().unwrap().split(';').next(), Some("text/event-stream"));
        let blocks = SseByteStream::new(response.bytes_stream());
        // A server that was killed ends a stream in the middle: for the reader that is an end like any other.
        Self {
            blocks: blocks.take_while(|block| std::future::ready(block.is_ok())).map(Result::unwrap).boxed(),
            last_id: None,
            refusal: None,
        }
    }

    /// Returns the id from which to resume.
    pub(crate) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// Returns why the service ended it, where it said so.
    pub(crate) fn refusal(&self) -> Option<&Value> {
        self.refusal.as_ref()
    }

    /// Waits for the first id: from then on nothing can be missed.
    pub(crate) async fn begins(&mut self) {
        while self.last_id.is_none() {
            self.block().await.expect("a stream begins with an id");
        }
    }

    /// Waits for the next durable event; none at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        while let Some(block) = self.block().await {
            let (Some(kind), Some(data)) = (block.event, block.data) else { continue };
            if ["typing", "presence"].contains(&kind.as_str()) {
                assert_eq!(block.id, None, "what is fleeting has no place");
                continue;
            }
            let event: Value = serde_json::from_str(&data).unwrap();
            if kind == "refused" {
                self.refusal = Some(event);
                continue;
            }
            assert_eq!(event["type"], kind.as_str());
            assert_eq!(event["cursor"].as_str(), block.id.as_deref());
            return Some(event);
        }
        None
    }

    /// Waits for an event of a type, past others.
    pub(crate) async fn find(&mut self, kind: &str) -> Value {
        loop {
            let event = self.next().await.unwrap_or_else(|| panic!("the stream ended before a {kind}"));
            if event["type"] == kind {
                return event;
            }
        }
    }

    /// Waits for so many messages, and returns their words.
    pub(crate) async fn words(&mut self, count: usize) -> Vec<String> {
        let mut words = Vec::new();
        while words.len() < count {
            words.push(self.find("message").await["data"]["text"].as_str().unwrap().to_owned());
        }
        words
    }

    /// Reads to the end of the stream, and returns the types of what came.
    pub(crate) async fn rest(&mut self) -> Vec<String> {
        let mut kinds = Vec::new();
        while let Some(event) = self.next().await {
            kinds.push(event["type"].as_str().unwrap().to_owned());
        }
        kinds
    }

    async fn block(&mut self) -> Option<Sse> {
        let block = soon("an event", self.blocks.next()).await?;
        if block.id.is_some() {
            self.last_id.clone_from(&block.id);
        }
        Some(block)
    }
}
