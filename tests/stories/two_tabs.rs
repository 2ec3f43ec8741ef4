//! One browser, two tabs of one chat, and a browser that was away when things were ended and deleted.

use serde_json::{Value, json};

use crate::support::{Agent, Browser, Installation, Network, token_of, until};

/// A person in a chat, with a second tab of it.
struct Twice {
    agent: Agent,
    link: Value,
    network: Network,
    browser: Browser,
    session: String,
}

impl Twice {
    async fn begin(settings: Value) -> Self {
        let installation = Installation::shared();
        let agent = installation.agent().await;
        let link = agent.link(settings).await;
        let network = Network::to(installation.url()).await;
        let browser = Browser::open().await;
        browser.visit(&network.address(&link)).await;
        browser.click("form button[type=submit]").await;
        browser.find("#message").await;
        let heard = agent.wait(&link, None).await;
        let session = heard["open_sessions"][0]["session_id"].as_str().unwrap().to_owned();
        Self { agent, link, network, browser, session }
    }

    /// Opens the link in another tab, and goes on there.
    async fn another_tab(&self) {
        self.browser.open_tab().await;
        self.browser.visit(&self.network.address(&self.link)).await;
    }

    async fn write(&self, text: &str) {
        self.browser.type_into("#message", &format!("{text}\u{e007}")).await;
        self.browser.shows(".message.mine", text).await;
    }
}

#[tokio::test]
async fn two_tabs_show_the_same_and_end_together() {
    let twice = Twice::begin(json!({"max_sessions_total": 1})).await;
    let browser = &twice.browser;
    twice.write("From the first tab").await;
    twice.another_tab().await;
    browser.shows(".message.mine", "From the first tab").await;
    twice.write("From the second tab").await;
    let fields = json!([{"key": "lift", "label": "Is there a lift?", "type": "yes_no"}]);
    let ask = json!({"session_id": twice.session, "fields": fields, "final": false, "even_if_unread": true});
    twice.agent.ask("temp_chat_ask", ask).await;
    browser.click(".card .option:nth-child(1)").await;
    browser.shows(".card .text-button", "Change").await;
    browser.other_tab().await;
    browser.shows(".message.mine", "From the second tab").await;
    // The other tab shows the answer, and may change it.
    browser.shows(".card .answers", "Yes").await;
    browser.click(".card .text-button").await;
    browser.click(".card .option:nth-child(2)").await;
    browser.shows(".card .answers", "No").await;
    browser.other_tab().await;
    browser.shows(".card .answers", "No").await;
    assert_eq!(browser.texts(".message.mine .bubble").await, ["From the first tab", "From the second tab"]);

    browser.open_menu().await;
    browser.run("const end = document.querySelector('.menu .end'); end.click(); end.click()").await;
    browser.shows(".ending", "You ended it").await;
    browser.other_tab().await;
    browser.shows(".ending", "You ended it").await;
    twice.browser.close().await;
}

#[tokio::test]
async fn a_chat_that_is_deleted_takes_none_with_it_that_was_begun_anew() {
    let twice = Twice::begin(json!({"max_sessions_total": 2})).await;
    let browser = &twice.browser;
    twice.agent.ask("temp_chat_end_session", json!({"session_id": twice.session})).await;
    browser.shows(".ending", "ended it").await;
    twice.another_tab().await;
    browser.click(".anew button").await;
    twice.write("A new beginning").await;
    twice.agent.ask("temp_chat_erase_session", json!({"session_id": twice.session})).await;
    browser.other_tab().await;
    browser.shows("h1", "It is gone").await;
    // The link leads to the new one.
    browser.visit(&twice.network.address(&twice.link)).await;
    browser.shows(".message.mine", "A new beginning").await;
    twice.browser.close().await;
}

#[tokio::test]
async fn what_is_written_to_a_chat_that_has_ended_meanwhile_says_that_it_was_not_sent() {
    let twice = Twice::begin(json!({})).await;
    let browser = &twice.browser;
    twice.network.cut();
    twice.write("Too late").await;
    browser.shows(".message.mine .meta", "Waiting").await;
    twice.agent.ask("temp_chat_end_session", json!({"session_id": twice.session, "farewell": "Bye"})).await;
    twice.network.mend();
    browser.shows(".ending", "ended it").await;
    browser.shows(".message.mine .error", "the chat has ended").await;
    browser.shows(".message.system, .message.theirs", "Bye").await;
    // Whoever takes a button that goes keeps a place on the page.
    browser.click(".message.mine .text-button:last-child").await;
    browser.becomes("return !document.querySelector('.message.mine')").await;
    assert_eq!(browser.run("return document.activeElement.className").await, "scroller");
    twice.browser.close().await;
}

#[tokio::test]
async fn a_deletion_without_a_network_is_not_taken_for_one() {
    let twice = Twice::begin(json!({"agent_name": "Ada"})).await;
    let browser = &twice.browser;
    twice.write("My number is 5550199").await;
    browser.shows(".message.mine .meta", "Sent").await;
    twice.network.cut();
    browser.open_menu().await;
    browser.click(".menu .danger").await;
    browser.shows(".menu .danger", "What Ada has already read is outside our control").await;
    browser.click(".menu .danger").await;
    browser.shows(".menu .danger", "It is not deleted yet").await;
    twice.network.mend();
    until("it is gone", async || {
        let erase = "document.querySelectorAll('.menu .danger').forEach((button) => { button.click(); button.click() })";
        browser.run(erase).await;
        browser.texts("h1").await.contains(&"It is gone".to_owned()).then_some(())
    })
    .await;
    assert_eq!(browser.run("return Object.keys(localStorage).filter((key) => key.startsWith('tempchat:'))").await, json!([]));
    twice.browser.close().await;
}

/// Whether the page has been told of an end that is near, or that has come already.
const IS_TOLD: &str = "return Boolean(document.querySelector('.strip.urgent:not([hidden]), .ending'))
    || document.body.innerText.includes('It is gone')";
/// Whether every session that the browser keeps is known to be gone within a minute.
const KNOWS_ITS_END: &str = "const kept = Object.keys(localStorage).filter((key) => /^tempchat:session:.*:origin$/.test(key));
    return kept.every((key) => Date.parse(JSON.parse(localStorage.getItem(key)).until) < Date.now() + 60_000)";

#[tokio::test]
async fn a_browser_that_was_closed_keeps_nothing_of_what_is_gone() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"keep_minutes_after_end": 0})).await;
    let browser = Browser::open().await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.click("form button[type=submit]").await;
    browser.type_into("#message", "Never sent").await;
    agent.update(&link, json!({"expires_in_minutes": 0.1})).await;
    browser.becomes(IS_TOLD).await;
    browser.reload().await;
    browser.becomes(KNOWS_ITS_END).await;
    browser.visit("about:blank").await;
    until("the link has run out", async || {
        let seen = installation.visitor().inspect(token_of(&link)).await.expect(200);
        (seen["link"]["state"] == "expired").then_some(())
    })
    .await;
    // Whatever is opened here next.
    browser.visit(agent.link(json!({})).await["url"].as_str().unwrap()).await;
    browser.becomes("return !Object.keys(localStorage).some((key) => key.startsWith('tempchat:session:'))").await;
    browser.close().await;
}

#[tokio::test]
async fn a_reload_at_any_moment_loses_and_doubles_nothing() {
    let twice = Twice::begin(json!({"max_sessions_total": 1})).await;
    let browser = &twice.browser;
    // In the middle of sending.
    browser
        .run(
            "const field = document.querySelector('#message'); field.value = 'One'; field.dispatchEvent(new Event('input'));
        field.form.requestSubmit(); location.reload()",
        )
        .await;
    browser.shows(".message.mine .meta", "Sent").await;
    // With a code on screen.
    browser.open_menu().await;
    browser.run("[...document.querySelectorAll('.menu button')].find(({ innerText }) => innerText.includes('another device')).click()").await;
    browser.shows(".handoff .code", "-").await;
    browser.reload().await;
    browser.shows(".message.mine .meta", "Sent").await;
    assert_eq!(browser.count("dialog").await, 0);
    // On the way back from another page, and from another site.
    for elsewhere in ["about:blank", Installation::shared().url()] {
        browser.visit(elsewhere).await;
        browser.back().await;
        browser.shows(".message.mine .meta", "Sent").await;
    }
    // As a frozen page that a browser shows again.
    twice.agent.say(&twice.session, "While you were away").await;
    browser.run("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))").await;
    browser.shows(".message.theirs", "While you were away").await;
    // In the middle of the end.
    browser.open_menu().await;
    browser.run("const end = document.querySelector('.menu .end'); end.click(); end.click(); location.reload()").await;
    until("it has ended, or asks again", async || {
        if browser.count(".ending").await == 0 && browser.count(".menu .end").await == 1 {
            browser.run("const end = document.querySelector('.menu .end'); end.click(); end.click()").await;
        }
        (browser.count(".ending").await == 1).then_some(())
    })
    .await;
    browser.reload().await;
    browser.shows(".ending", "You ended it").await;
    assert_eq!(browser.texts(".message.mine .bubble").await, ["One"]);
    twice.browser.close().await;
}

#[tokio::test]
async fn two_quick_taps_are_one_and_a_passcode_is_asked_for_again() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_at_once": 5, "passcode": "plum jam"})).await;
    let browser = Browser::open().await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.type_into("#passcode", "plum tart\u{e007}").await;
    browser.shows("#passcode-error", "not the passcode").await;
    browser
        .run(
            "document.querySelector('#passcode').value = 'plum jam'; const form = document.querySelector('form');
        form.requestSubmit(); form.requestSubmit()",
        )
        .await;
    browser.type_into("#message", "Hello\u{e007}").await;
    browser.shows(".message.mine .meta", "Sent").await;
    let session = agent.wait(&link, None).await["open_sessions"][0]["session_id"].clone();
    agent.ask("temp_chat_end_session", json!({"session_id": session, "even_if_unread": true})).await;
    browser.find(".anew button").await;
    browser.run("const anew = document.querySelector('.anew button'); anew.click(); anew.click()").await;
    browser.type_into("#message", "Anew\u{e007}").await;
    browser.shows(".message.mine .meta", "Sent").await;
    assert_eq!(browser.texts(".message.mine .bubble").await, ["Anew"]);
    // Where the page does not know the passcode any more, it asks for it again.
    let session = agent.wait(&link, None).await["open_sessions"][0]["session_id"].clone();
    agent.ask("temp_chat_end_session", json!({"session_id": session, "even_if_unread": true})).await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.click(".anew button").await;
    browser.type_into("#passcode", "plum jam\u{e007}").await;
    browser.type_into("#message", "Once more\u{e007}").await;
    browser.shows(".message.mine .meta", "Sent").await;
    let sessions = agent.ask("temp_chat_list_sessions", json!({"link_id": link["link_id"]})).await;
    assert_eq!(sessions["items"].as_array().unwrap().len(), 3, "{sessions}");
    browser.close().await;
}
