//! Arguments as hosts and models send them: taken as they are meant, and refused where they could mean two things.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Installation, send, text_of, uuid};

#[tokio::test]
async fn numbers_truth_and_lists_may_be_text() {
    let installation = Installation::shared();
    let agent = installation.another_agent("Stringly").await;
    let settings = json!({
        "title": "x", "expires_in_minutes": "120", "max_sessions_at_once": "3", "recipients": "Ann",
        "allowed_origins": "[\"https://a.example\"]", "budget": "{\"day\": {\"turns\": \"9\"}}",
        "questions": "[{\"key\":\"a\",\"label\":\"A?\",\"type\":\"text\"}]",
    });
    let link = agent.ask("temp_chat_create_link", settings).await;
    assert_eq!(link["max_sessions_at_once"], 3, "{link}");
    // RFC 3339 in one zone: later moments are greater texts.
    let usual = agent.ask("temp_chat_create_link", json!({"title": "x"})).await;
    assert!(link["expires_at"].as_str().unwrap() > usual["expires_at"].as_str().unwrap());
    assert_eq!(link["urls"][0]["label"], "Ann");
    assert_eq!(link["allowed_origins"], json!(["https://a.example"]));
    assert_eq!(link["budget"], json!({"day": {"turns": 9}}));
    let waited = agent.ask("temp_chat_wait_for_messages", json!({"link_id": link["link_id"], "timeout_seconds": "0"})).await;
    assert_eq!(waited["timed_out"], true);
    let refused = agent.is_refused("temp_chat_create_link", json!({"title": "x", "expires_in_minutes": "12x"})).await;
    assert_eq!(
        refused,
        "invalid_request: expires_in_minutes must be a number, not \"12x\". Call temp_chat_create_link again with a number."
    );

    let chatter = installation.visitor().enter(&link).await;
    let fields = "[{\"key\":\"b\",\"label\":\"B?\",\"type\":\"text\",\"required\":\"false\"}]";
    let asked = agent.ask("temp_chat_ask", json!({"session_id": chatter.session, "fields": fields})).await;
    assert!(asked["sent"]["question_id"].is_string(), "{asked}");
    let listed = agent.ask("temp_chat_list_sessions", json!({"link_id": link["link_id"], "include": "answers"})).await;
    assert!(listed["items"][0]["answers"].is_array(), "{listed}");
    agent.ask("temp_chat_revoke_link", json!({"link_id": link["link_id"], "end_sessions": "false"})).await;
    chatter.say("I am still here").await;
}

#[tokio::test]
async fn what_is_empty_was_left_out_or_removes() {
    let installation = Installation::shared();
    let agent = installation.another_agent("Thorough").await;
    let usual = agent.ask("temp_chat_create_link", json!({"title": "x"})).await;
    let empty = json!({
        "title": "x", "purpose": "", "description": "", "welcome_message": "", "agent_name": "", "passcode": "", "idempotency_key": "",
        "recipients": [], "questions": [], "allowed_origins": [], "max_sessions_total": 0, "language": "", "expires_in_minutes": "",
        "max_sessions_at_once": "", "keep_minutes_after_end": "", "budget": {},
    });
    let link = agent.ask("temp_chat_create_link", empty).await;
    for setting in ["max_sessions_at_once", "max_sessions_total", "keep_minutes_after_end", "requires_passcode"] {
        assert_eq!(link[setting], usual[setting], "{setting}");
    }
    let listed = agent.ask("temp_chat_list_links", json!({"status": "", "after": "", "limit": ""})).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    let chatter = installation.visitor().enter(&link).await;
    chatter.say("Hello").await;
    agent.hears(&link, "Hello").await;
    let read = json!({"session_id": chatter.session, "last": 0, "after": "", "format": ""});
    assert!(agent.ask("temp_chat_read_messages", read).await.to_string().contains("Hello"));

    // Where settings are changed it removes what can be removed, and nothing else.
    agent.update(&link, json!({"passcode": "blue teapot", "max_sessions_total": 5, "purpose": "Memo"})).await;
    let ends = agent.ask("temp_chat_get_link", json!({"link_id": link["link_id"]})).await["expires_at"].clone();
    let removing = json!({"link_id": link["link_id"], "title": "", "expires_at": "", "status": "", "max_sessions_at_once": "",
        "passcode": "", "max_sessions_total": "", "purpose": ""});
    agent.ask("temp_chat_update_link", removing).await;
    let left = agent.ask("temp_chat_get_link", json!({"link_id": link["link_id"]})).await;
    assert_eq!((&left["title"], &left["expires_at"], &left["status"]), (&json!("x"), &ends, &json!("active")));
    assert_eq!((&left["max_sessions_at_once"], left.get("max_sessions_total")), (&json!(1), usual.get("max_sessions_total")));
    assert_eq!((&left["requires_passcode"], left.get("purpose")), (&usual["requires_passcode"], None), "{left}");
}

#[tokio::test]
async fn an_empty_scope_widens_nothing() {
    let agent = Installation::shared().another_agent("Careless").await;
    let link = agent.link(json!({})).await;
    for (tool, empty) in [
        ("temp_chat_wait_for_messages", json!({"link_id": "", "timeout_seconds": 0})),
        ("temp_chat_wait_for_messages", json!({"session_id": "", "link_id": "", "timeout_seconds": 0})),
        ("temp_chat_list_sessions", json!({"link_id": ""})),
        ("temp_chat_get_analytics", json!({"link_id": ""})),
    ] {
        let told = agent.is_refused(tool, empty).await;
        assert!(told.contains("is empty: the call would reach farther than that."), "{told}");
    }
    // One scope is named: nothing is widened.
    let given = json!({"link_id": link["link_id"], "session_id": "", "timeout_seconds": 0});
    assert_eq!(agent.ask("temp_chat_wait_for_messages", given).await["timed_out"], true);
}

#[tokio::test]
async fn what_hosts_add_is_ignored_and_told() {
    let agent = Installation::shared().another_agent("Wrapped").await;
    let link = agent.link(json!({})).await;
    let given = json!({"link_id": link["link_id"], "timeout_seconds": 0, "toolCallId": "call_1", "sessionId": "x", "action": "sendMessage",
        "chatInput": "", "_meta": {"a": 1}});
    let result = agent.call("temp_chat_wait_for_messages", given).await;
    assert_ne!(result.is_error, Some(true), "{}", text_of(&result));
    let told = "Ignored, as no argument of this tool: _meta, action, chatInput, sessionId, toolCallId.";
    assert_eq!(result.structured_content.unwrap()["warnings"], json!([told]));
    let texts: Vec<Value> = result.content.iter().map(|block| block.as_text().unwrap().text.clone().into()).collect();
    assert_eq!(texts[1], format!("warnings: {told}"));
}

/// Sends a body to the door of models, as a client without a library does.
async fn post(path: &str, key: &str, headers: &[(&'static str, &str)], body: String) -> Answer {
    let visitor = Installation::shared().visitor();
    let request = visitor.request(Method::POST, path).header("content-type", "application/json");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    send(request.bearer_auth(key).body(body)).await
}

fn ping(id: u32) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "ping"})
}

#[tokio::test]
async fn whatever_a_client_accepts_it_is_answered_in_json() {
    let agent = Installation::shared().another_agent("Plain").await;
    for accepted in ["application/json", "*/*", "text/event-stream", "text/html"] {
        let answer = post("/mcp", agent.key(), &[("accept", accepted)], ping(1).to_string()).await;
        assert_eq!(answer.header("content-type"), Some("application/json"), "{accepted}");
        assert_eq!(answer.expect(200), json!({"jsonrpc": "2.0", "id": 1, "result": {}}), "{accepted}");
    }
    // With a slash at the end too, and without a detour that would lose the key.
    assert_eq!(post("/mcp/", agent.key(), &[], ping(2).to_string()).await.expect(200)["id"], 2);
    // Which version is spoken is agreed upon in the message, whatever a client spoke before.
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}});
    let begun = post("/mcp", agent.key(), &[("mcp-protocol-version", "2025-06-18")], hello.to_string()).await.expect(200);
    assert_eq!(begun["result"]["protocolVersion"], "2025-11-25", "{begun}");
}

#[tokio::test]
async fn a_list_of_messages_is_answered_by_a_list_where_there_are_such() {
    let agent = Installation::shared().another_agent("Batched").await;
    let told = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let version = [("mcp-protocol-version", "2025-03-26")];
    let answers = post("/mcp", agent.key(), &version, json!([ping(1), told, ping(2)]).to_string()).await.expect(200);
    assert_eq!(answers, json!([{"jsonrpc": "2.0", "id": 1, "result": {}}, {"jsonrpc": "2.0", "id": 2, "result": {}}]));
    assert_eq!(post("/mcp", agent.key(), &version, json!([told]).to_string()).await.status, 202);
    for (headers, list) in [(&version[..], json!([])), (&version[..], json!(vec![ping(1); 17])), (&[][..], json!([ping(1)]))] {
        let refused = post("/mcp", agent.key(), headers, list.to_string()).await.expect(400);
        assert_eq!((&refused["error"]["code"], &refused["id"]), (&json!(-32600), &Value::Null), "{refused}");
    }
}

#[tokio::test]
async fn half_a_letter_loses_no_message() {
    let installation = Installation::shared();
    let agent = installation.another_agent("Cut").await;
    let chatter = installation.visitor().enter(&agent.link(json!({})).await).await;
    let said = format!(r#"{{"client_message_id": "{}", "text": "a\ud83d"}}"#, uuid());
    let request = chatter.request(Method::POST, "/messages").header("content-type", "application/json").body(said);
    assert_eq!(send(request).await.expect(201)["event"]["data"]["text"], "a\u{fffd}");
    let heard = agent.ask("temp_chat_wait_for_messages", json!({"session_id": chatter.session})).await;
    let call = format!(
        r#"{{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {{"name": "temp_chat_send_message",
            "arguments": {{"session_id": "{}", "text": "b\ude00", "after": {}}}}}}}"#,
        chatter.session, heard["next_cursor"]
    );
    let sent = post("/mcp", agent.key(), &[], call).await.expect(200);
    assert!(sent["result"]["structuredContent"]["sent"].is_object(), "{sent}");
    let broken = post("/mcp", agent.key(), &[], r#"{"jsonrpc":"#.to_owned()).await.expect(400);
    assert_eq!(broken["error"]["code"], -32700);
}
