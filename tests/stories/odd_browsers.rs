//! Browsers that keep nothing, clocks that are wrong, addresses that were cut, files that did not come: nobody is left in front of
//! a page that does nothing.

use serde_json::json;

use crate::support::{Browser, Installation, Network, until};

/// Notes whatever goes wrong in a page without being handled.
const WATCH: &str = "window.faults = [];
    addEventListener('error', (event) => faults.push(event.message));
    addEventListener('unhandledrejection', (event) => faults.push(String(event.reason)));
    addEventListener('securitypolicyviolation', (event) => faults.push(event.violatedDirective));";
const FAULTS: &str = "return window.faults";

/// A browser that refuses to keep anything for a page, as some do in private windows and in frames.
const KEEPS_NOTHING: &str = "const refuse = () => { throw new DOMException('denied', 'SecurityError') };
    Object.defineProperty(window, 'localStorage', { get: refuse });
    Object.defineProperty(window, 'sessionStorage', { get: refuse });
    navigator.locks.request = async () => refuse();";

/// A phone whose clock is a day and an hour ahead.
const CLOCK_AHEAD: &str = "const Right = Date;
    const ahead = 25 * 3_600_000;
    Date = class extends Right {
        constructor(...given) { if (given.length) super(...given); else super(Right.now() + ahead) }
        static now() { return Right.now() + ahead }
    };";

async fn odd(script: &str) -> Browser {
    let browser = Browser::open().await;
    browser.prepare(WATCH).await;
    browser.prepare(script).await;
    browser
}

#[tokio::test]
async fn a_browser_that_keeps_nothing_is_good_for_a_chat() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_total": 1})).await;
    let browser = odd(KEEPS_NOTHING).await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.click("form button[type=submit]").await;
    browser.type_into("#message", "I keep nothing\u{e007}").await;
    browser.shows(".message.mine .meta", "Sent").await;
    let heard = agent.wait(&link, None).await;
    agent.say(heard["open_sessions"][0]["session_id"].as_str().unwrap(), "Nor do I").await;
    browser.shows(".message.theirs", "Nor do I").await;
    browser.reload().await;
    browser.shows(".message.theirs", "Nor do I").await;
    assert_eq!(browser.count(".message.mine").await, 1);
    let asked = "return performance.getEntriesByType('resource').filter(({ name }) => name.includes('/messages')).length";
    assert!(browser.run(asked).await.as_u64().unwrap() < 5, "it does not ask in circles");
    assert_eq!(browser.run(FAULTS).await, json!([]));
    browser.close().await;
}

#[tokio::test]
async fn a_phone_with_a_wrong_clock_shows_the_right_times() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let network = Network::to(installation.url()).await;
    let browser = odd(CLOCK_AHEAD).await;
    // Its time runs from here on.
    let link = agent.link(json!({"expires_in_minutes": 9})).await;
    browser.visit(&network.address(&link)).await;
    browser.click("form button[type=submit]").await;
    browser.type_into("#message", "On its way\u{e007}").await;
    browser.shows(".message.mine .meta", "Sent").await;
    browser.shows(".strip", "This chat ends in 9 minutes").await;
    network.cut();
    browser.type_into("#message", "Held up\u{e007}").await;
    browser.shows(".message.mine .meta", "Waiting").await;
    assert_eq!(browser.texts(".log .day").await, ["Today"], "all of it is of one day");
    let apart = "const [first, second] = ['first', 'last'].map((which) => document.querySelectorAll('.message time'))
        .map((times, index) => Date.parse(times[index && times.length - 1].dateTime));
        return Math.abs(second - first) < 120_000";
    assert_eq!(browser.run(apart).await, true);
    network.mend();
    until("both are sent", async || (browser.texts(".message.mine .meta").await.concat().ends_with("Sent")).then_some(())).await;
    assert_eq!(browser.run(FAULTS).await, json!([]));
    browser.close().await;
}

/// Moves the words to before and after midnight in Tokyo, which is the same day in Greenwich.
const AROUND_MIDNIGHT: &str = "const get = fetch;
    fetch = async (address, ...more) => {
        const answer = await get(address, ...more);
        if (!String(address).includes('/messages?')) return answer;
        const page = await answer.json();
        page.events.filter(({ type }) => type === 'message').forEach((event, nth) => { event.at = `2026-01-05T1${4 + nth}:30:00.000Z` });
        return new Response(JSON.stringify(page), answer);
    };";

#[tokio::test]
async fn every_day_has_its_mark_wherever_one_lives() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let browser = odd(AROUND_MIDNIGHT).await;
    browser.live_in("Asia/Tokyo").await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.click("form button[type=submit]").await;
    for words in ["Good night", "Good morning"] {
        browser.type_into("#message", &format!("{words}\u{e007}")).await;
        browser.shows(".message.mine", words).await;
    }
    browser.shows(".message.mine .meta", "Sent").await;
    browser.reload().await;
    browser.shows(".message.mine", "Good morning").await;
    let shown = browser.texts(".log > .day, .log > .message .bubble").await;
    assert_eq!(shown, ["Monday, January 5", "Good night", "Tuesday, January 6", "Good morning"]);
    browser.close().await;
}

#[tokio::test]
async fn an_address_that_was_cut_says_so() {
    let installation = Installation::shared();
    let browser = odd("").await;
    for (path, said) in [
        ("/temp-chat/%E0%A4%A", "We do not know this link"),
        ("/chat/%E0%A4%A", "not on this device"),
        ("/chat", "Continue your chat"),
    ] {
        browser.visit(&format!("{}{path}", installation.url())).await;
        browser.shows("h1", said).await;
        assert_eq!(browser.run(FAULTS).await, json!([]), "{path}");
    }
    browser.close().await;
}

#[tokio::test]
async fn a_page_that_did_not_come_whole_can_be_asked_for_again() {
    let installation = Installation::shared();
    let link = installation.agent().await.link(json!({"title": "The van"})).await;
    let browser = odd("").await;
    browser.lose(&["*words-en*"]).await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.shows("h1", "We cannot reach the chat").await;
    browser.lose(&[]).await;
    browser.click("button").await;
    browser.shows("h1", "The van").await;
    browser.close().await;
}

#[tokio::test]
async fn a_copy_that_the_browser_forbids_is_marked_instead() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let browser = odd("navigator.clipboard.writeText = async () => { throw new DOMException('no', 'NotAllowedError') }").await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.click("form button[type=submit]").await;
    browser.find("#message").await;
    let session = agent.wait(&link, None).await["open_sessions"][0]["session_id"].as_str().unwrap().to_owned();
    agent.say(&session, "```\nls -l\n```").await;
    browser.click(".copy").await;
    browser.becomes("return String(getSelection()).trim() === 'ls -l'").await;
    assert_eq!(browser.run(FAULTS).await, json!([]));
    browser.close().await;
}

#[tokio::test]
async fn a_name_that_turns_letters_around_turns_nothing_but_itself() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"agent_name": "Bank\u{202e}evil"})).await;
    let browser = odd("").await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.click("form button[type=submit]").await;
    browser.find("#message").await;
    let introduction = browser.texts(".introduction").await.concat();
    assert!(introduction.contains("\u{2068}Bankevil\u{2069}, open until"), "{introduction:?}");
    browser.close().await;
}
