//! An agent: an ordinary MCP client.

use std::collections::{HashMap, HashSet};

use jsonschema::Validator;
use rmcp::model::{CallToolRequestParams, CallToolResult, ProtocolVersion, Tool};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt, Peer, RoleClient, RunningService};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{IntoTransport, StreamableHttpClientTransport};
use serde_json::{Value, json};

use super::{soon, until};

/// How long a wait may take, in seconds: longer than anything that is waited for here.
const WAITS: u32 = 40;

/// An agent with its key.
#[derive(Debug)]
pub(crate) struct Agent {
    client: RunningService<RoleClient, ()>,
    /// What each tool says that it answers.
    schemas: HashMap<String, Validator>,
    /// The tools that change nothing when they are called once more.
    looks: HashSet<String>,
    key: String,
}

impl Agent {
    /// Connects with a key.
    pub(crate) async fn connect(url: &str, key: &str) -> Self {
        Self::connect_as(url, key, ClientLifecycleMode::Initialize).await
    }

    /// Connects with a key, as a client of 2026-07-28 does: without a handshake.
    pub(crate) async fn connect_modern(url: &str, key: &str) -> Self {
        let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
        Self::connect_as(url, key, ClientLifecycleMode::Discover { preferred_versions }).await
    }

    async fn connect_as(url: &str, key: &str, era: ClientLifecycleMode) -> Self {
        let config = StreamableHttpClientTransportConfig::with_uri(format!("{url}/mcp")).auth_header(key);
        Self::over(StreamableHttpClientTransport::from_config(config), key, era).await
    }

    /// Connects over any transport that brings the key along.
    pub(crate) async fn over<T, E, A>(transport: T, key: &str, era: ClientLifecycleMode) -> Self
    where
        T: IntoTransport<RoleClient, E, A>,
        E: std::error::Error + Send + Sync + 'static,
    {
        let client = soon("a connection over MCP", ().serve_with_lifecycle(transport, era)).await.unwrap();
        let tools = soon("the list of tools", client.list_all_tools()).await.unwrap();
        let is_look = |tool: &&Tool| {
            let reads = tool.annotations.as_ref().and_then(|hints| hints.read_only_hint) == Some(true);
            reads || tool.name == "temp_chat_wait_for_messages"
        };
        let looks = tools.iter().filter(is_look).map(|tool| tool.name.to_string()).collect();
        let schema = |schema| jsonschema::validator_for(&Value::Object(schema)).unwrap();
        let schemas = tools.into_iter().map(|tool| {
            let shape = tool.output_schema.unwrap_or_else(|| panic!("{} does not say what it answers", tool.name));
            (tool.name.into_owned(), schema(shape.as_ref().clone()))
        });
        Self { schemas: schemas.collect(), looks, client, key: key.to_owned() }
    }

    /// Returns the client itself.
    pub(crate) fn client(&self) -> &Peer<RoleClient> {
        self.client.peer()
    }

    /// Returns its API key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Returns its id, as the log names it.
    pub(crate) fn id(&self) -> String {
        format!("agt_{}", self.key.split('_').nth(2).expect("a key names its agent"))
    }

    /// Lists the tools.
    pub(crate) async fn tools(&self) -> Vec<Tool> {
        soon("the tools", self.client.list_all_tools()).await.unwrap()
    }

    /// Calls a tool, whatever it answers.
    pub(crate) async fn call(&self, tool: &'static str, arguments: Value) -> CallToolResult {
        self.call_named(tool, arguments).await
    }

    /// Calls a tool that was listed, whatever it answers; where rows are behind, it looks again, as the answer says.
    pub(crate) async fn call_named(&self, tool: &str, arguments: Value) -> CallToolResult {
        let mut request = CallToolRequestParams::new(tool.to_owned());
        request.arguments = Some(serde_json::from_value(arguments).unwrap());
        let answered = async {
            loop {
                let result = self.client.call_tool(request.clone()).await;
                let result = result.unwrap_or_else(|error| panic!("{tool} is no answer: {error}"));
                // The service has waited for its rows before it says so.
                if !self.looks.contains(tool) || !is_behind(&result) {
                    return result;
                }
            }
        };
        soon(tool, answered).await
    }

    /// Calls a tool that succeeds, and reads its structured answer.
    pub(crate) async fn ask(&self, tool: &'static str, arguments: Value) -> Value {
        let result = self.call(tool, arguments.clone()).await;
        assert_ne!(result.is_error, Some(true), "{tool} {arguments}: {}", text_of(&result));
        let content = result.structured_content.unwrap_or_else(|| panic!("{tool} answers without structure"));
        assert!(content["now"].is_string(), "{tool} does not say when it is: {content}");
        if let Err(error) = self.schemas[tool].validate(&content) {
            panic!("{tool} answers with something else than its schema says: {error}: {content}");
        }
        content
    }

    /// Calls a tool that says no, and reads why: `code: what happened. The next call.`
    pub(crate) async fn is_refused(&self, tool: &'static str, arguments: Value) -> String {
        let result = self.call(tool, arguments.clone()).await;
        assert_eq!(result.is_error, Some(true), "{tool} {arguments}: {}", text_of(&result));
        assert_eq!(result.structured_content, None);
        text_of(&result)
    }

    /// Makes a link with a title and some settings.
    pub(crate) async fn link(&self, settings: Value) -> Value {
        let mut arguments = json!({"title": "A few questions"});
        arguments.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        self.ask("temp_chat_create_link", arguments).await
    }

    /// Changes a link.
    pub(crate) async fn update(&self, link: &Value, settings: Value) -> Value {
        let mut arguments = json!({"link_id": link["link_id"]});
        arguments.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        self.ask("temp_chat_update_link", arguments).await
    }

    /// Waits for what comes on a link after a cursor.
    pub(crate) async fn wait(&self, link: &Value, after: Option<&Value>) -> Value {
        let mut arguments = json!({"link_id": link["link_id"]});
        if let Some(after) = after {
            arguments["after"] = after.clone();
        }
        self.hear(arguments).await
    }

    /// Waits for what comes where the arguments of a wait say; that nothing came in its time is no answer.
    pub(crate) async fn hear(&self, mut arguments: Value) -> Value {
        // Somebody who came and was greeted wakes nobody; a look tells of them.
        arguments["timeout_seconds"] = json!(0);
        let there = self.ask("temp_chat_wait_for_messages", arguments.clone()).await;
        if there["events"] != json!([]) {
            return there;
        }
        arguments["timeout_seconds"] = json!(WAITS);
        let heard = until("something to hear", async || {
            let heard = self.ask("temp_chat_wait_for_messages", arguments.clone()).await;
            (heard["timed_out"] == false).then_some(heard)
        });
        heard.await
    }

    /// Waits on a link until some words are among what was heard, and returns the answer that has them.
    pub(crate) async fn hears(&self, link: &Value, words: &str) -> Value {
        let mut heard = self.wait(link, None).await;
        while !heard["events"].to_string().contains(words) {
            heard = self.wait(link, Some(&heard["next_cursor"])).await;
        }
        heard
    }

    /// Waits until the rows have all that was done here before: lists of resources and completions do not say where they are behind.
    pub(crate) async fn catches_up(&self) {
        self.ask("temp_chat_list_links", json!({"limit": 1})).await;
    }

    /// Says something in a session, whatever the person has said meanwhile: for stories of something else.
    pub(crate) async fn say(&self, session: &str, text: &str) -> Value {
        let message = json!({"session_id": session, "text": text, "even_if_unread": true});
        let sent = self.ask("temp_chat_send_message", message).await;
        assert!(sent["sent"]["event_id"].is_string(), "{sent}");
        sent
    }
}

/// Tells whether a result comes from rows that are behind, or says that it cannot be given for the moment.
fn is_behind(result: &CallToolResult) -> bool {
    match &result.structured_content {
        Some(content) => content["stale"] == true,
        None => result.is_error == Some(true) && text_of(result).starts_with("unavailable: "),
    }
}

/// Makes arguments that a tool takes: everything it requires, and those of the ids that it knows.
pub(crate) fn arguments_of(tool: &Tool, link: &Value, session: &Value) -> Value {
    let schema = &tool.input_schema;
    let mut arguments = json!({});
    for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        arguments[name] = match schema["properties"][name]["type"].as_str() {
            Some("array") => json!([{"key": "a", "label": "A", "type": "text"}]),
            _ => json!("x"),
        };
    }
    for (name, id) in [("link_id", link), ("session_id", session)] {
        if schema["properties"].get(name).is_some() {
            arguments[name] = id.clone();
        }
    }
    if schema["properties"].get("timeout_seconds").is_some() {
        arguments["timeout_seconds"] = json!(0);
    }
    arguments
}

/// Reads the text of a result.
pub(crate) fn text_of(result: &CallToolResult) -> String {
    result.content.iter().filter_map(|part| part.as_text()).map(|text| text.text.as_str()).collect()
}
