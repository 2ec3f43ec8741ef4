//! Agents on other people's MCP clients, in both eras of the protocol. (All other stories are told with rmcp's client.)

use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;
use tokio::time::sleep;

use super::support::{Installation, Run, inspector, node_client, python_client};

/// The current version of the protocol.
const MODERN: &str = "2026-07-28";
/// What clients call everything before it.
const LEGACY: &str = "legacy";

/// Chats with an agent that makes a link, waits, and answers; the person takes a while.
async fn chats(client: fn(&str, &str, &str) -> Command, era: &str, thinks: Duration) {
    let installation = Installation::shared();
    let mut agent = Run::start(client(&format!("{}/mcp", installation.url()), installation.key(), era));
    let link = agent.line().await;
    let chatter = installation.visitor().enter(&link).await;
    sleep(thinks).await;
    chatter.say("Here I am").await;
    let heard = agent.line().await;
    let words = |event: &Value| event["data"]["text"] == "Here I am" && event["data"]["untrusted"] == true;
    assert!(heard["events"].as_array().unwrap().iter().any(words), "{heard}");
    let sent = agent.line().await;
    assert_eq!(sent["sent"]["replayed"], false, "{sent}");
    assert!(chatter.words().await.contains(&("agent".to_owned(), "Thank you!".to_owned())));
    let ended = agent.end().await;
    assert!(ended.succeeded, "{}", ended.stderr);
}

#[tokio::test]
async fn an_agent_on_the_typescript_client_chats() {
    chats(node_client, MODERN, Duration::ZERO).await;
    chats(node_client, LEGACY, Duration::ZERO).await;
}

#[tokio::test]
async fn an_agent_on_the_python_client_chats() {
    chats(python_client, MODERN, Duration::ZERO).await;
    chats(python_client, LEGACY, Duration::ZERO).await;
}

#[tokio::test]
async fn an_answer_that_takes_long_is_read_with_the_blanks_before_it() {
    let long = Duration::from_secs(22);
    tokio::join!(
        chats(node_client, MODERN, long),
        chats(node_client, LEGACY, long),
        chats(python_client, MODERN, long),
        chats(python_client, LEGACY, long)
    );
}

/// Asks through the Inspector, which has nothing to say beside the answer.
async fn inspects(era: &str, method: &str, arguments: &[&str]) -> Value {
    let installation = Installation::shared();
    let mut inspector = inspector(&format!("{}/mcp", installation.url()), installation.key(), era, method);
    inspector.args(arguments);
    let ended = Run::start(inspector).end().await;
    assert!(ended.succeeded, "{era} {method}: {}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.stderr, "", "{era} {method}");
    serde_json::from_str(&ended.stdout).unwrap()
}

/// Calls a tool through the Inspector.
async fn calls(era: &str, tool: &str, arguments: &[(&str, &str)]) -> Value {
    let pairs: Vec<String> = arguments.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut all = vec!["--tool-name", tool];
    for pair in &pairs {
        all.extend(["--tool-arg", pair]);
    }
    inspects(era, "tools/call", &all).await["structuredContent"].clone()
}

#[tokio::test]
async fn the_inspector_finds_nothing_to_say_of_the_tools_and_chats() {
    for era in ["modern", LEGACY] {
        let tools = inspects(era, "tools/list", &["--strict"]).await;
        assert!(tools["tools"].as_array().unwrap().len() >= 11);
        let link = calls(era, "temp_chat_create_link", &[("title", "A check-in")]).await;
        let chatter = Installation::shared().visitor().enter(&link).await;
        chatter.say("Here I am").await;
        let after = link["next_cursor"].as_str().unwrap();
        let link_id = link["link_id"].as_str().unwrap();
        let heard = calls(era, "temp_chat_wait_for_messages", &[("link_id", link_id), ("after", after)]).await;
        let session = heard["events"][0]["session_id"].as_str().unwrap();
        calls(era, "temp_chat_send_message", &[("session_id", session), ("text", "Thank you!")]).await;
        assert!(chatter.words().await.contains(&("agent".to_owned(), "Thank you!".to_owned())));
    }
}
