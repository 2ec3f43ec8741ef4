//! What an agent or a chatter writes to break the page: it is shown, runs nothing, and leaves everything in its place.

use serde_json::{Value, json};

use crate::support::{Browser, Installation, Screen};

/// Notes whatever would run, and whatever the page's policy has to stop.
const WATCH: &str = "window.ran = [];
    window.alert = (word) => ran.push(word);
    addEventListener('error', (event) => ran.push(event.message));
    addEventListener('unhandledrejection', (event) => ran.push(String(event.reason)));
    addEventListener('securitypolicyviolation', (event) => ran.push(event.violatedDirective));";
const MARKUP: &str = "<img src=x onerror=alert(1)><svg onload=alert(2)><script>alert(3)</script>{{alert}}";
/// What no text may become, and whether everything stays within the screen.
const HARM: &str = "const app = document.getElementById('app');
    const made = app.querySelectorAll('img, script, iframe, object, form[action], [onerror], [onload], svg[onload], style, base, meta').length;
    const leads = [...app.querySelectorAll('a[href]')].map(({ protocol }) => protocol).filter((protocol) => !/^(https?|mailto|tel):$/.test(protocol));
    return [ran, made, leads, document.documentElement.scrollWidth - innerWidth]";

fn harmless() -> Value {
    json!([[], 0, [], 0])
}

#[tokio::test]
async fn whatever_anybody_writes_is_words() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let wide = "W".repeat(80);
    let fields = json!([
        {"key": "a", "label": format!("{MARKUP}{wide}"), "help": MARKUP, "type": "choice", "options": [MARKUP, format!("{wide}")]},
        {"key": "b", "label": MARKUP, "type": "text"},
    ]);
    let link = agent
        .link(json!({
            "title": format!("{MARKUP}{wide}"),
            "description": format!("{MARKUP}{wide}"),
            "welcome_message": format!("{MARKUP}{wide}"),
            "agent_name": "<b><img src=x onerror=alert(1)>",
            "questions": fields,
        }))
        .await;
    let browser = Browser::open().await;
    browser.look_through(Screen::PHONE).await;
    browser.prepare(WATCH).await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.shows("h1", "<img src=x").await;
    assert_eq!(browser.run(HARM).await, harmless(), "the invitation");
    browser.type_into("#name", MARKUP).await;
    browser.click("form button[type=submit]").await;
    browser.find(".card .choice").await;
    assert_eq!(browser.run(HARM).await, harmless(), "a card");

    let session = agent.wait(&link, None).await["open_sessions"][0]["session_id"].as_str().unwrap().to_owned();
    let markdown = format!(
        "{MARKUP}\n\n[one](javascript:alert(4)) [two](data:text/html,x) [three](/api/v1/x) [four](https://example.org/?{wide})\n\n\
         | {wide} | b |\n|---|---|\n| {wide} | <a href=javascript:alert(5)>x</a> |\n\n```\n{wide}{wide}\n```\n\n{wide}{wide}"
    );
    agent.say(&session, &markdown).await;
    browser.shows(".message.theirs", "four").await;
    assert_eq!(browser.run(HARM).await, harmless(), "an agent's markdown");

    let family = "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467}";
    for text in [format!("{MARKUP}{}", "V".repeat(3_900)), family.repeat(700), "\u{200b}\u{202e}txt".repeat(600)] {
        let set = format!(
            "const field = document.querySelector('#message'); field.value = {}; field.dispatchEvent(new Event('input', {{ bubbles: true }}))",
            json!(text)
        );
        browser.run(&set).await;
        let before = browser.count(".message.mine").await;
        browser.type_into("#message", "\u{e007}").await;
        browser.becomes(&format!("return document.querySelectorAll('.message.mine').length === {}", before + 1)).await;
        browser.becomes("return [...document.querySelectorAll('.message.mine .mark')].at(-1).textContent === 'Sent'").await;
        assert_eq!(browser.run(HARM).await, harmless(), "a chatter's words");
    }
    browser.reload().await;
    browser.find(".card .choice").await;
    assert_eq!(browser.run(HARM).await, harmless(), "all of it again");
    browser.close().await;
}
