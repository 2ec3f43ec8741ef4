//! Arguments as hosts and models send them: taken as they are meant, and refused where they could mean two things.

use serde_json::{Value, json};

use crate::support::{Installation, text_of};

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
