//! Gone on request: at once, for good, and as often as one asks.

use serde_json::{Value, json};

use crate::support::{Installation, files_with, token_of};

#[tokio::test]
async fn a_chatter_erases_everything_and_may_ask_again() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    let words = "The safe is behind the blue door";
    chatter.say(words).await;
    let mut stream = chatter.follow(None).await;
    assert_eq!(stream.words(1).await, [words]);

    let erased = chatter.erase().await.expect(200);
    assert_eq!(erased["status"], "erased");
    assert!(erased["erased_at"].is_string());
    assert_eq!(stream.rest().await, ["session_ended", "erased"], "a stream is over with the words");
    assert_eq!(chatter.erase().await.expect(200)["erased_at"], erased["erased_at"]);
    chatter.get("").await.refused(410, "session_erased");
    chatter.get("/messages").await.refused(410, "session_erased");
    assert_eq!(files_with(installation.folder().path(), words.as_bytes()), [""; 0]);

    let read = agent.call("temp_chat_read_messages", json!({"session_id": chatter.session})).await;
    assert!(!serde_json::to_string(&read).unwrap().contains(words));
    let seen = chatter.visitor.inspect(token_of(&link)).await.expect(200);
    assert_ne!(seen["your_session"]["status"], "active");
}

#[tokio::test]
async fn an_agent_erases_a_session() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    chatter.say("My number is 5550123").await;
    agent.wait(&link, None).await;
    let erased = agent.ask("temp_chat_erase_session", json!({"session_id": chatter.session})).await;
    assert_eq!(erased["status"], "erased");
    agent.ask("temp_chat_erase_session", json!({"session_id": chatter.session})).await;
    chatter.get("").await.refused(410, "session_erased");
    let waited = agent.ask("temp_chat_wait_for_messages", json!({"link_id": link["link_id"], "timeout_seconds": 0})).await;
    assert!(!waited.to_string().contains("5550123"), "{waited}");
    let log = installation.json(&["log", "show", "--with-text", "--agent", &agent.id()]);
    let texts: Vec<&Value> =
        log.iter().filter(|event| event["target"] == chatter.session.as_str()).map(|event| &event["text"]).collect();
    assert!(texts.contains(&&json!("(erased)")));
    assert!(!texts.iter().any(|text| text.to_string().contains("5550123")));
}

#[tokio::test]
async fn what_is_kept_no_time_is_gone_with_the_end() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"keep_minutes_after_end": 0})).await;
    let chatter = installation.visitor().enter(&link).await;
    chatter.say("Gone in a moment").await;
    let mut stream = chatter.follow(None).await;
    stream.words(1).await;
    let ended = chatter.post("/end", &json!({})).await.expect(200);
    assert_eq!(ended["session"]["ends_reason"], "chatter_left");
    chatter.get("/messages").await.refused(410, "session_erased");
    // The erasure may follow after the stream has ended.
    assert_eq!(stream.rest().await.first().map(String::as_str), Some("session_ended"));
}

#[tokio::test]
async fn a_chatter_who_was_blocked_says_nothing_more() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    agent.ask("temp_chat_end_session", json!({"session_id": chatter.session, "block": true})).await;
    assert_eq!(chatter.look().await["ends_reason"], "blocked");
    let word = json!({"client_message_id": crate::support::uuid(), "text": "But"});
    chatter.post("/messages", &word).await.refused(409, "session_ended");
}
