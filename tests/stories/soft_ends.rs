//! The soft end: the page says when, any word of the person's calls it off, and nobody loses what they were writing.

use serde_json::{Value, json};

use crate::support::{Browser, Installation, until};

#[tokio::test]
async fn an_end_that_was_told_comes_with_its_last_words_unless_somebody_writes() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    let end = |minutes: f64| json!({"session_id": chatter.session, "in_minutes": minutes, "farewell": "So long."});
    let planned = agent.ask("temp_chat_end_session", end(30.0)).await;
    assert_eq!(planned["status"], "active");
    assert_eq!(chatter.look().await["end_planned_at"], planned["end_planned_at"]);
    assert!(planned["end_planned_at"].is_string(), "{planned}");
    let cursor = agent.wait(&link, None).await["next_cursor"].clone();

    chatter.say("Wait!").await;
    let heard = agent.wait(&link, Some(&cursor)).await;
    let kinds: Vec<_> = heard["events"].as_array().unwrap().iter().map(|event| event["type"].clone()).collect();
    assert_eq!(kinds, ["end_called_off", "message"]);
    assert_eq!(heard["events"][0]["data"], json!({"by": "chatter"}));
    assert_eq!(chatter.look().await.get("end_planned_at"), None);

    // Other minutes, and this time nobody minds.
    agent.ask("temp_chat_end_session", end(0.02)).await;
    let mut stream = chatter.follow(None).await;
    let ended = stream.find("session_ended").await;
    assert_eq!(ended["data"]["reason"], "agent_ended");
    until("the last words are there", async || (chatter.words().await.last()?.1 == "So long.").then_some(())).await;

    let told =
        agent.is_refused("temp_chat_end_session", json!({"session_id": chatter.session, "in_minutes": 5, "block": true})).await;
    assert!(told.starts_with("invalid_request: "), "{told}");
    let told = agent.is_refused("temp_chat_end_session", json!({"session_id": chatter.session, "in_minutes": 61})).await;
    assert!(told.starts_with("setting_out_of_range: in_minutes"), "{told}");
}

#[tokio::test]
async fn the_page_warns_and_keeps_what_was_not_sent() {
    let agent = Installation::shared().agent().await;
    let link = agent.link(json!({"agent_name": "Van Hire"})).await;
    let browser = Browser::open().await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.click("form button[type=submit]").await;
    browser.find("#message").await;
    let session: Value = agent.wait(&link, None).await["open_sessions"][0]["session_id"].clone();
    let end = |minutes: f64| json!({"session_id": session, "in_minutes": minutes, "even_if_unread": true});
    agent.ask("temp_chat_end_session", end(5.0)).await;
    browser.shows(".strip", "Van Hire will end this chat in 5 minutes. Write something if it should go on.").await;
    // Whoever comes back is told too.
    browser.reload().await;
    browser.shows(".strip", "Van Hire will end this chat in 5 minutes.").await;
    browser.type_into("#message", "One moment\u{e007}").await;
    browser.shows(".log", "The chat goes on: something was written.").await;
    browser.becomes("return [...document.querySelectorAll('.strip')].every((strip) => strip.hidden)").await;

    browser.type_into("#message", "What I still wanted to sa").await;
    agent.ask("temp_chat_end_session", end(0.02)).await;
    browser.shows(".ending", "Van Hire ended it.").await;
    browser.shows(".ending .unsent .words", "What I still wanted to sa").await;
    browser.close().await;
}
