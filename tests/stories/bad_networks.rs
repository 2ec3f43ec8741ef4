//! What a phone lives through: no network for a while, a proxy that holds streams back, several tabs; and nothing is lost or doubled.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Agent, Browser, Installation, Network, ToStreams, until};

/// What each side writes in an outage.
const PARTS: [&str; 3] = ["a", "b", "c"];

/// A person at a browser behind a bad network, and the agent they talk to.
struct Talk {
    agent: Agent,
    network: Network,
    browser: Browser,
    session: String,
}

impl Talk {
    async fn begin() -> Self {
        let installation = Installation::shared();
        let agent = installation.agent().await;
        let link = agent.link(json!({"messages_per_minute": 100, "max_messages_per_session": 1000})).await;
        let network = Network::to(installation.url()).await;
        let browser = Browser::open().await;
        browser.visit(&network.address(&link)).await;
        browser.click("form button[type=submit]").await;
        browser.type_into("#message", "Hello\u{e007}").await;
        let heard = agent.wait(&link, None).await;
        let session = heard["open_sessions"][0]["session_id"].as_str().unwrap().to_owned();
        Self { agent, network, browser, session }
    }

    /// Writes from both sides while the network is away for `outage`, and waits until everything is on both sides.
    async fn through(&self, name: &str, outage: Duration) {
        for part in PARTS {
            tokio::join!(self.network.fail_for(outage / 3), self.both_write(name, part));
        }
        self.network.mend();
        self.arrives(name).await;
    }

    /// Writes from both sides, whatever the network does.
    async fn both_write(&self, name: &str, part: &str) {
        self.browser.type_into("#message", &format!("mine {name}{part}\u{e007}")).await;
        self.agent.say(&self.session, &format!("theirs {name}{part}")).await;
    }

    /// Waits until what both wrote is on the other side.
    async fn arrives(&self, name: &str) {
        for part in PARTS {
            self.browser.shows(".message.theirs", &format!("theirs {name}{part}")).await;
            self.logged(&format!("mine {name}{part}")).await;
        }
        until("everything is sent", async || (self.browser.count(".unsent").await == 0).then_some(())).await;
    }

    /// Writes from both sides, one after the other.
    async fn to_and_fro(&self, name: &str) {
        self.agent.say(&self.session, &format!("theirs {name}")).await;
        self.browser.shows(".message.theirs", &format!("theirs {name}")).await;
        self.browser.type_into("#message", &format!("mine {name}\u{e007}")).await;
        self.logged(&format!("mine {name}")).await;
    }

    /// Waits until the agent can read a text.
    async fn logged(&self, text: &str) {
        until(text, async || self.texts("chatter").await.iter().any(|logged| logged == text).then_some(())).await;
    }

    /// Returns what one side has said, as the log has it.
    async fn texts(&self, from: &str) -> Vec<String> {
        let mut texts = Vec::new();
        let mut after = Value::Null;
        loop {
            let mut arguments = json!({"session_id": self.session, "limit": 100});
            if !after.is_null() {
                arguments["after"] = after;
            }
            let page = self.agent.ask("temp_chat_read_messages", arguments).await;
            let events = page["events"].as_array().unwrap();
            texts.extend(
                events
                    .iter()
                    .filter(|event| event["data"]["from"] == from)
                    .map(|event| event["data"]["text"].as_str().unwrap().to_owned()),
            );
            if page["has_more"] != true {
                return texts;
            }
            after = page["next_cursor"].clone();
        }
    }

    /// Compares both sides: each text once, in the same order.
    async fn agrees(&self) -> usize {
        let (mine, theirs) = (self.texts("chatter").await, self.texts("agent").await);
        until("the same words on both sides", async || {
            let shown = (self.browser.texts(".message.mine .bubble").await, self.browser.texts(".message.theirs .bubble").await);
            (shown == (mine.clone(), theirs.clone())).then_some(())
        })
        .await;
        for texts in [&mine, &theirs] {
            let mut once = texts.clone();
            once.sort();
            once.dedup();
            assert_eq!(once.len(), texts.len(), "{texts:?}");
        }
        mine.len() + theirs.len()
    }
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_while_the_network_comes_and_goes() {
    let talk = Talk::begin().await;
    // It breaks what is open, and is there again at once.
    talk.network.cut();
    talk.network.mend();
    for part in PARTS {
        talk.both_write("blink", part).await;
    }
    talk.arrives("blink").await;

    // It goes while both write, and stays away until the page has noticed; and then goes once more.
    for name in ["out", "again"] {
        talk.both_write(name, PARTS[0]).await;
        talk.network.cut();
        for part in &PARTS[1..] {
            talk.both_write(name, part).await;
        }
        talk.browser.shows(".message.mine .meta", "Waiting to be sent").await;
        talk.browser.shows(".strip", "No connection").await;
        talk.network.mend();
        talk.arrives(name).await;
    }
    assert_eq!(talk.agrees().await, 19);
    talk.browser.close().await;
}

#[tokio::test]
#[ignore = "takes some minutes: as long as networks are away"]
async fn long_outages_neither_lose_nor_double_anything() {
    let talk = Talk::begin().await;
    let outages = [1, 2, 5, 10, 20, 30, 60, 120];
    for seconds in outages {
        talk.through(&format!("{seconds} "), Duration::from_secs(seconds)).await;
        println!("after {seconds} s: everything is on both sides");
    }
    let (written, agreed) = (1 + 2 * PARTS.len() * outages.len(), talk.agrees().await);
    assert_eq!(agreed, written);
    println!("{written} messages both ways, 0 lost, 0 doubled");
    talk.browser.close().await;
}

#[tokio::test]
async fn a_proxy_that_holds_streams_back_delays_and_loses_nothing() {
    let talk = Talk::begin().await;
    talk.network.hold_back();
    talk.to_and_fro("held").await;
    talk.network.mend();
    talk.to_and_fro("free").await;
    assert_eq!(talk.agrees().await, 5);
    talk.browser.close().await;
}

#[tokio::test]
async fn what_is_written_without_a_network_survives_the_page_and_is_sent_once() {
    let talk = Talk::begin().await;
    talk.browser.shows(".message.mine .meta", "Sent").await;
    talk.network.cut();
    for text in ["First", "Second"] {
        talk.browser.type_into("#message", &format!("{text}\u{e007}")).await;
    }
    talk.browser.shows(".message.mine .meta", "Waiting to be sent").await;
    let chat = talk.browser.address().await;
    talk.browser.visit("about:blank").await;
    talk.network.mend();
    talk.browser.visit(&chat).await;
    talk.logged("Second").await;
    assert_eq!(talk.texts("chatter").await, ["Hello", "First", "Second"]);
    talk.agrees().await;
    talk.browser.close().await;
}

#[tokio::test]
async fn tabs_share_one_stream_and_one_takes_over_from_another() {
    let talk = Talk::begin().await;
    let chat = talk.browser.address().await;
    talk.browser.open_tab().await;
    talk.browser.visit(&chat).await;
    talk.browser.shows(".message.mine", "Hello").await;
    talk.agent.say(&talk.session, "To both").await;
    talk.browser.shows(".message.theirs", "To both").await;
    until("one stream", async || (talk.network.streams() == 1).then_some(())).await;

    // The first tab leads; without it the second one goes on.
    talk.browser.close_other_tabs().await;
    talk.agent.say(&talk.session, "To the other").await;
    talk.browser.shows(".message.theirs", "To the other").await;
    talk.browser.type_into("#message", "Still here\u{e007}").await;
    talk.logged("Still here").await;
    assert_eq!(talk.agrees().await, 4);
    until("one stream again", async || (talk.network.streams() == 1).then_some(())).await;
    talk.browser.close().await;
}

/// What proxies, filters and extensions make of an event stream.
const IN_THE_WAY: [(&str, ToStreams); 12] = [
    ("bad gateway", ToStreams::AnsweredWith("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbad")),
    ("forbidden", ToStreams::AnsweredWith("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")),
    ("not found", ToStreams::AnsweredWith("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")),
    (
        "wrong method",
        ToStreams::AnsweredWith("HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    ),
    (
        "too many",
        ToStreams::AnsweredWith(
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 600\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        ),
    ),
    (
        "sign in",
        ToStreams::AnsweredWith(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 14\r\nConnection: close\r\n\r\n<h1>Sign in\n\n\n",
        ),
    ),
    (
        "empty",
        ToStreams::AnsweredWith(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        ),
    ),
    ("filtered", ToStreams::AnsweredWith("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")),
    ("no head", ToStreams::HeldBackAfter(Duration::ZERO)),
    ("no more than the head", ToStreams::HeldBackBehindHead),
    ("no more than the beginning", ToStreams::HeldBackAfter(Duration::from_secs(1))),
    ("cut at once", ToStreams::CutAfter(Duration::ZERO)),
];

#[tokio::test]
async fn whatever_is_made_of_the_stream_polls_take_over_and_the_stream_is_tried_again() {
    let talk = Talk::begin().await;
    // What the page says of the network, at any time.
    talk.browser
        .run(
            "const looked = () => { if (document.querySelector('.strip')?.textContent.includes('No connection')) window.lost = true; };
             new MutationObserver(looked).observe(document.body, { subtree: true, childList: true, characterData: true });",
        )
        .await;
    let has_lost = async || talk.browser.run("return window.lost === true").await == true;
    let network_changed = "dispatchEvent(new Event('online'))";
    for (name, how) in IN_THE_WAY {
        let asked = talk.network.streams_asked_for();
        talk.network.treat_streams(how);
        talk.browser.run(network_changed).await;
        let began = Instant::now();
        talk.to_and_fro(name).await;
        assert!(began.elapsed() < Duration::from_secs(30), "{name}: {:?}", began.elapsed());
        assert!(!has_lost().await, "{name}: there is a connection");
        // It is not asked for all the time.
        assert!(talk.network.streams_asked_for() - asked < 8, "{name}");
    }

    // Nor is it given up: half a minute later it is tried by itself.
    talk.network.mend();
    until("the stream is there again", async || (talk.network.streams() == 1).then_some(())).await;
    talk.to_and_fro("free").await;
    assert_eq!(talk.agrees().await, 1 + 2 * (IN_THE_WAY.len() + 1));
    talk.browser.close().await;
}

#[tokio::test]
async fn where_polls_are_cut_too_they_wait_for_less() {
    let talk = Talk::begin().await;
    talk.network.only_polls_within(Duration::from_secs(4));
    talk.to_and_fro("before").await;
    let cut = talk.network.given_up();
    // Of 25 s half, of that half, and then what is short enough.
    until("a poll is cut twice", async || (talk.network.given_up() >= cut + 2).then_some(())).await;
    talk.to_and_fro("after").await;
    assert_eq!(talk.browser.texts(".strip").await.concat(), "", "there is a connection");
    assert_eq!(talk.agrees().await, 5);
    talk.browser.close().await;
}
