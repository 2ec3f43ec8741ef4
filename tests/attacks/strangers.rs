//! Whose is whose: what is not yours looks just like what is not there.

use serde_json::json;

use crate::support::{Installation, uuid};

#[tokio::test]
async fn a_foreign_session_is_refused_like_an_unknown_one() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_at_once": 2})).await;
    let mine = installation.visitor().enter(&link).await;
    let theirs = installation.visitor().enter(&link).await;
    theirs.say("A secret").await;
    let unknown = "ses_aaaaaaaaaaaaaaaaaaaaaaaaaa";
    let word = json!({"client_message_id": uuid(), "text": "Hello"});
    for path in ["", "/messages", "/events", "/transcript?format=txt"] {
        let foreign = mine.trying(&theirs.session).get(path).await;
        let missing = mine.trying(unknown).get(path).await;
        assert_eq!(foreign.body, missing.body, "{path}");
        foreign.refused(401, "session_unknown");
        missing.refused(401, "session_unknown");
    }
    for path in ["/messages", "/end", "/typing", "/read"] {
        mine.trying(&theirs.session).post(path, &word).await.refused(401, "session_unknown");
    }
    mine.trying(&theirs.session).erase().await.refused(401, "session_unknown");
    let nobody = mine.visitor.get(&format!("/api/v1/sessions/{}", theirs.session)).await;
    nobody.refused(401, "session_unknown");
    assert_eq!(theirs.words().await.len(), 1);
}

#[tokio::test]
async fn an_agent_sees_nothing_of_another() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    let other = installation.another_agent("A curious neighbour").await;

    let unknown = "lnk_aaaaaaaaaaaaaaaaaaaaaaaaaa";
    for (tool, more) in [
        ("temp_chat_get_link", json!({})),
        ("temp_chat_update_link", json!({"title": "Mine now"})),
        ("temp_chat_revoke_link", json!({})),
        ("temp_chat_wait_for_messages", json!({"timeout_seconds": 0})),
    ] {
        let of = async |id: &str| {
            let mut arguments = more.clone();
            arguments["link_id"] = id.into();
            other.is_refused(tool, arguments).await.replace(id, "ID")
        };
        assert_eq!(of(link["link_id"].as_str().unwrap()).await, of(unknown).await, "{tool}");
    }
    let nowhere = "ses_aaaaaaaaaaaaaaaaaaaaaaaaaa";
    for (tool, more) in [
        ("temp_chat_read_messages", json!({})),
        ("temp_chat_send_message", json!({"text": "Hello"})),
        ("temp_chat_end_session", json!({})),
        ("temp_chat_erase_session", json!({})),
    ] {
        let of = async |id: &str| {
            let mut arguments = more.clone();
            arguments["session_id"] = id.into();
            other.is_refused(tool, arguments).await.replace(id, "ID")
        };
        assert_eq!(of(&chatter.session).await, of(nowhere).await, "{tool}");
    }
    assert_eq!(other.ask("temp_chat_list_links", json!({})).await["items"], json!([]));
    assert_eq!(other.ask("temp_chat_list_sessions", json!({})).await["items"], json!([]));
    assert_eq!(chatter.look().await["status"], "active");
}

#[tokio::test]
async fn mcp_is_closed_without_a_key() {
    let installation = Installation::shared();
    let visitor = installation.visitor();
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let made_up = format!("{}x", installation.key());
    for key in ["", "nonsense", &made_up] {
        let request = visitor.request(http::Method::POST, "/mcp").header("accept", "application/json, text/event-stream");
        let request = if key.is_empty() { request } else { request.bearer_auth(key) };
        let answer = crate::support::send(request.json(&call)).await;
        let told = ", error=\"invalid_token\", error_description=\"The API key is missing or not valid.\"";
        let challenge = format!("Bearer realm=\"tempchat\"{}", if key.is_empty() { "" } else { told });
        assert_eq!(answer.header("www-authenticate"), Some(&*challenge));
        answer.refused(401, "key_invalid");
    }
}
