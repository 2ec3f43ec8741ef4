//! A walk past every screen of the page, for those who look at each: tools in `for_everyone`, people in `screenshots`.

use serde_json::{Value, json};

use crate::support::{Agent, Browser, Installation, Network, token_of, until};

const RICH: &str = "Here is the **plan**, as promised:\n\n1. We come at *nine*.\n2. You show us the [inventory](https://example.org/list).\n\n\
    ```\nboxes = 42\nvan   = \"large\"\n```\n\n| Room | Boxes |\n| --- | --- |\n| Kitchen | 12 |\n| Study | 30 |\n";

/// Walks past all screens, and calls `look` at each with its name.
pub(crate) async fn walk(browser: &Browser, mut look: impl AsyncFnMut(&str)) {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    invitations(&agent, browser, &mut look).await;
    closed_doors(installation, &agent, browser, &mut look).await;
    conversation(installation, &agent, browser, &mut look).await;
    other_languages(&agent, browser, &mut look).await;
}

/// What links are made with here.
fn settings() -> Value {
    json!({
        "title": "Your move on Saturday",
        "description": "A few questions, so that the right van comes with the right people.",
        "welcome_message": "Hello! I plan your move for Birch Removals. When shall we come, and how many boxes are there?",
        "agent_name": "Ada",
        "expires_in_minutes": 180,
        "messages_per_minute": 100,
    })
}

async fn link(agent: &Agent, more: Value) -> Value {
    let mut wishes = settings();
    wishes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    agent.link(wishes).await
}

async fn visit(browser: &Browser, link: &Value) {
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.find("h1").await;
}

async fn invitations(agent: &Agent, browser: &Browser, look: &mut impl AsyncFnMut(&str)) {
    visit(browser, &link(agent, json!({})).await).await;
    browser.shows("h1", "Your move").await;
    look("invitation").await;
    visit(browser, &link(agent, json!({"passcode": "plum jam"})).await).await;
    browser.type_into("#passcode", "plum tart\u{e007}").await;
    browser.shows("#passcode-error", "not the passcode").await;
    look("wrong-passcode").await;
}

async fn closed_doors(installation: &Installation, agent: &Agent, browser: &Browser, look: &mut impl AsyncFnMut(&str)) {
    browser.visit(&format!("{}/temp-chat/nonsense", installation.url())).await;
    browser.shows("h1", "We do not know this link").await;
    look("unknown").await;

    let paused = link(agent, json!({})).await;
    agent.update(&paused, json!({"status": "paused"})).await;
    visit(browser, &paused).await;
    browser.shows("h1", "Paused").await;
    look("paused").await;

    let full = link(agent, json!({})).await;
    installation.visitor().enter(&full).await;
    visit(browser, &full).await;
    browser.shows("h1", "Someone is in the chat").await;
    look("full").await;

    let revoked = link(agent, json!({})).await;
    agent.ask("temp_chat_revoke_link", json!({"link_id": revoked["link_id"]})).await;
    visit(browser, &revoked).await;
    browser.shows("h1", "withdrawn").await;
    look("revoked").await;

    let expired = link(agent, json!({})).await;
    agent.update(&expired, json!({"expires_in_minutes": 0.0167})).await;
    until("the link has run out", async || {
        let seen = installation.visitor().inspect(token_of(&expired)).await.expect(200);
        (seen["link"]["state"] == "expired").then_some(())
    })
    .await;
    visit(browser, &expired).await;
    browser.shows("h1", "run out").await;
    look("expired").await;
}

async fn conversation(installation: &Installation, agent: &Agent, browser: &Browser, look: &mut impl AsyncFnMut(&str)) {
    let network = Network::to(installation.url()).await;
    let link = link(agent, json!({})).await;
    browser.visit(&network.address(&link)).await;
    browser.click("form button[type=submit]").await;
    browser.shows(".message.theirs", "I plan your move").await;
    look("chat-begins").await;

    browser.type_into("#message", "Hi Ada! Nine would be good. There are some forty boxes.\u{e007}").await;
    let heard = agent.wait(&link, None).await;
    let session = heard["open_sessions"][0]["session_id"].as_str().unwrap().to_owned();
    browser.shows(".doing", "thinking").await;
    look("thinking").await;
    agent.say(&session, RICH).await;
    browser.find(".message.theirs table").await;
    look("rich-answer").await;

    browser.click(".menu-place > button").await;
    look("menu").await;
    browser.click(".menu-place > button").await;

    network.cut();
    browser.type_into("#message", "One more thing: the piano.\u{e007}").await;
    browser.shows(".message.mine .meta", "Waiting to be sent").await;
    browser.shows(".strip", "No connection").await;
    look("no-network").await;
    network.mend();
    agent.update(&link, json!({"expires_in_minutes": 1.5})).await;
    browser.shows(".strip.urgent", "This chat ends").await;
    look("ending-soon").await;

    browser.click(".menu-place > button").await;
    browser.click(".menu .end").await;
    browser.click(".menu .end").await;
    browser.shows(".ending", "You ended it").await;
    look("ending").await;
    browser.click(".ending .rating .option:nth-child(4)").await;
    look("rating").await;
    browser.click(".ending button[type=submit]").await;
    browser.shows(".ending", "Thank you").await;
    browser.click(".ending button.danger").await;
    look("delete-now").await;
    browser.click(".ending button.danger").await;
    browser.shows("h1", "It is gone").await;
    look("gone").await;
}

async fn other_languages(agent: &Agent, browser: &Browser, look: &mut impl AsyncFnMut(&str)) {
    let arabic = json!({
        "language": "ar",
        "title": "موعد الانتقال يوم السبت",
        "description": "بضعة أسئلة قصيرة.",
        "welcome_message": "مرحبًا! متى نأتي إليكم؟",
        "agent_name": "ليلى",
    });
    let link = link(agent, arabic).await;
    visit(browser, &link).await;
    browser.shows("h1", "موعد").await;
    look("arabic-invitation").await;
    browser.click("form button[type=submit]").await;
    browser.type_into("#message", "في التاسعة صباحًا من فضلك\u{e007}").await;
    let heard = agent.wait(&link, None).await;
    let session = heard["open_sessions"][0]["session_id"].as_str().unwrap().to_owned();
    agent.say(&session, "حسنًا، نراكم في **التاسعة**.").await;
    browser.find(".message.theirs strong").await;
    look("arabic-chat").await;
}
