//! What the page's own work costs, and what it keeps: a long chat is no burden, and nothing that passes draws it anew.

use serde_json::json;

use crate::support::{Browser, Installation, Run, page_tests};

#[tokio::test]
async fn the_page_s_modules_keep_and_do_no_more_than_they_must() {
    let ended = Run::start(page_tests()).end().await;
    assert!(ended.succeeded, "{}{}", ended.stdout, ended.stderr);
}

/// Counts how often the page writes a time: every entry that is made anew does.
const COUNTED: &str = "const Real = Intl.DateTimeFormat;
    window.written = 0;
    Intl.DateTimeFormat = class extends Real {
        constructor(...given) { super(...given); window.written += 1 }
    };";
const LOST: &str = "window.written = 0; dispatchEvent(new Event('offline')); return window.written";

#[tokio::test]
async fn a_change_of_connection_draws_no_entry_anew() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"welcome_message": "Hello!"})).await;
    let browser = Browser::open().await;
    browser.prepare(COUNTED).await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.click("form button[type=submit]").await;
    browser.type_into("#message", "Are you there?\u{e007}").await;
    browser.shows(".message.mine .meta", "Sent").await;
    assert_eq!(browser.run(LOST).await, json!(0));
    browser.shows(".strips", "No connection").await;
    // What is said does.
    let heard = agent.wait(&link, None).await;
    agent.say(heard["open_sessions"][0]["session_id"].as_str().unwrap(), "Yes").await;
    browser.shows(".message.theirs", "Yes").await;
    assert_ne!(browser.run("return window.written").await, json!(0));
    browser.close().await;
}
