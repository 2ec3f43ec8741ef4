//! A client of the protocol's version 2026-07-28 that writes its requests itself: what stands on the wire is what is told.

use http::Method;
use serde_json::{Value, json};

use super::{Answer, Visitor, send};

/// What a client says that it can do.
const TASKS: &str = "io.modelcontextprotocol/tasks";

/// A client with a key.
#[derive(Debug, Clone)]
pub(crate) struct Modern {
    visitor: Visitor,
    key: String,
    speaks_tasks: bool,
}

impl Modern {
    /// Makes a client that speaks tasks.
    pub(crate) fn with_tasks(url: &str, key: &str) -> Self {
        Self { visitor: Visitor::new(url), key: key.to_owned(), speaks_tasks: true }
    }

    /// Makes the same client without the extension.
    pub(crate) fn without_tasks(&self) -> Self {
        Self { speaks_tasks: false, ..self.clone() }
    }

    /// Comes by another gateway of the same installation.
    pub(crate) fn at(&self, url: &str) -> Self {
        Self { visitor: self.visitor.at(url), ..self.clone() }
    }

    /// Sends a request, and returns the whole answer of HTTP.
    pub(crate) async fn post(&self, method: &str, mut params: Value) -> Answer {
        let extensions = if self.speaks_tasks { json!({TASKS: {}}) } else { json!({}) };
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "story", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {"extensions": extensions},
        });
        let name = ["name", "taskId"].into_iter().find_map(|name| params[name].as_str()).map(str::to_owned);
        let mut request = self.visitor.request(Method::POST, "/mcp").bearer_auth(&self.key);
        request = request.header("accept", "application/json, text/event-stream");
        request = request.header("mcp-protocol-version", "2026-07-28").header("mcp-method", method);
        if let Some(name) = name {
            request = request.header("mcp-name", name);
        }
        send(request.json(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))).await
    }

    /// Sends a request that succeeds, and returns its result.
    pub(crate) async fn result(&self, method: &str, params: Value) -> Value {
        let answer = self.post(method, params).await.expect(200);
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Sends a request that is an error of the protocol, and returns that.
    pub(crate) async fn error(&self, method: &str, params: Value) -> Value {
        let answer = self.post(method, params).await;
        let told: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("{method}: {}", answer.text()));
        assert!(told["error"].is_object(), "{method}: {told}");
        told["error"].clone()
    }

    /// Calls a tool, whatever its result is.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        self.result("tools/call", json!({"name": tool, "arguments": arguments})).await
    }

    /// Calls a tool that becomes a task, and returns that.
    pub(crate) async fn begins(&self, tool: &str, arguments: Value) -> Value {
        let task = self.call(tool, arguments).await;
        assert_eq!((&task["resultType"], &task["status"]), (&json!("task"), &json!("working")), "{task}");
        task
    }

    /// Asks what became of a task.
    pub(crate) async fn looks(&self, task: &Value) -> Value {
        self.result("tasks/get", json!({"taskId": task["taskId"]})).await
    }
}
