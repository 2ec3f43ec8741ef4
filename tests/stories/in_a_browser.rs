//! The story once more, in a real browser: what a person sees.

use serde_json::json;

use crate::support::{Browser, Installation};

#[tokio::test]
async fn a_person_opens_the_link_chats_reloads_and_sees_it_end() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent
        .link(json!({
            "title": "The moving van",
            "description": "Two questions about Saturday.",
            "welcome_message": "Hello! When shall we come?",
            "agent_name": "Van Hire",
        }))
        .await;
    let browser = Browser::open().await;

    browser.visit(link["url"].as_str().unwrap()).await;
    browser.shows("h1", "The moving van").await;
    browser.shows(".invitation", "Two questions about Saturday.").await;
    browser.type_into("#name", "Robin").await;
    browser.click("form button[type=submit]").await;

    browser.shows(".message.theirs, .message.system", "Hello! When shall we come?").await;
    assert!(!browser.address().await.contains("temp-chat"), "the token leaves the address");
    // Enter sends.
    browser.type_into("#message", "At nine, please.\u{e007}").await;
    browser.shows(".message.mine", "At nine, please.").await;
    // It shows before it is sent.
    browser.shows(".message.mine .meta", "Sent").await;

    let heard = agent.wait(&link, None).await;
    let session = heard["open_sessions"][0]["session_id"].as_str().unwrap().to_owned();
    let told = heard["events"].to_string();
    assert!(told.contains("Robin") && told.contains("At nine, please."), "{told}");
    agent.say(&session, "Nine it **is**.").await;
    browser.shows(".message.theirs strong", "is").await;

    browser.reload().await;
    browser.shows(".message.mine", "At nine, please.").await;
    browser.shows(".message.theirs", "Nine it is.").await;
    // Welcome, question and answer: each once.
    assert_eq!(browser.count(".message").await, 3);
    browser.type_into("#message", "Thank you!").await;
    browser.click("button.send").await;
    browser.shows(".message.mine", "Thank you!").await;
    agent.say(&session, "See you on Saturday.").await;
    browser.shows(".message.theirs", "See you on Saturday.").await;

    agent.update(&link, json!({"expires_in_minutes": 0.03})).await;
    browser.shows(".ending", "The chat has ended").await;
    browser.shows(".ending", "Its time was up.").await;
    assert_eq!(browser.count("#message").await, 0);
    browser.shows(".message.theirs", "See you on Saturday.").await;
    browser.close().await;
}

#[tokio::test]
async fn a_person_ends_the_chat_and_deletes_it() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"title": "A short word", "passcode": "plum jam"})).await;
    let browser = Browser::open().await;

    browser.visit(link["url"].as_str().unwrap()).await;
    browser.type_into("#passcode", "plum tart\u{e007}").await;
    browser.shows("#passcode-error", "That is not the passcode").await;
    // What was wrong is selected: typing replaces it.
    browser.type_into("#passcode", "plum jam\u{e007}").await;
    browser.type_into("#message", "Never mind.\u{e007}").await;
    browser.shows(".message.mine", "Never mind.").await;
    let heard = agent.wait(&link, None).await;
    let session = heard["open_sessions"][0]["session_id"].as_str().unwrap().to_owned();

    browser.open_menu().await;
    browser.click(".menu .end").await;
    browser.click(".menu .end").await;
    browser.shows(".ending", "You ended it.").await;
    browser.click(".ending button.danger").await;
    browser.click(".ending button.danger").await;
    browser.shows("#app", "It is gone").await;
    let refusal = agent.is_refused("temp_chat_send_message", json!({"session_id": session, "text": "Hello?"})).await;
    assert!(refusal.starts_with("session_"), "{refusal}");
    browser.close().await;
}
