//! Talking in a browser: keys and drafts, what is long, what is new, what was read, what could not be sent, how long there is.

use serde_json::{Value, json};

use crate::support::{Agent, Browser, Installation, Screen, until};

/// A person in a chat.
struct Talk {
    agent: Agent,
    link: Value,
    browser: Browser,
    session: String,
}

impl Talk {
    async fn begin(settings: Value) -> Self {
        let installation = Installation::shared();
        let agent = installation.agent().await;
        let browser = Browser::open().await;
        browser.look_through(Screen::PHONE).await;
        // A link's time runs from here on.
        let link = agent.link(settings).await;
        browser.visit(link["url"].as_str().unwrap()).await;
        browser.click("form button[type=submit]").await;
        browser.find("#message").await;
        let heard = agent.wait(&link, None).await;
        let session = heard["open_sessions"][0]["session_id"].as_str().unwrap().to_owned();
        Self { agent, link, browser, session }
    }

    /// Writes and sends.
    async fn write(&self, text: &str) {
        self.browser.type_into("#message", &format!("{text}\u{e007}")).await;
        self.browser.shows(".message.mine", text).await;
    }

    /// Says something as the agent, and waits until it is on screen.
    async fn hear(&self, text: &str) {
        self.agent.say(&self.session, text).await;
        self.browser.shows(".message.theirs", text).await;
    }
}

/// Presses Enter as an input method does that has a word to complete, and as Safari reports it.
const COMPOSE: &str = "const field = document.querySelector('#message');
    for (const how of [{ isComposing: true }, { keyCode: 229 }]) {
        field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...how }));
    }
    return field.value";

#[tokio::test]
async fn enter_sends_but_completes_a_word_first_and_a_draft_is_kept() {
    let talk = Talk::begin(json!({})).await;
    let Talk { browser, .. } = &talk;
    browser.type_into("#message", "日本").await;
    assert_eq!(browser.run(COMPOSE).await, "日本");
    // Shift and Enter begin a new line.
    browser.type_into("#message", "\u{e008}\u{e007}\u{e000}second line").await;
    browser.reload().await;
    browser.find("#message").await;
    browser.becomes("return document.querySelector('#message').value === '日本\\nsecond line'").await;
    assert_eq!(browser.count(".message.mine").await, 0);
    browser.type_into("#message", "\u{e007}").await;
    browser.shows(".message.mine", "日本\nsecond line").await;
    browser.reload().await;
    browser.shows(".message.mine", "second line").await;
    assert_eq!(browser.run("return document.querySelector('#message').value").await, "");
    talk.browser.close().await;
}

#[tokio::test]
async fn whoever_reads_further_up_stays_there_and_can_jump_to_what_is_new() {
    let talk = Talk::begin(json!({})).await;
    let Talk { browser, .. } = &talk;
    let long = format!("The terms:\n\n{}", "They are long. ".repeat(150));
    talk.agent.say(&talk.session, &long).await;
    // An answer is there whole, and from its beginning.
    browser.shows(".message.theirs", "They are long.").await;
    assert_eq!(browser.count(".folded").await, 0);
    browser.run("document.querySelector('.scroller').scrollTop = 0").await;
    browser.find(".jump:not([hidden])").await;
    talk.agent.say(&talk.session, "One").await;
    talk.agent.say(&talk.session, "Two").await;
    browser.shows(".jump", "2 new messages").await;
    assert_eq!(browser.run("return document.querySelector('.scroller').scrollTop").await, 0);
    browser.click(".jump").await;
    until("the end", async || (browser.count(".jump:not([hidden])").await == 0).then_some(())).await;
    assert_eq!(browser.run("return document.activeElement.className").await, "scroller", "the focus is not lost");
    talk.browser.close().await;
}

#[tokio::test]
async fn whoever_is_at_the_end_stays_there_while_the_window_changes() {
    const BEHIND: &str = "const scroller = document.querySelector('.scroller'); \
        return Math.round(scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight)";
    let agent = Installation::shared().agent().await;
    let link = agent.link(json!({"title": "Buy the piano?", "welcome_message": "Hello! I am about to buy it."})).await;
    let browser = Browser::open().await;
    browser.resize(1_280, 800).await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.click("form button[type=submit]").await;
    browser.find("#message").await;
    let session = agent.wait(&link, None).await["open_sessions"][0]["session_id"].clone();
    let fields = json!([{"key": "ok", "label": "Buy it?", "type": "yes_no"}]);
    agent.ask("temp_chat_ask", json!({"session_id": session, "intro": "Shall I?", "fields": fields})).await;
    browser.click(".card .option").await;
    browser.type_into("#message", "Wait, do not do it!\u{e007}").await;
    browser.shows(".message.mine .meta", "Sent").await;
    agent.ask("temp_chat_end_session", json!({"session_id": session, "in_minutes": 5, "even_if_unread": true})).await;
    browser.shows(".strip", "will end this chat in 5 minutes").await;
    for (width, height) in [(360, 740), (1_280, 800), (360, 740), (740, 480), (360, 740)] {
        browser.resize(width, height).await;
        until("the end", async || browser.run(BEHIND).await.as_i64().is_some_and(|behind| behind <= 1).then_some(())).await;
        assert_eq!(browser.count(".jump:not([hidden])").await, 0);
    }
    browser.close().await;
}

/// Whether the page is looked at is the browser's to say: here, in its stead.
fn look(visibility: &str) -> String {
    format!(
        "Object.defineProperty(document, 'visibilityState', {{ configurable: true, get: () => '{visibility}' }});
         document.dispatchEvent(new Event('visibilitychange'))"
    )
}

#[tokio::test]
async fn what_nobody_has_looked_at_is_counted_in_the_title_and_not_said_to_be_read() {
    let talk = Talk::begin(json!({"title": "The van"})).await;
    let Talk { browser, .. } = &talk;
    browser.run(&look("hidden")).await;
    talk.hear("Are you there?").await;
    let title = async |title: &str| {
        until(title, async || (browser.run("return document.title").await == title).then_some(())).await;
    };
    title("(1) The van").await;
    talk.hear("Hello?").await;
    title("(2) The van").await;
    browser.run(&look("visible")).await;
    title("The van").await;
    // The agent reads what it waits for, and the page says so.
    talk.write("Here I am").await;
    talk.agent.hears(&talk.link, "Here I am").await;
    talk.agent.say(&talk.session, "Good").await;
    browser.shows(".message.mine .meta", "Read").await;
    talk.browser.close().await;
}

/// What a screen reader is to say of the log and of what is in it.
const LOUD: &str = "const log = document.querySelector('.log');
    const mute = [...log.querySelectorAll('.message.mine, .meta')].every((part) => part.getAttribute('aria-live') === 'off');
    return [log.getAttribute('role'), log.getAttribute('aria-live'), mute]";

#[tokio::test]
async fn only_what_is_new_is_said_aloud_and_nothing_is_drawn_twice() {
    let talk = Talk::begin(json!({"welcome_message": "Welcome"})).await;
    let Talk { browser, .. } = &talk;
    talk.write("Hello").await;
    browser.run("document.querySelectorAll('.message').forEach((message) => { message.known = true })").await;
    talk.hear("And hello").await;
    talk.write("Bye").await;
    browser.shows(".message.mine .meta", "Sent").await;
    let known = "return [...document.querySelectorAll('.message')].map((message) => message.known === true)";
    assert_eq!(browser.run(known).await, json!([true, true, false, false]));
    assert_eq!(browser.run(LOUD).await, json!(["log", "polite", true]));
    talk.browser.close().await;
}

#[tokio::test]
async fn back_and_forth_in_the_browser_is_the_same_chat() {
    let talk = Talk::begin(json!({"max_sessions_total": 1})).await;
    let Talk { browser, .. } = &talk;
    talk.write("Before").await;
    browser.shows(".message.mine .meta", "Sent").await;
    browser.visit(&format!("{}/", Installation::shared().url())).await;
    talk.agent.say(&talk.session, "Meanwhile").await;
    browser.back().await;
    browser.shows(".message.theirs", "Meanwhile").await;
    assert_eq!(browser.count(".message").await, 2);
    // The link itself leads there too.
    browser.visit(talk.link["url"].as_str().unwrap()).await;
    browser.shows(".message.theirs", "Meanwhile").await;
    assert_eq!(browser.count(".message").await, 2);
    talk.browser.close().await;
}

#[tokio::test]
async fn what_could_not_be_sent_says_so_and_is_tried_again_on_a_tap() {
    let settings = json!({"max_sessions_at_once": 1, "idle_timeout_minutes": 1.0 / 60.0});
    let talk = Talk::begin(settings).await;
    let Talk { browser, .. } = &talk;
    browser.shows(".note", "Resting").await;
    let other = Installation::shared().visitor().enter_when_there_is_room(&talk.link).await;
    // A word keeps the place: the agent owes a reply.
    other.say("My turn").await;
    browser.type_into("#message", "Me too\u{e007}").await;
    browser.shows(".message.mine .error", "the place is taken").await;
    other.post("/end", &json!({})).await.expect(200);
    until("there is room again", async || {
        // The button goes once a tap has led to something, so that there may be none to click.
        browser.run("document.querySelector('.message.mine .text-button')?.click()").await;
        browser.texts(".message.mine .meta").await.pop()?.contains("Sent").then_some(())
    })
    .await;
    assert_eq!(browser.count(".message.mine").await, 1);
    talk.browser.close().await;
}

#[tokio::test]
async fn who_has_little_time_is_told_and_who_gets_more_too() {
    let talk = Talk::begin(json!({"expires_in_minutes": 9})).await;
    let Talk { browser, .. } = &talk;
    browser.shows(".strip", "This chat ends in 9 minutes").await;
    assert_eq!(browser.count(".strip.urgent:not([hidden])").await, 0);
    talk.agent.update(&talk.link, json!({"expires_in_minutes": 1.9})).await;
    browser.shows(".strip.urgent", "This chat ends in 2 minutes").await;
    talk.agent.update(&talk.link, json!({"expires_in_minutes": 60})).await;
    browser.shows(".note-line", "The chat now runs until").await;
    until("no more warning", async || (browser.count(".strip:not([hidden])").await == 0).then_some(())).await;
    talk.browser.close().await;
}

/// Notes what the page asks of a browser that grants everything.
const GRANTS: &str = "window.asked = 0;
    window.told = [];
    window.Notification = class {
        static permission = 'granted';
        static async requestPermission() { asked += 1; return 'granted'; }
        constructor(title) { told.push(title); }
    };
    navigator.clipboard.writeText = async (text) => { window.copied = text; }";

#[tokio::test]
async fn notices_are_asked_for_on_a_tap_only_and_tell_who_wrote_but_not_what() {
    let talk = Talk::begin(json!({"agent_name": "Ada"})).await;
    let Talk { browser, .. } = &talk;
    browser.run(GRANTS).await;
    browser.run(&look("hidden")).await;
    talk.hear("Nobody is told of this").await;
    assert_eq!(browser.run("return [asked, told]").await, json!([0, []]));
    browser.open_menu().await;
    browser.click(".menu .switch + .switch").await;
    browser.find(".menu .switch + .switch[aria-pressed=true]").await;
    talk.hear("A secret").await;
    browser.becomes("return told.length > 0").await;
    assert_eq!(browser.run("return [asked, told]").await, json!([1, ["Ada wrote to you"]]));
    talk.browser.close().await;
}

#[tokio::test]
async fn code_is_copied_on_a_tap_and_a_link_opens_without_taking_the_chat_along() {
    let talk = Talk::begin(json!({})).await;
    let Talk { browser, .. } = &talk;
    browser.run(GRANTS).await;
    talk.agent.say(&talk.session, "Run this:\n\n```\nls -l\n```\n\nand read [this](https://example.org/).").await;
    browser.click(".copy").await;
    browser.shows(".copy", "Copied").await;
    assert_eq!(browser.run("return copied").await, "ls -l\n");
    let link = "const { target, rel, protocol } = document.querySelector('.rich a'); return [target, rel, protocol]";
    assert_eq!(browser.run(link).await, json!(["_blank", "noopener noreferrer nofollow", "https:"]));
    talk.browser.close().await;
}

#[tokio::test]
async fn a_page_without_scripts_says_what_it_is_and_what_to_do() {
    let browser = Browser::open().await;
    browser.without_scripts().await;
    let link = Installation::shared().agent().await.link(json!({})).await;
    browser.visit(link["url"].as_str().unwrap()).await;
    let told = browser.find("main.notice").await.text().await.unwrap();
    assert!(told.contains("needs JavaScript") && told.contains("used up nothing"), "{told}");
    assert!(!browser.find("main.loading").await.is_displayed().await.unwrap());
    browser.close().await;
}
