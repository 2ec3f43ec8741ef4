//! How long a word takes from one side until it is there on the other: the whole way, browser and all.

use std::time::{SystemTime, UNIX_EPOCH};

use http::Method;
use serde_json::json;

use crate::support::{Agent, Browser, Installation, Stream, soon, until};

/// How many words go each way; in a minute a chatter has no more.
const WORDS: usize = 100;

/// Writes a word and taps on Send; returns when, in milliseconds since 1970.
const TAP: &str = "const field = document.querySelector('#message');
    field.value = WORD;
    field.dispatchEvent(new Event('input'));
    const now = performance.timeOrigin + performance.now();
    document.querySelector('.send').click();
    return now";

/// Notes when each of the agent's words is on screen: in the frame after the one that it was drawn in.
const NOTE: &str = "window.seen = {};
    new MutationObserver(() => requestAnimationFrame(() => requestAnimationFrame(() => {
        const now = performance.timeOrigin + performance.now();
        for (const { textContent } of document.querySelectorAll('.message.theirs .bubble')) seen[textContent.trim()] ??= now;
    }))).observe(document.querySelector('.log'), { childList: true })";

#[tokio::test]
#[ignore = "prints figures, which a busy machine makes worse"]
async fn a_word_is_on_the_other_side_in_no_time() {
    let installation = Installation::shared();
    let agent = installation.another_agent("Quick").await;
    let link = agent.link(json!({"messages_per_minute": 100, "max_messages_per_session": 1000})).await;
    let browser = Browser::open().await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.click("form button[type=submit]").await;
    browser.find("#message").await;

    let mut heard = listen(installation, &agent).await;
    let session = heard.find("session_started").await["session_id"].as_str().unwrap().to_owned();
    browser.run(NOTE).await;
    let (mut to_agent, mut to_eye) = (Vec::new(), Vec::new());
    for word in 0..WORDS {
        let tap = TAP.replace("WORD", &format!("'word {word}'"));
        let (tapped, there) = tokio::join!(browser.run(&tap), async {
            assert_eq!(heard.words(1).await, [format!("word {word}")]);
            now()
        });
        to_agent.push(there - tapped.as_f64().unwrap());

        let answer = format!("answer {word}");
        let said = now();
        agent.say(&session, &answer).await;
        let seen = format!("return seen['{answer}'] ?? null");
        to_eye.push(until(&answer, async || browser.run(&seen).await.as_f64()).await - said);
    }
    tell("tap on Send -> agent's event stream", to_agent);
    tell("agent's send -> visible in the page", to_eye);
    browser.close().await;
}

/// Follows all that the agent hears.
async fn listen(installation: &Installation, agent: &Agent) -> Stream {
    let request = installation.visitor().request(Method::GET, "/api/v1/agent/events").bearer_auth(agent.key());
    Stream::new(soon("a stream", request.send()).await.unwrap())
}

fn tell(way: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    println!("{way}: p50 {:.0} ms, p99 {:.0} ms ({} words)", at(50), at(99), times.len());
}

/// Milliseconds since 1970, as the browser counts them.
#[expect(clippy::disallowed_methods, reason = "the two sides share nothing but the machine's clock")]
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() * 1000.0
}
