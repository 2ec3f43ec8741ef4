//! What other programs rely on beyond the story: who speaks, whose words are whose, what is free, what is said in time.

use serde_json::json;

use crate::support::{Installation, token_of, uuid};

#[tokio::test]
async fn a_welcome_and_a_farewell_are_the_agents_words() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"welcome_message": "Come **in**"})).await;
    let chatter = installation.visitor().enter(&link).await;
    let welcome = &chatter.joined["events"][1]["data"];
    assert_eq!(
        welcome,
        &json!({"from": "agent", "kind": "welcome", "text": "Come **in**", "html": "<p>Come <strong>in</strong></p>\n"})
    );
    let heard = agent.wait(&link, Some(&link["next_cursor"])).await;
    assert_eq!(heard["events"][0]["type"], "session_started");
    assert_eq!(heard["open_sessions"][0]["unread"], 0, "a welcome is nobody's to read");

    agent.ask("temp_chat_end_session", json!({"session_id": chatter.session, "farewell": "*Bye*"})).await;
    let page = chatter.get("/messages").await.expect(200);
    let farewell = &page["events"][2]["data"];
    assert_eq!(farewell, &json!({"from": "agent", "kind": "farewell", "text": "*Bye*", "html": "<p><em>Bye</em></p>\n"}));
}

#[tokio::test]
async fn a_client_knows_its_own_words_again() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    let id = uuid();
    let mut stream = chatter.follow(None).await;
    stream.begins().await;
    chatter.post("/messages", &json!({"client_message_id": id, "text": "Mine"})).await.expect(201);
    assert_eq!(stream.find("message").await["data"]["client_message_id"], id);
    let page = chatter.get("/messages").await.expect(200);
    assert_eq!(page["events"][1]["data"]["client_message_id"], id);

    let heard = agent.wait(&link, None).await;
    assert_eq!(heard["events"][1]["data"], json!({"from": "chatter", "text": "Mine", "untrusted": true}));
    let said =
        agent.ask("temp_chat_send_message", json!({"session_id": chatter.session, "text": "Yours", "idempotency_key": id})).await;
    assert_eq!(said["sent"]["replayed"], false, "an agent's key is no chatter's id");
    assert_eq!(stream.find("message").await["data"].get("client_message_id"), None);
}

#[tokio::test]
async fn whoever_leaves_may_start_anew_at_once() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    assert_eq!(link["max_sessions_at_once"], 1);
    let chatter = installation.visitor().enter(&link).await;
    assert_eq!(chatter.post("/end", &json!({})).await.expect(200)["can_start_new"], true);
    let seen = chatter.visitor.inspect(token_of(&link)).await.expect(200);
    assert_eq!((&seen["link"]["state"], &seen["your_session"]["status"]), (&json!("open"), &json!("ended")));
    let anew = chatter.visitor.join(token_of(&link), json!({"start_new": true})).await.expect(201);
    assert_ne!(anew["session"]["id"], chatter.session.as_str());
    assert_eq!(anew["can_start_new"], false);
}

#[tokio::test]
async fn a_poll_that_brings_the_answer_tells_that_nothing_is_owed() {
    let installation = Installation::shared();
    let agent = installation.another_agent("Polled").await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    let asked = chatter.say("Are you there?").await;
    let poll = format!("/messages?wait=25&after={}", asked["cursor"].as_str().unwrap());
    let (page, _) = tokio::join!(chatter.get(&poll), agent.say(&chatter.session, "I am"));
    let page = page.expect(200);
    assert_eq!(page["events"][0]["data"]["text"], "I am");
    assert_eq!(page["agent_state"], "online");
}

#[tokio::test]
async fn blank_words_are_no_words() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    for nothing in [" \n\t", "\u{2800}", "\u{200b}", "\u{3164}"] {
        let told = agent.is_refused("temp_chat_send_message", json!({"session_id": chatter.session, "text": nothing})).await;
        assert!(told.starts_with("text_empty: "), "{told}");
    }
    let end = json!({"session_id": chatter.session, "farewell": " \u{200b} "});
    assert!(agent.is_refused("temp_chat_end_session", end).await.starts_with("text_empty: farewell has nothing in it"));
    agent.ask("temp_chat_end_session", json!({"session_id": chatter.session, "farewell": ""})).await;
    assert_eq!(chatter.words().await.len(), 0);
}

#[tokio::test]
async fn an_agent_hears_ten_minutes_before_that_a_link_expires() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"expires_in_minutes": 10.0 + 1.0 / 60.0})).await;
    let heard = agent.wait(&link, Some(&link["next_cursor"])).await;
    assert_eq!(heard["events"][0]["type"], "link_expiring");
    assert_eq!(heard["events"][0]["data"], json!({"expires_at": link["expires_at"]}));
    assert_eq!(heard["suggested_next"], "wait_again");

    // Whoever sets an end that near knows it.
    let near = agent.update(&link, json!({"expires_in_minutes": 6})).await;
    let nothing = json!({"link_id": link["link_id"], "after": heard["next_cursor"], "timeout_seconds": 1});
    assert_eq!(agent.ask("temp_chat_wait_for_messages", nothing).await["events"], json!([]));
    assert!(near["warnings"].as_array().unwrap().iter().any(|warning| warning.as_str().unwrap().contains("expires in")));
}

#[tokio::test]
async fn an_end_out_of_range_is_told_in_the_words_it_was_given_in() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let told = agent
        .is_refused("temp_chat_update_link", json!({"link_id": link["link_id"], "expires_at": "2020-01-01T00:00:00Z"}))
        .await;
    assert!(told.starts_with("setting_out_of_range: expires_at must be "), "{told}");
    assert!(told.contains("not 2020-01-01T00:00:00Z. Call temp_chat_update_link again"), "{told}");
}
